package osfs

import (
	"os"

	"golang.org/x/sys/windows"
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
func lockFile(f *os.File) lockResult {
	return lockRange(f, windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY)
}

// shareFile takes a shared lock of f, in place of any other that f holds. It
// waits for one who holds the exclusive lock.
func shareFile(f *os.File) lockResult {
	if raw, err := f.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) {
			windows.UnlockFileEx(windows.Handle(fd), 0, 1, 0, farOff()) // there may be none
		})
	}
	return lockRange(f, 0)
}

// farOff is a byte that no file reaches, because locks on Windows keep others
// from reading what they cover.
func farOff() *windows.Overlapped { return &windows.Overlapped{OffsetHigh: 1 << 30} }

func lockRange(f *os.File, flags uint32) lockResult {
	raw, err := f.SyscallConn()
	if err != nil {
		return cantSay
	}
	closed := raw.Control(func(fd uintptr) {
		err = windows.LockFileEx(windows.Handle(fd), flags, 0, 1, 0, farOff())
	})
	switch {
	case closed != nil:
		return cantSay
	case err == nil:
		return locked
	case err == windows.ERROR_LOCK_VIOLATION, err == windows.ERROR_IO_PENDING:
		return busy
	}
	return cantSay
}

// unlinked tells whether f has lost its name.
func unlinked(f *os.File) bool {
	fi, err := fstat(f, "")
	return err != nil || fi.sys.Links == 0
}

// closeToRename: what is open can't be renamed everywhere.
const closeToRename = true
