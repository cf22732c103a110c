// Package folder answers questions about places in the host's file system:
// where a path really leads, whether two places overlap, and which folder is
// the home of a user.
package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Real returns the absolute path to which path leads, with every symbolic link
// resolved. What does not exist yet stays as it is.
func Real(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	missing := ""
	for {
		real, err := filepath.EvalSymlinks(path)
		if err == nil {
			return filepath.Join(real, missing), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if _, err := os.Lstat(path); err == nil {
			return "", fmt.Errorf("%s: symbolic link to something that does not exist", path)
		}
		parent := filepath.Dir(path)
		if parent == path {
			return "", err
		}
		missing = filepath.Join(filepath.Base(path), missing)
		path = parent
	}
}

// Overlap tells whether a and b are the same place or one lies in the other.
// Both must come from Real.
func Overlap(a, b string) bool { return within(a, b) || within(b, a) }

// within tells whether inner is outer or lies below it. Besides the names it
// compares the files themselves, for file systems that ignore case and for
// places that are mounted twice.
func within(inner, outer string) bool {
	target, err := os.Stat(outer)
	for {
		if sameName(inner, outer) {
			return true
		}
		if err == nil {
			if fi, err := os.Stat(inner); err == nil && os.SameFile(fi, target) {
				return true
			}
		}
		parent := filepath.Dir(inner)
		if parent == inner {
			return false
		}
		inner = parent
	}
}

func sameName(a, b string) bool {
	if runtime.GOOS == "windows" {
		return strings.EqualFold(a, b)
	}
	return a == b
}
