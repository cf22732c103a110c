package osfs

import "golang.org/x/sys/unix"

// openBeneath opens a directory below top in one step, however deep it is. The
// kernel keeps it inside, links included; what it refuses, and all that fails,
// is for os.Root to decide.
func openBeneath(top *dir, name string) *dir {
	top = top.retain()
	if top == nil {
		return nil
	}
	defer top.close()
	fd, err := unix.Openat2(top.fd, name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil
	}
	return bareDir(fd)
}
