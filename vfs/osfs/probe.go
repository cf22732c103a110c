package osfs

import (
	"os"
	"runtime"
	"strings"

	"github.com/quaymaster/quaymaster/vfs"
)

// platformFeatures are the features before the store was tried.
func platformFeatures() vfs.Features {
	posix := runtime.GOOS != "windows"
	return vfs.Features{
		Write: true, RandomWrite: true, Symlink: true, Link: true,
		SetSize: true, SetMode: posix, SetOwner: posix, SetTimes: true,
		AtomicClose: true, Partial: true, Sync: true, Lease: true, OSFile: true,
		NoReplace: runtime.GOOS == "linux" || runtime.GOOS == "darwin" || !posix,
		CopyRange: runtime.GOOS == "linux",
		Space:     haveSpace,
		CaseFold:  runtime.GOOS == "darwin" || !posix,
	}
}

// probe tries what the store of the root can do. Stores that are mounted
// further down may differ.
func (f *FS) probe() (can vfs.Features, writable bool) {
	can = platformFeatures()
	if f.opts.NoRecovery {
		return can, false // nothing of ours may stay here after a crash
	}
	a, b := reservedBase(), reservedBase()
	osf, err := f.top.create(a, os.O_RDWR, 0o600)
	if err != nil {
		if mapErr(err) == vfs.ErrReadOnly {
			can = can.ReadOnly()
		}
		return can, false
	}
	defer f.top.unlink(a)
	_, err = f.top.lstat(strings.ToUpper(a))
	can.CaseFold = err == nil
	can.StagedUpdate = f.canClone(osf, b)
	osf.Close()
	if f.top.renameExcl(a, f.top, b) == nil {
		f.top.unlink(b)
	} else {
		can.NoReplace = false
	}
	return can, true
}

// canClone tells whether src can share its blocks with a new file.
func (f *FS) canClone(src *os.File, base string) bool {
	if _, err := src.Write(make([]byte, 4096)); err != nil {
		return false
	}
	dst, err := f.top.create(base, os.O_RDWR, 0o600)
	if err != nil {
		return false
	}
	defer f.top.unlink(base)
	defer dst.Close()
	return clone(dst, src) == nil
}
