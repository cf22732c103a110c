//go:build unix

// Package umask sets the umask of the process.
package umask

import (
	"io/fs"
	"syscall"
)

// Set takes bits away from the permissions of all files that the process
// makes, and no others.
func Set(mask fs.FileMode) { syscall.Umask(int(mask.Perm())) }
