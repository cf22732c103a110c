//go:build unix

package osfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockResult is what an attempt to lock a file came to.
type lockResult uint8

const (
	locked  lockResult = iota
	busy               // somebody holds it
	cantSay            // the store has no locks
)

// lockFile takes the exclusive lock of f, which lasts until f is closed. It
// does not wait.
func lockFile(f *os.File) lockResult { return flock(f, unix.LOCK_EX|unix.LOCK_NB) }

// shareFile takes a shared lock of f, in place of any other that f holds. It
// waits for one who holds the exclusive lock.
func shareFile(f *os.File) lockResult { return flock(f, unix.LOCK_SH) }

func flock(f *os.File, how int) lockResult {
	raw, err := f.SyscallConn()
	if err != nil {
		return cantSay
	}
	closed := raw.Control(func(fd uintptr) {
		err = noEINTR(func() error { return unix.Flock(int(fd), how) })
	})
	switch {
	case closed != nil:
		return cantSay
	case err == nil:
		return locked
	case err == unix.EWOULDBLOCK:
		return busy
	}
	return cantSay
}

// unlinked tells whether f has lost its name.
func unlinked(f *os.File) bool {
	fi, err := fstat(f, "")
	return err == nil && fi.sys.Links == 0
}

// closeToRename: a file can be renamed while it is open.
const closeToRename = false
