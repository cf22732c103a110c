package vfs

import (
	"context"
	"io"
	"io/fs"
	"sync"
)

// FromIOFS serves an io/fs.FS, such as an embed.FS, read-only. A file that has
// no ReadAt is read with Seek, or else by opening it again and skipping what
// lies before the offset; both read for one caller at a time. Symbolic links
// are as the fs.FS has them, and confinement is its own: os.DirFS follows links
// out of its directory, so use the FS method of an os.Root instead.
func FromIOFS(fsys fs.FS) FS { return ioFS{fsys} }

type ioFS struct{ fsys fs.FS }

var (
	_ FS         = ioFS{}
	_ SymlinkFS  = ioFS{}
	_ FeaturesFS = ioFS{}
)

// begin checks what every operation checks first.
func (f ioFS) begin(ctx context.Context, name string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !fs.ValidPath(name) {
		return fs.ErrInvalid
	}
	return nil
}

func (f ioFS) Features() Features {
	_, links := f.fsys.(fs.ReadLinkFS)
	return Features{Symlink: links}
}

func (f ioFS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	if err := f.begin(ctx, name); err != nil {
		return nil, PathError("stat", name, err)
	}
	fi, err := fs.Stat(f.fsys, name)
	return fi, PathError("stat", name, err)
}

func (f ioFS) Lstat(ctx context.Context, name string) (fs.FileInfo, error) {
	if err := f.begin(ctx, name); err != nil {
		return nil, PathError("lstat", name, err)
	}
	fi, err := fs.Lstat(f.fsys, name)
	return fi, PathError("lstat", name, err)
}

func (f ioFS) Readlink(ctx context.Context, name string) (string, error) {
	if err := f.begin(ctx, name); err != nil {
		return "", PathError("readlink", name, err)
	}
	l, ok := f.fsys.(fs.ReadLinkFS)
	if !ok {
		return "", unsupported("readlink", name)
	}
	target, err := l.ReadLink(name)
	return target, PathError("readlink", name, err)
}

func (f ioFS) OpenFile(ctx context.Context, name string, flag int, _ fs.FileMode) (File, error) {
	file, err := f.open(ctx, name, flag)
	if err != nil {
		return nil, PathError("open", name, err)
	}
	return &ioFile{fsys: f.fsys, name: name, file: file}, nil
}

func (f ioFS) open(ctx context.Context, name string, flag int) (fs.File, error) {
	err := f.begin(ctx, name)
	switch {
	case err != nil:
		return nil, err
	case !ValidOpenFlag(flag):
		return nil, fs.ErrInvalid
	}
	fi, err := fs.Stat(f.fsys, name) // before Open, which waits at a FIFO
	switch {
	case err != nil && flag&writeFlags == 0:
		return nil, err
	case err == nil && fi.IsDir():
		return nil, ErrIsDir
	case flag&writeFlags != 0:
		return nil, ErrReadOnly
	case !fi.Mode().IsRegular():
		return nil, ErrNotRegular
	}
	return f.fsys.Open(name)
}

func (f ioFS) OpenDir(ctx context.Context, name string) (Dir, error) {
	d, err := f.openDir(ctx, name)
	if err != nil {
		return nil, PathError("readdir", name, err)
	}
	return &ioDir{Dir: d, name: name}, nil
}

func (f ioFS) openDir(ctx context.Context, name string) (Dir, error) {
	if err := f.begin(ctx, name); err != nil {
		return nil, err
	}
	fi, err := fs.Stat(f.fsys, name)
	switch {
	case err != nil:
		return nil, err
	case !fi.IsDir():
		return nil, ErrNotDir
	}
	file, err := f.fsys.Open(name)
	if err != nil {
		return nil, err
	}
	if d, ok := file.(fs.ReadDirFile); ok {
		return d, nil
	}
	file.Close()
	entries, err := fs.ReadDir(f.fsys, name)
	return &entryDir{entries}, err
}

