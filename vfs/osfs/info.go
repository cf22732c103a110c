package osfs

import (
	"io/fs"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
)

// info is a fs.FileInfo whose Sys is a *vfs.Sys inside of it.
type info struct {
	name  string
	size  int64
	mode  fs.FileMode
	mtime time.Time
	sys   vfs.Sys
}

func (i *info) Name() string       { return i.name }
func (i *info) Size() int64        { return i.size }
func (i *info) Mode() fs.FileMode  { return i.mode }
func (i *info) ModTime() time.Time { return i.mtime }
func (i *info) IsDir() bool        { return i.mode.IsDir() }
func (i *info) Sys() any           { return &i.sys }
func (i *info) id() fileID         { return fileID{i.sys.Dev, i.sys.Ino} }
