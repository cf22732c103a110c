package osfs

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// openBeneath opens a directory below top in one step, however deep it is. The
// kernel keeps it inside, links included; what it refuses, and all that fails,
// is for os.Root to decide.
func openBeneath(top *dir, name string) *dir {
	fd, err := beneath(top, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil
	}
	return bareDir(fd)
}

// statBeneath describes what name leads to, or the link there when follow is
// false. With neither an info nor an error it is for os.Root to decide.
func statBeneath(top *dir, name string, follow bool) (*info, error) {
	flag := unix.O_PATH
	if !follow {
		flag |= unix.O_NOFOLLOW
	}
	fd, err := beneath(top, name, flag)
	if err == unix.ENOENT {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, nil
	}
	defer unix.Close(fd)
	i, _ := fstatFD(fd, "")
	return i, nil
}

func beneath(top *dir, name string, flag int) (int, error) {
	top = top.retain()
	if top == nil {
		return -1, fs.ErrClosed
	}
	defer top.close()
	return unix.Openat2(top.fd, name, &unix.OpenHow{
		Flags:   uint64(flag | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
	})
}
