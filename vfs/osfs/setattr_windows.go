package osfs

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
	"golang.org/x/sys/windows"
)

// setAttr sets the times of an entry.
func (d *dir) setAttr(base string, _ fs.FileMode, a *vfs.Attr) error {
	if a.Mask&(vfs.AttrOwner|vfs.AttrMode) != 0 {
		return errors.ErrUnsupported
	}
	t, set := times(a)
	for i := range t {
		if !set[i] {
			t[i] = time.Time{} // os leaves a zero time as it is
		}
	}
	return d.root.Chtimes(base, t[0], t[1])
}

// setFileAttr sets the times of an open file.
func setFileAttr(f *os.File, a *vfs.Attr) error {
	if a.Mask&(vfs.AttrOwner|vfs.AttrMode) != 0 {
		return errors.ErrUnsupported
	}
	t, set := times(a)
	var ft [2]*windows.Filetime
	for i := range t {
		if set[i] {
			v := windows.NsecToFiletime(t[i].UnixNano())
			ft[i] = &v
		}
	}
	if ft[0] == nil && ft[1] == nil {
		return nil
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return fs.ErrClosed
	}
	if raw.Control(func(fd uintptr) { err = windows.SetFileTime(windows.Handle(fd), nil, ft[0], ft[1]) }) != nil {
		return fs.ErrClosed
	}
	return err
}

// Windows has no modes or owners to hide, restore or inherit: a file takes its
// rights from the directory.
func hide(*os.File, fs.FileMode) error   { return nil }
func unhide(*os.File, fs.FileMode) error { return nil }
func inherit(*os.File, *info)            {}
