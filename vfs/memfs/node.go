package memfs

import (
	"io/fs"
	"sync"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
)

// node is a file, directory or symbolic link. Its kind, ino and target never
// change. FS.mu guards entries and partials; mu guards the rest. FS.mu is
// taken first.
type node struct {
	ino    uint64
	kind   fs.FileMode // type bits
	target string      // of a symbolic link

	entries  index // of a directory
	partials map[partialKey]partial

	mu           sync.RWMutex
	perm         fs.FileMode
	uid, gid     uint32
	atime, mtime time.Time
	links        int // names
	subdirs      int // of a directory
	opens        int // handles
	data         content
}

func (n *node) isDir() bool  { return n.kind == fs.ModeDir }
func (n *node) isLink() bool { return n.kind == fs.ModeSymlink }

// open counts a handle.
func (n *node) open() {
	n.mu.Lock()
	n.opens++
	n.mu.Unlock()
}

// info describes n under a name.
func (n *node) info(dev uint64, name string) fs.FileInfo {
	n.mu.RLock()
	defer n.mu.RUnlock()
	i := &info{
		name: name, size: n.data.size, mode: n.kind | n.perm, mtime: n.mtime,
		sys: vfs.Sys{
			UID: n.uid, GID: n.gid, HasOwner: true, Atime: n.atime,
			Links: uint64(n.links), Dev: dev, Ino: n.ino,
		},
	}
	switch {
	case n.isLink():
		i.size = int64(len(n.target))
	case n.isDir():
		i.sys.Links = uint64(2 + n.subdirs)
	}
	return i
}

// info is a snapshot of a node's attributes.
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
func (i *info) Sys() any           { s := i.sys; return &s }
