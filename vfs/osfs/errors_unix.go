//go:build unix

package osfs

import (
	"io/fs"

	"github.com/quaymaster/quaymaster/vfs"
	"golang.org/x/sys/unix"
)

type errno = unix.Errno

func mapErrno(err error) error {
	switch err {
	case unix.ENOTEMPTY:
		return vfs.ErrNotEmpty
	case unix.EISDIR:
		return vfs.ErrIsDir
	case unix.ENOTDIR:
		return vfs.ErrNotDir
	case unix.ENXIO, unix.ENODEV: // a FIFO without a reader, a socket, a device
		return vfs.ErrNotRegular
	case unix.ENOSPC:
		return vfs.ErrNoSpace
	case unix.EDQUOT:
		return vfs.ErrQuota
	case unix.EROFS:
		return vfs.ErrReadOnly
	case unix.EXDEV:
		return vfs.ErrCrossDevice
	case unix.ENAMETOOLONG:
		return vfs.ErrNameTooLong
	case unix.ELOOP:
		return vfs.ErrLoop
	case unix.EINVAL, unix.EILSEQ:
		return fs.ErrInvalid
	}
	return nil
}

// noEINTR runs call until it is not interrupted.
func noEINTR(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
