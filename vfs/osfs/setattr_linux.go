package osfs

import (
	"errors"
	"io/fs"
	"strconv"

	"github.com/quaymaster/quaymaster/vfs"
	"golang.org/x/sys/unix"
)

// setAttr sets all but the size of an entry, on a descriptor that pins it and
// needs no right to read it. old is its mode as the caller saw it; errRaced
// when a link has come in its place.
func (d *dir) setAttr(base string, old fs.FileMode, a *vfs.Attr) error {
	var fd int
	err := noEINTR(func() (err error) {
		fd, err = unix.Openat(d.fd, base, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := noEINTR(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return err
	}
	now := fileMode(st.Mode)
	link := now&fs.ModeSymlink != 0
	if link && old&fs.ModeSymlink == 0 {
		return errRaced
	}
	s := attrSetter{
		owner: func(uid, gid int) error { return unix.Fchownat(fd, "", uid, gid, unix.AT_EMPTY_PATH) },
		mode:  func(mode uint32) error { return chmodPath(fd, mode) },
		times: func(a *vfs.Attr) error { return setFDTimes(fd, a) },
	}
	if link {
		s.mode = func(uint32) error { return errors.ErrUnsupported }
		s.times = func(a *vfs.Attr) error {
			ts, err := timespecs(a)
			if err != nil {
				return err
			}
			return unix.UtimesNanoAt(d.fd, base, ts, unix.AT_SYMLINK_NOFOLLOW)
		}
	}
	return s.apply(now, a)
}

// chmodPath is fchmod for a descriptor that was opened with O_PATH.
func chmodPath(fd int, mode uint32) error {
	err := unix.Fchmodat(fd, "", mode, unix.AT_EMPTY_PATH)
	if err == unix.EOPNOTSUPP || err == unix.EPERM { // Linux before 6.6, or a filter
		if unix.Chmod(procFD(fd), mode) == nil {
			return nil
		}
	}
	return err
}

// setFDTimes is futimens, also for a descriptor that was opened with O_PATH.
func setFDTimes(fd int, a *vfs.Attr) error {
	ts, err := timespecs(a)
	if err != nil {
		return err
	}
	err = unix.UtimesNanoAt(fd, "", ts, unix.AT_EMPTY_PATH)
	if err == unix.EINVAL || err == unix.ENOENT { // Linux before 5.8
		return unix.UtimesNanoAt(unix.AT_FDCWD, procFD(fd), ts, 0)
	}
	return err
}

func procFD(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

func timespecs(a *vfs.Attr) ([]unix.Timespec, error) {
	ts := make([]unix.Timespec, 2)
	t, set := times(a)
	for i := range ts {
		ts[i].Nsec = unix.UTIME_OMIT
		if set[i] {
			var err error
			if ts[i], err = unix.TimeToTimespec(t[i]); err != nil {
				return nil, fs.ErrInvalid
			}
		}
	}
	return ts, nil
}
