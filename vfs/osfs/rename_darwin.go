package osfs

import "golang.org/x/sys/unix"

// renameExcl fails when newbase exists, if the store can do that.
func (d *dir) renameExcl(base string, to *dir, newbase string) error {
	return noEINTR(func() error {
		return unix.RenameatxNp(d.fd, base, to.fd, newbase, unix.RENAME_EXCL)
	})
}
