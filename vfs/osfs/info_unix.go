//go:build unix

package osfs

import (
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// fill sets all but the name.
func (i *info) fill(st *unix.Stat_t) {
	i.size = st.Size
	i.mode = fileMode(uint32(st.Mode))
	i.mtime = time.Unix(st.Mtim.Unix())
	i.sys.Atime = time.Unix(st.Atim.Unix())
	i.sys.UID, i.sys.GID, i.sys.HasOwner = st.Uid, st.Gid, true
	i.sys.Links = uint64(st.Nlink)
	i.sys.Dev, i.sys.Ino = uint64(st.Dev), uint64(st.Ino)
}

// fromOS makes an info of what package os found.
func fromOS(fi fs.FileInfo, name string) *info {
	i := &info{name: name, size: fi.Size(), mode: fi.Mode(), mtime: fi.ModTime()}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		i.sys.Atime = atime(st)
		i.sys.UID, i.sys.GID, i.sys.HasOwner = st.Uid, st.Gid, true
		i.sys.Links = uint64(st.Nlink)
		i.sys.Dev, i.sys.Ino = uint64(st.Dev), uint64(st.Ino)
	}
	return i
}

// fstat describes an open file.
func fstat(f *os.File, name string) (i *info, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, fs.ErrClosed
	}
	if raw.Control(func(fd uintptr) { i, err = fstatFD(int(fd), name) }) != nil {
		return nil, fs.ErrClosed
	}
	return i, err
}

func fstatFD(fd int, name string) (*info, error) {
	var st unix.Stat_t
	if err := noEINTR(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return nil, err
	}
	i := &info{name: name}
	i.fill(&st)
	return i, nil
}

// fileMode translates st_mode.
func fileMode(m uint32) fs.FileMode {
	mode := fs.FileMode(m & 0o777)
	switch m & unix.S_IFMT {
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	case unix.S_IFIFO:
		mode |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		mode |= fs.ModeSocket
	case unix.S_IFBLK:
		mode |= fs.ModeDevice
	case unix.S_IFCHR:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	case unix.S_IFREG:
	default:
		mode |= fs.ModeIrregular
	}
	if m&unix.S_ISUID != 0 {
		mode |= fs.ModeSetuid
	}
	if m&unix.S_ISGID != 0 {
		mode |= fs.ModeSetgid
	}
	if m&unix.S_ISVTX != 0 {
		mode |= fs.ModeSticky
	}
	return mode
}
