package osfs

import (
	"errors"
	"io/fs"
	"os"

	"github.com/quaymaster/quaymaster/vfs"
)

// cause returns the error inside those that name paths of the host.
func cause(err error) error {
	for {
		switch e := err.(type) {
		case *fs.PathError:
			err = e.Err
		case *os.LinkError:
			err = e.Err
		case *os.SyscallError:
			err = e.Err
		default:
			return err
		}
	}
}

// sentinels are the errors that errnos are made into when they match. The
// order matters: what matches two comes first with the narrower.
func sentinels() []error {
	return []error{fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, fs.ErrClosed, errors.ErrUnsupported}
}

// mapErr returns err without paths, as one of the sentinels where there is
// one.
func mapErr(err error) error {
	if err = cause(err); err == nil {
		return nil
	}
	if mapped := mapErrno(err); mapped != nil {
		return mapped
	}
	if _, ok := err.(errno); ok {
		for _, s := range sentinels() {
			if errors.Is(err, s) {
				return s
			}
		}
	}
	return err
}

// fail is mapErr as a *fs.PathError for the name that was asked for.
func fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: mapErr(err)}
}

// regularOnly returns the error for opening something of this type as a file.
func regularOnly(mode fs.FileMode) error {
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return vfs.ErrIsDir
	}
	return vfs.ErrNotRegular
}
