package osfs

import (
	"github.com/quaymaster/quaymaster/vfs"
	"golang.org/x/sys/windows"
)

const haveSpace = true

// fragment is the unit that bytes are given in; the true one needs the path of
// the volume.
const fragment = 4096

func (d *dir) space() (*vfs.Space, error) {
	buf := make([]uint16, windows.MAX_LONG_PATH)
	n, err := windows.GetFinalPathNameByHandle(windows.Handle(d.f.Fd()), &buf[0], uint32(len(buf)), 0)
	if err != nil {
		return nil, err
	}
	if int(n) >= len(buf) {
		return nil, windows.ERROR_FILENAME_EXCED_RANGE
	}
	var avail, total, free uint64
	if err := windows.GetDiskFreeSpaceEx(&buf[0], &avail, &total, &free); err != nil {
		return nil, err
	}
	return &vfs.Space{
		BlockSize: fragment, FragmentSize: fragment, NameMax: 255,
		Total: total / fragment, Free: free / fragment, Available: avail / fragment,
	}, nil
}
