//go:build !unix

// Package umask sets the umask of the process.
package umask

import "io/fs"

// Set does nothing: files have no such permissions here.
func Set(fs.FileMode) {}
