//go:build darwin || freebsd

package osfs

import (
	"github.com/quaymaster/quaymaster/vfs"
	"golang.org/x/sys/unix"
)

const haveSpace = true

// nameMax is the longest name on these systems.
const nameMax = 255

func (d *dir) space() (*vfs.Space, error) {
	var st unix.Statfs_t
	if err := noEINTR(func() error { return unix.Fstatfs(d.fd, &st) }); err != nil {
		return nil, err
	}
	// Available is below zero when only root has room left.
	avail, files := max(int64(st.Bavail), 0), max(int64(st.Ffree), 0)
	s := &vfs.Space{
		BlockSize: uint64(st.Bsize), FragmentSize: uint64(st.Bsize),
		Total: st.Blocks, Free: st.Bfree, Available: uint64(avail),
		Files: st.Files, FilesFree: uint64(files), FilesAvailable: uint64(files),
		NameMax: nameMax,
	}
	// The bits of statvfs, which are not those of statfs.
	if uint64(st.Flags)&unix.MNT_RDONLY != 0 {
		s.Flags |= 1
	}
	if uint64(st.Flags)&unix.MNT_NOSUID != 0 {
		s.Flags |= 2
	}
	return s, nil
}
