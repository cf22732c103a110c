package aferofs

import (
	"context"
	"io"
	"io/fs"
	"sync"

	"github.com/spf13/afero"
	"github.com/spf13/afero/mem"

	"github.com/quaymaster/quaymaster/vfs"
)

func (a *adapter) OpenDir(ctx context.Context, name string) (vfs.Dir, error) {
	if err := begin(ctx, name); err != nil {
		return nil, pathError("readdir", name, err)
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	fi, err := a.stat(name)
	if err == nil && !fi.IsDir() {
		err = vfs.ErrNotDir
	}
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	f, err := a.afs.Open(wire(name))
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	d := &dir{name: name, f: f}
	if _, d.atOnce = under(f).(*mem.File); d.atOnce {
		// It goes on by count, and panics when entries are gone by then.
		all, err := f.Readdir(-1)
		if err != nil {
			f.Close()
			return nil, pathError("readdir", name, err)
		}
		d.left = entries(all)
	}
	return d, nil
}

// dir reads a directory of an afero.Fs.
type dir struct {
	name   string
	atOnce bool // all entries are in left, and nothing more is read

	mu     sync.Mutex // guards the rest
	f      afero.File
	left   []fs.DirEntry
	closed bool
}

func entries(infos []fs.FileInfo) []fs.DirEntry {
	got := make([]fs.DirEntry, len(infos))
	for i, fi := range infos {
		got[i] = fs.FileInfoToDirEntry(snapshot(fi.Name(), fi))
	}
	return got
}

func (d *dir) ReadDir(n int) ([]fs.DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, pathError("readdir", d.name, fs.ErrClosed)
	}
	if d.atOnce {
		return d.page(n)
	}
	infos, err := d.f.Readdir(n)
	if err == io.EOF || err == nil && n > 0 && len(infos) == 0 {
		if n > 0 && len(infos) == 0 {
			return nil, io.EOF
		}
		err = nil
	}
	return entries(infos), pathError("readdir", d.name, err)
}

// page takes the next entries from left.
func (d *dir) page(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(d.left) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.left) {
		n = len(d.left)
	}
	page := d.left[:n:n]
	d.left = d.left[n:]
	return page, nil
}

func (d *dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return pathError("close", d.name, fs.ErrClosed)
	}
	d.closed = true
	return pathError("close", d.name, d.f.Close())
}
