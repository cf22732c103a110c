package osfs

import (
	"context"
	"io"
	"io/fs"
	"path"
	"sync"

	"github.com/quaymaster/quaymaster/vfs"
)

// maxNoticed is how many reserved names one listing remembers for a sweep.
const maxNoticed = 256

// OpenDir opens a directory. Reserved names are not in it.
func (f *FS) OpenDir(ctx context.Context, name string) (vfs.Dir, error) {
	if err := f.beginRead(ctx, name); err != nil {
		return nil, fail("opendir", name, err)
	}
	d, err := f.openDir(name)
	if err != nil {
		return nil, f.fail("opendir", name, err)
	}
	return &listing{fs: f, name: name, dir: d}, nil
}

// openDir opens a directory for reading its entries.
func (f *FS) openDir(name string) (*dir, error) {
	if d := openBeneath(f.top, name); d != nil {
		return d, nil // its entries can be read as it is
	}
	d, err := f.directoryByRoot(name)
	if err != nil {
		return nil, err
	}
	defer d.close()
	return d.reader()
}

// listing is an open directory.
type listing struct {
	fs   *FS
	name string

	mu       sync.RWMutex // guards dir; held for reading while it is used
	dir      *dir         // nil: closed
	readMu   sync.Mutex   // guards noticed, and one ReadDir at a time
	noticed  []string     // reserved names
	finished bool         // noticed was seen to
}

// ReadDir returns the next entries, in no order.
func (l *listing) ReadDir(n int) ([]fs.DirEntry, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.dir == nil {
		return nil, fail("readdir", l.name, fs.ErrClosed)
	}
	l.readMu.Lock()
	defer l.readMu.Unlock()
	for {
		found, err := l.dir.readDir(n)
		entries := found[:0]
		for _, e := range found {
			if vfs.IsReserved(e.Name()) {
				l.notice(e.Name())
				continue
			}
			entries = append(entries, &entry{l, e.Name(), e.Type()})
		}
		if err == io.EOF || err == nil && n <= 0 {
			l.finish()
		}
		switch {
		case err == io.EOF:
			return entries, io.EOF
		case err != nil:
			return entries, fail("readdir", l.name, err)
		case n <= 0 || len(entries) > 0:
			return entries, nil
		}
	}
}

func (l *listing) notice(base string) {
	if len(l.noticed) < maxNoticed {
		l.noticed = append(l.noticed, base)
	}
}

// finish removes what a crash left long ago among the reserved names.
func (l *listing) finish() {
	if !l.finished && len(l.noticed) > 0 {
		l.fs.sweepNames(l.dir, l.noticed, false)
	}
	l.finished, l.noticed = true, nil
}

// Close ends the listing. Entries stay usable.
func (l *listing) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dir == nil {
		return fail("closedir", l.name, fs.ErrClosed)
	}
	l.dir.close()
	l.dir = nil
	return nil
}

// entry is an entry of a listing.
type entry struct {
	l    *listing
	name string
	typ  fs.FileMode
}

func (e *entry) Name() string      { return e.name }
func (e *entry) IsDir() bool       { return e.typ.IsDir() }
func (e *entry) Type() fs.FileMode { return e.typ }
func (e *entry) String() string    { return fs.FormatDirEntry(e) }

// Info describes the entry as it is now, relative to the open directory.
func (e *entry) Info() (fs.FileInfo, error) {
	e.l.mu.RLock()
	defer e.l.mu.RUnlock()
	if e.l.dir == nil {
		return e.l.fs.Lstat(context.Background(), path.Join(e.l.name, e.name))
	}
	fi, err := e.l.dir.lstat(e.name)
	if err != nil {
		return nil, fail("lstat", path.Join(e.l.name, e.name), err)
	}
	return fi, nil
}
