//go:build unix && !linux

package osfs

import (
	"io/fs"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
	"golang.org/x/sys/unix"
)

// setAttr sets all but the size of an entry, never of what a link there leads
// to. old is its mode as the caller saw it; errRaced when a link has come in
// its place.
func (d *dir) setAttr(base string, old fs.FileMode, a *vfs.Attr) error {
	fi, err := d.lstat(base)
	if err != nil {
		return err
	}
	if fi.mode&fs.ModeSymlink != 0 && old&fs.ModeSymlink == 0 {
		return errRaced
	}
	return attrSetter{
		owner: func(uid, gid int) error {
			return unix.Fchownat(d.fd, base, uid, gid, unix.AT_SYMLINK_NOFOLLOW)
		},
		mode: func(mode uint32) error {
			return unix.Fchmodat(d.fd, base, mode, unix.AT_SYMLINK_NOFOLLOW)
		},
		times: func(a *vfs.Attr) error {
			ts := make([]unix.Timespec, 2)
			for i, t := range allTimes(fi, a) {
				if ts[i], err = unix.TimeToTimespec(t); err != nil {
					return fs.ErrInvalid
				}
			}
			return unix.UtimesNanoAt(d.fd, base, ts, unix.AT_SYMLINK_NOFOLLOW)
		},
	}.apply(fi.mode, a)
}

// setFDTimes is futimes, which has microseconds only.
func setFDTimes(fd int, a *vfs.Attr) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	fi := new(info)
	fi.fill(&st)
	tv := make([]unix.Timeval, 2)
	for i, t := range allTimes(fi, a) {
		tv[i] = unix.NsecToTimeval(t.UnixNano())
	}
	return unix.Futimes(fd, tv)
}

// allTimes returns both times, that which is not to change as it is now: not
// all these systems can leave one out.
func allTimes(now *info, a *vfs.Attr) [2]time.Time {
	t, set := times(a)
	if !set[0] {
		t[0] = now.sys.Atime
	}
	if !set[1] {
		t[1] = now.mtime
	}
	return t
}
