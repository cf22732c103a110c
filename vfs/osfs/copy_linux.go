package osfs

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// onFDs runs call on the descriptors of two files, which stay open meanwhile.
func onFDs(dst, src *os.File, call func(dst, src int) error) error {
	d, err := dst.SyscallConn()
	if err != nil {
		return fs.ErrClosed
	}
	s, err := src.SyscallConn()
	if err != nil {
		return fs.ErrClosed
	}
	var inner, result error
	outer := d.Control(func(dfd uintptr) {
		inner = s.Control(func(sfd uintptr) { result = call(int(dfd), int(sfd)) })
	})
	if outer != nil || inner != nil {
		return fs.ErrClosed
	}
	return result
}

// copyRange copies inside the kernel, and shares blocks where the store can.
func copyRange(dst *os.File, dstOff int64, src *os.File, srcOff, n int64) (int64, error) {
	var done int
	err := onFDs(dst, src, func(dfd, sfd int) error {
		var d, s unix.Stat_t
		if err := unix.Fstat(dfd, &d); err != nil {
			return err
		}
		if err := unix.Fstat(sfd, &s); err != nil {
			return err
		}
		if s.Mode&unix.S_IFMT != unix.S_IFREG {
			return errors.ErrUnsupported
		}
		n = min(n, s.Size-srcOff)
		if n <= 0 {
			return nil
		}
		if d.Dev == s.Dev && d.Ino == s.Ino && dstOff < srcOff+n && srcOff < dstOff+n {
			return fs.ErrInvalid
		}
		err := noEINTR(func() (err error) {
			done, err = unix.CopyFileRange(sfd, &srcOff, dfd, &dstOff, int(min(n, 1<<30)), 0)
			return err
		})
		if err == nil && done == 0 { // the kernel has no data where there is some
			return errors.ErrUnsupported
		}
		return err
	})
	switch err {
	case unix.ENOSYS, unix.EXDEV, unix.EINVAL, unix.EOPNOTSUPP, unix.EBADF, unix.ETXTBSY, unix.EPERM:
		return 0, errors.ErrUnsupported
	}
	return int64(max(done, 0)), err
}

// clone makes dst share the content of src.
func clone(dst, src *os.File) error {
	return onFDs(dst, src, func(dfd, sfd int) error {
		return noEINTR(func() error { return unix.IoctlFileClone(dfd, sfd) })
	})
}