func (f ioFS) refuse(ctx context.Context, op, name string) error {
	if err := f.begin(ctx, name); err != nil {
		return PathError(op, name, err)
	}
	return PathError(op, name, ErrReadOnly)
}

func (f ioFS) Mkdir(ctx context.Context, name string, _ fs.FileMode) error {
	return f.refuse(ctx, "mkdir", name)
}

func (f ioFS) Remove(ctx context.Context, name string) error { return f.refuse(ctx, "remove", name) }

func (f ioFS) Rmdir(ctx context.Context, name string) error { return f.refuse(ctx, "rmdir", name) }

func (f ioFS) Rename(ctx context.Context, oldname, _ string, _ RenameMode) error {
	return f.refuse(ctx, "rename", oldname)
}

func (f ioFS) Symlink(ctx context.Context, _, name string) error {
	return f.refuse(ctx, "symlink", name)
}

// entryDir is a directory that was read at once.
type entryDir struct{ left []fs.DirEntry }

func (d *entryDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.left)
	} else if len(d.left) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.left))
	page := d.left[:n:n]
	d.left = d.left[n:]
	return page, nil
}

func (d *entryDir) Close() error { return nil }

// ioDir is a directory that knows when it was closed, which not all do.
type ioDir struct {
	Dir
	name string

	mu     sync.Mutex // guards closed
	closed bool
}

func (d *ioDir) ReadDir(n int) ([]fs.DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, PathError("readdir", d.name, fs.ErrClosed)
	}
	return d.Dir.ReadDir(n)
}

func (d *ioDir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return PathError("close", d.name, fs.ErrClosed)
	}
	d.closed = true
	return d.Dir.Close()
}

// ioFile reads a file of an io/fs.FS at offsets.
type ioFile struct {
	fsys fs.FS
	name string

	mu     sync.RWMutex // guards the rest; held for writing when file moves
	file   fs.File
	pos    int64 // of a file that can't seek
	closed bool
}

func (f *ioFile) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, PathError("read", f.name, fs.ErrInvalid)
	}
	f.mu.RLock()
	if r, ok := f.file.(io.ReaderAt); ok && !f.closed {
		defer f.mu.RUnlock()
		n, err := r.ReadAt(p, off)
		return n, f.readError(off, err)
	}
	f.mu.RUnlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, PathError("read", f.name, fs.ErrClosed)
	}
	n, err := 0, f.moveTo(off)
	if err == nil {
		n, err = io.ReadFull(f.file, p)
		f.pos += int64(n)
	}
	if err == io.ErrUnexpectedEOF || err == io.EOF {
		return n, io.EOF
	}
	return n, f.readError(off, err)
}

// readError gives err the name. The files of embed and fstest take an offset
// beyond the end for an invalid one, where io.ReaderAt has io.EOF.
func (f *ioFile) readError(off int64, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if fi, serr := f.file.Stat(); serr == nil && off >= fi.Size() {
		return io.EOF
	}
	return PathError("read", f.name, err)
}

// moveTo makes off the place of the next Read.
func (f *ioFile) moveTo(off int64) error {
	if s, ok := f.file.(io.Seeker); ok {
		_, err := s.Seek(off, io.SeekStart)
		return err
	}
	if off < f.pos {
		file, err := f.fsys.Open(f.name)
		if err != nil {
			return err
		}
		f.file.Close()
		f.file, f.pos = file, 0
	}
	n, err := io.CopyN(io.Discard, f.file, off-f.pos)
	f.pos += n
	return err
}

func (f *ioFile) WriteAt([]byte, int64) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.closed {
		return 0, PathError("write", f.name, fs.ErrClosed)
	}
	return 0, PathError("write", f.name, fs.ErrPermission)
}

func (f *ioFile) Stat() (fs.FileInfo, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.closed {
		return nil, PathError("stat", f.name, fs.ErrClosed)
	}
	fi, err := f.file.Stat()
	return fi, rename(f.name, err)
}

func (f *ioFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return PathError("close", f.name, fs.ErrClosed)
	}
	f.closed = true
	return rename(f.name, f.file.Close())
}
