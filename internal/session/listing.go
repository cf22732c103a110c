package session

import (
	"io"
	"io/fs"

	"github.com/quaymaster/quaymaster/vfs"
)

// listing shows a directory and, after its entries, the user's own unfinished
// uploads in it.
type listing struct {
	vfs.Dir
	extra []fs.FileInfo
	ended bool // the directory itself has no more
}

func (l *listing) ReadDir(n int) ([]fs.DirEntry, error) {
	var entries []fs.DirEntry
	if !l.ended {
		var err error
		entries, err = l.Dir.ReadDir(n)
		if err != nil && err != io.EOF {
			return entries, err
		}
		l.ended = err == io.EOF || n <= 0
		if n > 0 && len(entries) > 0 {
			return entries, nil
		}
	}
	for len(l.extra) > 0 && (n <= 0 || len(entries) < n) {
		entries = append(entries, fs.FileInfoToDirEntry(l.extra[0]))
		l.extra = l.extra[1:]
	}
	if n > 0 && len(entries) == 0 {
		return nil, io.EOF
	}
	return entries, nil
}
