package osfs

import (
	"unsafe"

	"github.com/quaymaster/quaymaster/vfs"
	"golang.org/x/sys/unix"
)

const haveSpace = true

func (d *dir) space() (*vfs.Space, error) {
	var st unix.Statfs_t
	if err := noEINTR(func() error { return unix.Fstatfs(d.fd, &st) }); err != nil {
		return nil, err
	}
	s := &vfs.Space{
		BlockSize: uint64(st.Bsize), FragmentSize: uint64(st.Frsize),
		Total: st.Blocks, Free: st.Bfree, Available: st.Bavail,
		Files: st.Files, FilesFree: st.Ffree, FilesAvailable: st.Ffree,
		ID:      *(*uint64)(unsafe.Pointer(&st.Fsid)),
		Flags:   uint64(st.Flags) & (unix.ST_RDONLY | unix.ST_NOSUID),
		NameMax: uint64(st.Namelen),
	}
	if s.FragmentSize == 0 {
		s.FragmentSize = s.BlockSize
	}
	return s, nil
}
