//go:build unix

package osfs

import (
	"errors"
	"io/fs"
	"os"
	"sync/atomic"

	"github.com/quaymaster/quaymaster/vfs"
	"golang.org/x/sys/unix"
)

// dir is an open directory. Its methods take the name of one entry, never
// follow a link there, and answer with errnos. It is closed when each holder
// has called close.
type dir struct {
	fd   int
	f    *os.File // owns fd; nil: d does, which costs less
	refs atomic.Int32
}

func newDir(f *os.File) *dir {
	d := bareDir(int(f.Fd()))
	d.f = f
	return d
}

func bareDir(fd int) *dir {
	d := &dir{fd: fd}
	d.refs.Store(1)
	return d
}

// openDirIn opens a directory below root.
func openDirIn(root *os.Root, name string) (*dir, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return newDir(f), nil
}

// retain adds a holder; nil when d is closed.
func (d *dir) retain() *dir {
	for {
		n := d.refs.Load()
		if n <= 0 {
			return nil
		}
		if d.refs.CompareAndSwap(n, n+1) {
			return d
		}
	}
}

func (d *dir) close() {
	if d.refs.Add(-1) > 0 {
		return
	}
	if d.f != nil {
		d.f.Close()
	} else {
		unix.Close(d.fd)
	}
	d.fd = -1 // soon another's
}

func (d *dir) key() (fileID, error) {
	fi, err := fstatFD(d.fd, ".")
	if err != nil {
		return fileID{}, err
	}
	return fi.id(), nil
}

// readDir must not be called by two at a time.
func (d *dir) readDir(n int) ([]fs.DirEntry, error) {
	if d.f == nil {
		d.f = os.NewFile(uintptr(d.fd), ".")
	}
	return d.f.ReadDir(n)
}

func (d *dir) lstat(base string) (*info, error) {
	var st unix.Stat_t
	err := noEINTR(func() error {
		return unix.Fstatat(d.fd, base, &st, unix.AT_SYMLINK_NOFOLLOW)
	})
	if err != nil {
		return nil, err
	}
	i := &info{name: base}
	i.fill(&st)
	return i, nil
}

// open opens a regular file; anything else is an error and is not waited for.
// flag must not hold O_TRUNC, which would come before the check.
func (d *dir) open(base string, flag int, perm fs.FileMode) (*os.File, *info, error) {
	fd, err := d.openFD(base, flag|unix.O_NONBLOCK, perm)
	if err != nil {
		return nil, nil, err
	}
	i, err := fstatFD(fd, base)
	if err == nil {
		err = regularOnly(i.mode)
	}
	if err == nil { // O_NONBLOCK has done its work
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flag&unix.O_APPEND)
	}
	if err != nil {
		unix.Close(fd)
		return nil, nil, err
	}
	return os.NewFile(uintptr(fd), base), i, nil
}

// create makes a regular file that must not exist.
func (d *dir) create(base string, flag int, perm fs.FileMode) (*os.File, error) {
	fd, err := d.openFD(base, flag|unix.O_CREAT|unix.O_EXCL, perm)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), base), nil
}

func (d *dir) openFD(base string, flag int, perm fs.FileMode) (fd int, err error) {
	err = noEINTR(func() error {
		fd, err = unix.Openat(d.fd, base, flag|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NOCTTY, uint32(perm))
		return err
	})
	return fd, err
}

// isLink tells whether open failed because a link was there.
func isLink(err error) bool {
	return errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EMLINK)
}

// child opens a directory in d.
func (d *dir) child(base string) (*dir, error) {
	fd, err := d.openFD(base, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return bareDir(fd), nil
}

// reader opens d again, so that it can be read from the start. Unlike a
// directory that os.Root opened it does not look at each entry.
func (d *dir) reader() (*dir, error) { return d.child(".") }

// unlink removes anything but a directory.
func (d *dir) unlink(base string) error {
	err := noEINTR(func() error { return unix.Unlinkat(d.fd, base, 0) })
	if err == unix.EPERM || err == unix.EACCES { // what POSIX says for a directory
		if fi, err := d.lstat(base); err == nil && fi.IsDir() {
			return vfs.ErrIsDir
		}
	}
	return err
}

func (d *dir) rmdir(base string) error {
	err := noEINTR(func() error { return unix.Unlinkat(d.fd, base, unix.AT_REMOVEDIR) })
	if err == unix.EEXIST {
		err = unix.ENOTEMPTY
	}
	return err
}

// rename replaces what POSIX lets it replace.
func (d *dir) rename(base string, to *dir, newbase string) error {
	err := noEINTR(func() error { return unix.Renameat(d.fd, base, to.fd, newbase) })
	if err == unix.EEXIST {
		err = unix.ENOTEMPTY
	}
	return err
}

func (d *dir) link(base string, to *dir, newbase string) error {
	return noEINTR(func() error { return unix.Linkat(d.fd, base, to.fd, newbase, 0) })
}

func (d *dir) symlink(target, base string) error {
	return noEINTR(func() error { return unix.Symlinkat(target, d.fd, base) })
}

func (d *dir) mkdir(base string, perm fs.FileMode) error {
	return noEINTR(func() error { return unix.Mkdirat(d.fd, base, uint32(perm)) })
}

// sync flushes the names in d.
func (d *dir) sync() error {
	var err error
	if d.f != nil {
		err = cause(d.f.Sync())
	} else {
		err = noEINTR(func() error { return unix.Fsync(d.fd) })
	}
	if err == unix.EINVAL || errors.Is(err, errors.ErrUnsupported) {
		return nil // a store that has no such thing
	}
	return err
}
