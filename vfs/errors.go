package vfs

import (
	"errors"
	"io/fs"
)

// Errors that io/fs has no name for. They come wrapped in *fs.PathError.
var (
	ErrNotEmpty    = errors.New("directory not empty")
	ErrIsDir       = errors.New("is a directory")
	ErrNotDir      = errors.New("not a directory")
	ErrNotRegular  = errors.New("not a regular file")
	ErrNoSpace     = errors.New("no space left")
	ErrQuota       = errors.New("quota exceeded")
	ErrLocked      = errors.New("being written by another session")
	ErrCrossDevice = errors.New("not on the same file system")
	ErrReadOnly    = readOnlyError{}
	ErrNameTooLong = errors.New("name too long")
	ErrLoop        = errors.New("too many levels of symbolic links")
	ErrEscape      = escapeError{}
)

// readOnlyError also matches fs.ErrPermission.
type readOnlyError struct{}

func (readOnlyError) Error() string        { return "read-only file system" }
func (readOnlyError) Is(target error) bool { return target == fs.ErrPermission }

// escapeError is a name or link that leads out of the root. It also matches
// fs.ErrPermission.
type escapeError struct{}

func (escapeError) Error() string        { return "path leads out of the root" }
func (escapeError) Is(target error) bool { return target == fs.ErrPermission }

// PathError returns err as a *fs.PathError for op and name. An error that
// already is one is taken apart first, so that Path is the name asked for and
// not what a lower layer made of it. A nil err gives nil.
func PathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}
