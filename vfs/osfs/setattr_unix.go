//go:build unix

package osfs

import (
	"io/fs"
	"os"

	"github.com/quaymaster/quaymaster/vfs"
	"golang.org/x/sys/unix"
)

// rawMode is the mode to set on something of mode old; see SetAttr.
func rawMode(old, mode fs.FileMode) uint32 {
	m := uint32(mode & 0o777)
	if !old.IsDir() {
		return m
	}
	if old&fs.ModeSetgid != 0 {
		m |= unix.S_ISGID
	}
	if old&fs.ModeSticky != 0 {
		m |= unix.S_ISVTX
	}
	return m
}

// setFileAttr sets all but the size of an open regular file.
func setFileAttr(f *os.File, a *vfs.Attr) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return fs.ErrClosed
	}
	closed := raw.Control(func(fd uintptr) {
		err = attrSetter{
			owner: func(uid, gid int) error { return unix.Fchown(int(fd), uid, gid) },
			mode:  func(mode uint32) error { return unix.Fchmod(int(fd), mode) },
			times: func(a *vfs.Attr) error { return setFDTimes(int(fd), a) },
		}.apply(0, a)
	})
	if closed != nil {
		return fs.ErrClosed
	}
	return err
}

// attrSetter are the ways to set attributes of one thing.
type attrSetter struct {
	owner func(uid, gid int) error
	mode  func(mode uint32) error
	times func(a *vfs.Attr) error
}

// apply sets what a asks for, in order, on something of mode old.
func (s attrSetter) apply(old fs.FileMode, a *vfs.Attr) error {
	if a.Mask&vfs.AttrOwner != 0 {
		if err := noEINTR(func() error { return s.owner(int(a.UID), int(a.GID)) }); err != nil {
			return err
		}
	}
	if a.Mask&vfs.AttrMode != 0 {
		if err := noEINTR(func() error { return s.mode(rawMode(old, a.Mode)) }); err != nil {
			return err
		}
	}
	if a.Mask&(vfs.AttrAtime|vfs.AttrMtime) != 0 {
		return noEINTR(func() error { return s.times(a) })
	}
	return nil
}

// hide takes what mode gives to others than the owner from a file while it is
// staged.
func hide(f *os.File, mode fs.FileMode) error {
	if mode.Perm() == 0o600 {
		return nil
	}
	return f.Chmod(0o600)
}

// unhide undoes hide.
func unhide(f *os.File, mode fs.FileMode) error {
	if mode.Perm() == 0o600 {
		return nil
	}
	return f.Chmod(mode.Perm())
}

// inherit gives f the owner and group of old, or one of them, as far as the
// process may.
func inherit(f *os.File, old *info) {
	now, err := fstat(f, "")
	if err != nil || now.sys.UID == old.sys.UID && now.sys.GID == old.sys.GID {
		return
	}
	if f.Chown(int(old.sys.UID), int(old.sys.GID)) != nil {
		_ = f.Chown(-1, int(old.sys.GID))
	}
}
