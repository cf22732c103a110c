package osfs

import (
	"io/fs"
	"runtime"
	"strings"

	"github.com/quaymaster/quaymaster/vfs"
)

// checkName refuses what is not a name, here or on any platform.
func checkName(name string) error {
	if !fs.ValidPath(name) || strings.IndexByte(name, 0) >= 0 {
		return fs.ErrInvalid
	}
	if runtime.GOOS == "windows" && name != "." {
		for elem := range strings.SplitSeq(name, "/") {
			if !validWindowsName(elem) {
				return fs.ErrInvalid
			}
		}
	}
	return nil
}

// validWindowsName tells whether Windows takes elem for the name of a file and
// for nothing else: not a device, not a stream of another file, not a name
// that loses its end.
func validWindowsName(elem string) bool {
	if elem == "" || strings.HasSuffix(elem, ".") || strings.HasSuffix(elem, " ") {
		return false
	}
	for _, r := range elem {
		if r < 0x20 || strings.ContainsRune(`<>:"/\|?*`, r) {
			return false
		}
	}
	// A device stays one with an extension and with spaces before that.
	stem, _, _ := strings.Cut(elem, ".")
	return !windowsDevice(strings.ToUpper(strings.TrimRight(stem, " ")))
}

func windowsDevice(stem string) bool {
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	n, ok := strings.CutPrefix(stem, "COM")
	if !ok {
		n, ok = strings.CutPrefix(stem, "LPT")
	}
	if !ok {
		return false
	}
	switch n {
	case "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³":
		return true
	}
	return false
}

// Suffixes of reserved names.
const (
	journalName  = vfs.ReservedPrefix + "journal"
	recordSuffix = ".json"
)

// reservedBase returns a new name for a file of our own.
func reservedBase() string { return vfs.StageName(".") }
