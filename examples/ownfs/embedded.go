package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"

	"github.com/quaymaster/quaymaster/vfs"
)

// embedded is a vfs.FS of one's own: the files of an embed.FS, read-only. The
// seven methods are all that is needed; everything that it leaves out, such as
// links or attributes, answers as unsupported. (vfs.FromIOFS does the same for
// any fs.FS.)
type embedded struct{ files fs.FS }

var (
	_ vfs.FS         = embedded{}
	_ vfs.FeaturesFS = embedded{}
)

// Features says that nothing can be written, so that servers need not try.
func (embedded) Features() vfs.Features { return vfs.Features{} }

func (e embedded) Stat(_ context.Context, name string) (fs.FileInfo, error) {
	return fs.Stat(e.files, name)
}

func (e embedded) OpenFile(_ context.Context, name string, flag int, _ fs.FileMode) (vfs.File, error) {
	if flag != os.O_RDONLY {
		return nil, readOnly("open", name)
	}
	fi, err := fs.Stat(e.files, name)
	if err != nil {
		return nil, err
	}
	if fi.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: vfs.ErrIsDir}
	}
	data, err := fs.ReadFile(e.files, name)
	if err != nil {
		return nil, err
	}
	return &embeddedFile{bytes.NewReader(data), fi, name}, nil
}

func (e embedded) OpenDir(_ context.Context, name string) (vfs.Dir, error) {
	f, err := e.files.Open(name)
	if err != nil {
		return nil, err
	}
	d, ok := f.(fs.ReadDirFile)
	if !ok {
		f.Close()
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: vfs.ErrNotDir}
	}
	return d, nil
}

func (embedded) Mkdir(_ context.Context, name string, _ fs.FileMode) error {
	return readOnly("mkdir", name)
}
func (embedded) Remove(_ context.Context, name string) error { return readOnly("remove", name) }
func (embedded) Rmdir(_ context.Context, name string) error  { return readOnly("rmdir", name) }
func (embedded) Rename(_ context.Context, name, _ string, _ vfs.RenameMode) error {
	return readOnly("rename", name)
}

func readOnly(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: vfs.ErrReadOnly}
}

// embeddedFile is an open file. The reader makes ReadAt safe for concurrent
// use.
type embeddedFile struct {
	*bytes.Reader
	info fs.FileInfo
	name string
}

func (f *embeddedFile) WriteAt([]byte, int64) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: f.name, Err: fs.ErrPermission}
}
func (f *embeddedFile) Close() error               { return nil }
func (f *embeddedFile) Stat() (fs.FileInfo, error) { return f.info, nil }
