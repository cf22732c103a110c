//go:build unix

package osfs

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// renameNoReplace fails when newbase exists.
func (d *dir) renameNoReplace(base string, to *dir, newbase string) error {
	err := d.renameExcl(base, to, newbase)
	if err == unix.EINVAL || errors.Is(err, errors.ErrUnsupported) {
		// The store can't, unless EINVAL has its other meaning, a directory
		// moved into itself, which it then also has below.
		err = d.renameByLink(base, to, newbase)
	}
	return err
}

// renameByLink is renameNoReplace for a system or store without such a call.
// For anything but a directory it is free of races, because a link replaces
// nothing; a crash between its two steps leaves both names. A directory can
// lose a race, and then replaces an empty one.
func (d *dir) renameByLink(base string, to *dir, newbase string) error {
	fi, err := d.lstat(base)
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		err := d.link(base, to, newbase)
		if err == nil {
			return d.unlink(base)
		}
		if !errors.Is(err, errors.ErrUnsupported) && err != unix.EPERM {
			return err
		} // else a store without hard links
	}
	if _, err := to.lstat(newbase); err == nil {
		return unix.EEXIST
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return d.rename(base, to, newbase)
}
