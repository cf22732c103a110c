package memfs

import (
	"context"
	"io"
	"io/fs"
	"path"
	"sync"

	"github.com/quaymaster/quaymaster/vfs"
)

// OpenDir opens a directory. Its entries come sorted by name. Those that are
// created or removed while it is read are seen or not, and none comes twice.
func (f *FS) OpenDir(ctx context.Context, name string) (vfs.Dir, error) {
	if err := f.begin(ctx, name, false); err != nil {
		return nil, pathError("readdir", name, err)
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	p, err := f.existing(name, true)
	if err == nil && !p.node.isDir() {
		err = vfs.ErrNotDir
	}
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	return &dir{fs: f, node: p.node, name: name}, nil
}

// dir reads a directory. It remembers the last key and no entries.
type dir struct {
	fs   *FS
	node *node
	name string

	mu     sync.Mutex // guards the rest
	last   string     // keys are never empty, so "" is before all
	closed bool
}

func (d *dir) ReadDir(n int) ([]fs.DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, pathError("readdir", d.name, fs.ErrClosed)
	}
	d.fs.mu.RLock()
	defer d.fs.mu.RUnlock()
	found := d.node.entries.after(d.last, n)
	if len(found) == 0 {
		if n > 0 {
			return nil, io.EOF
		}
		return nil, nil
	}
	d.last = found[len(found)-1].key
	entries := make([]fs.DirEntry, len(found))
	for i, e := range found {
		entries[i] = fs.FileInfoToDirEntry(e.node.info(d.fs.dev, e.name))
	}
	return entries, nil
}

func (d *dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return pathError("close", d.name, fs.ErrClosed)
	}
	d.closed = true
	return nil
}

// shown is the name under which a place is described: the one asked for, or
// where no link was followed the one stored.
func (f *FS) shown(name string, p place, followed bool) string {
	base := path.Base(name)
	if !followed && p.base != "" {
		if e, ok := p.parent().entries.get(f.key(p.base)); ok {
			return e.name
		}
	}
	return base
}
