package osfs

import (
	"errors"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
	"golang.org/x/sys/windows"
)

// dir is an open directory. Its methods take the name of one entry and never
// follow a link out of the directory. It is closed when each holder has called
// close.
type dir struct {
	root *os.Root
	f    *os.File // the directory itself, for its identity and its entries
	refs atomic.Int32
}

// openDirIn opens a directory below root.
func openDirIn(root *os.Root, name string) (*dir, error) {
	sub, err := root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	f, err := sub.Open(".")
	if err != nil {
		sub.Close()
		return nil, err
	}
	d := &dir{root: sub, f: f}
	d.refs.Store(1)
	return d, nil
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
	if d.refs.Add(-1) == 0 {
		d.f.Close()
		d.root.Close()
	}
}

func (d *dir) key() (fileID, error) {
	fi, err := fstat(d.f, ".")
	if err != nil {
		return fileID{}, err
	}
	return fi.id(), nil
}

func (d *dir) readDir(n int) ([]fs.DirEntry, error) { return d.f.ReadDir(n) }

func (d *dir) lstat(base string) (*info, error) {
	fi, err := d.root.Lstat(base)
	if err != nil {
		return nil, err
	}
	return fromOS(fi, base), nil
}

// open opens a regular file; anything else is an error.
func (d *dir) open(base string, flag int, perm fs.FileMode) (*os.File, *info, error) {
	f, err := d.root.OpenFile(base, flag, perm)
	if err != nil {
		return nil, nil, err
	}
	i, err := fstat(f, base)
	if err == nil {
		err = regularOnly(i.mode)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, i, nil
}

// create makes a regular file that must not exist.
func (d *dir) create(base string, flag int, perm fs.FileMode) (*os.File, error) {
	return d.root.OpenFile(base, flag|os.O_CREATE|os.O_EXCL, perm)
}

func isLink(err error) bool { return errors.Is(err, syscall.ELOOP) }

// child opens a directory in d.
func (d *dir) child(base string) (*dir, error) {
	if fi, err := d.root.Lstat(base); err != nil {
		return nil, err
	} else if !fi.IsDir() {
		return nil, vfs.ErrNotDir
	}
	return openDirIn(d.root, base)
}

// reader opens d again, so that it can be read from the start.
func (d *dir) reader() (*dir, error) { return openDirIn(d.root, ".") }

// unlink removes anything but a directory.
func (d *dir) unlink(base string) error {
	fi, err := d.root.Lstat(base)
	if err != nil {
		return err
	}
	if fi.IsDir() {
		return vfs.ErrIsDir
	}
	return patiently(func() error { return d.root.Remove(base) })
}

func (d *dir) rmdir(base string) error {
	fi, err := d.root.Lstat(base)
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		return vfs.ErrNotDir
	}
	return patiently(func() error { return d.root.Remove(base) })
}

// rename replaces a file by a file and an empty directory by a directory, the
// latter in two steps.
func (d *dir) rename(base string, to *dir, newbase string) error {
	old, err := d.root.Lstat(base)
	if err != nil {
		return err
	}
	if fi, err := to.root.Lstat(newbase); err == nil && !os.SameFile(old, fi) {
		switch {
		case fi.IsDir() && !old.IsDir():
			return vfs.ErrIsDir
		case !fi.IsDir() && old.IsDir():
			return vfs.ErrNotDir
		case fi.IsDir():
			if err := to.root.Remove(newbase); err != nil {
				return err
			}
		}
	}
	return patiently(func() error {
		return d.rename1(base, to, newbase, windows.FILE_RENAME_REPLACE_IF_EXISTS)
	})
}

func (d *dir) symlink(target, base string) error { return d.root.Symlink(target, base) }

func (d *dir) mkdir(base string, perm fs.FileMode) error { return d.root.Mkdir(base, perm) }

// sync does nothing: NTFS journals its names, and a directory can't be flushed
// without the right to write to it.
func (d *dir) sync() error { return nil }

// patiently runs call again for a moment while another program, such as a
// virus scanner, has the file open.
func patiently(call func() error) error {
	for wait := time.Millisecond; ; wait *= 2 {
		err := call()
		busy := errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
		if !busy || wait > 128*time.Millisecond {
			return err
		}
		time.Sleep(wait)
	}
}
