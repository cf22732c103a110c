package aferofs

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/spf13/afero"

	"github.com/quaymaster/quaymaster/vfs"
)

// sentinel returns the error of package vfs or io/fs that err stands for, or
// err itself.
func sentinel(err error) error {
	if err == nil {
		return nil
	}
	for _, known := range []struct{ from, to error }{
		{afero.ErrFileClosed, fs.ErrClosed},
		{afero.ErrOutOfRange, fs.ErrInvalid},
		{afero.ErrNoSymlink, errors.ErrUnsupported},
		{afero.ErrNoReadlink, errors.ErrUnsupported},
		{syscall.ENOTEMPTY, vfs.ErrNotEmpty}, // before EEXIST, which it matches
		{syscall.EISDIR, vfs.ErrIsDir},
		{syscall.ENOTDIR, vfs.ErrNotDir},
		{syscall.ENOSPC, vfs.ErrNoSpace},
		{syscall.EDQUOT, vfs.ErrQuota},
		{syscall.EXDEV, vfs.ErrCrossDevice},
		{syscall.EROFS, vfs.ErrReadOnly},
		{syscall.ENAMETOOLONG, vfs.ErrNameTooLong},
		{syscall.ELOOP, vfs.ErrLoop},
		{syscall.EINVAL, fs.ErrInvalid},
	} {
		if errors.Is(err, known.from) {
			return known.to
		}
	}
	return err
}
