package vfs

import (
	"cmp"
	"context"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
)

// IOFS shows fsys as an io/fs.FS, for what reads those: http.FS, templates,
// fs.WalkDir. It has fs.StatFS, fs.ReadDirFS, fs.ReadFileFS and
// fs.ReadLinkFS, and its files have io.ReaderAt and io.Seeker. Every operation
// runs with ctx, because io/fs has none.
func IOFS(ctx context.Context, fsys FS) fs.FS { return &toIOFS{ctx, fsys} }

// toIOFS keeps a context: io/fs leaves no other way in.
type toIOFS struct {
	ctx  context.Context
	fsys FS
}

var (
	_ fs.StatFS     = (*toIOFS)(nil)
	_ fs.ReadDirFS  = (*toIOFS)(nil)
	_ fs.ReadFileFS = (*toIOFS)(nil)
	_ fs.ReadLinkFS = (*toIOFS)(nil)
)

func (f *toIOFS) Open(name string) (fs.File, error) {
	fi, err := f.Stat(name)
	if err != nil {
		return nil, PathError("open", name, err)
	}
	if fi.IsDir() {
		d, err := f.fsys.OpenDir(f.ctx, name)
		if err != nil {
			return nil, PathError("open", name, err)
		}
		return &openDir{Dir: d, info: fi, name: name}, nil
	}
	file, err := f.fsys.OpenFile(f.ctx, name, os.O_RDONLY, 0)
	if err != nil {
		return nil, PathError("open", name, err)
	}
	return &openFile{File: file, name: name}, nil
}

func (f *toIOFS) Stat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, PathError("stat", name, fs.ErrInvalid)
	}
	return f.fsys.Stat(f.ctx, name)
}

func (f *toIOFS) Lstat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, PathError("lstat", name, fs.ErrInvalid)
	}
	return Lstat(f.ctx, f.fsys, name)
}

func (f *toIOFS) ReadLink(name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", PathError("readlink", name, fs.ErrInvalid)
	}
	return Readlink(f.ctx, f.fsys, name)
}

// ReadDir returns the entries sorted by name, as fs.ReadDirFS asks.
func (f *toIOFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if !fs.ValidPath(name) {
		return nil, PathError("readdir", name, fs.ErrInvalid)
	}
	d, err := f.fsys.OpenDir(f.ctx, name)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return entries, err
}

func (f *toIOFS) ReadFile(name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, PathError("readfile", name, fs.ErrInvalid)
	}
	file, err := f.fsys.OpenFile(f.ctx, name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(&openFile{File: file, name: name})
}

// openFile adds a position to a File.
type openFile struct {
	File
	name string

	mu  sync.Mutex // guards pos
	pos int64
}

func (f *openFile) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.ReadAt(p, f.pos)
	f.pos += int64(n)
	if err == io.EOF && n > 0 {
		err = nil
	}
	return n, err
}

func (f *openFile) Seek(offset int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += f.pos
	case io.SeekEnd:
		fi, err := f.Stat()
		if err != nil {
			return 0, err
		}
		offset += fi.Size()
	}
	if offset < 0 || whence < io.SeekStart || whence > io.SeekEnd {
		return 0, PathError("seek", f.name, fs.ErrInvalid)
	}
	f.pos = offset
	return offset, nil
}

// openDir is a directory that was opened as a file.
type openDir struct {
	Dir
	info fs.FileInfo
	name string
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }

func (d *openDir) Read([]byte) (int, error) { return 0, PathError("read", d.name, ErrIsDir) }
