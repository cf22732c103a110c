package vfs_test

import (
	"bytes"
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
	"github.com/quaymaster/quaymaster/vfs/vfstest"
)

func ioTree() fstest.MapFS {
	return fstest.MapFS{
		"hello.txt":     {Data: []byte("hello, world")},
		"dir/a.bin":     {Data: bytes.Repeat([]byte{0, 1, 2, 3}, 5000)},
		"dir/sub/empty": {},
		"dir/file":      {Data: []byte("x")},
	}
}

// onlyRead hides all methods of the files of an fs.FS but the required ones.
type onlyRead struct{ fs.FS }

func (o onlyRead) Open(name string) (fs.File, error) {
	f, err := o.FS.Open(name)
	if _, dir := f.(fs.ReadDirFile); err != nil || dir {
		return f, err
	}
	return struct{ fs.File }{f}, nil
}

// onlySeek leaves io.Seeker too.
type onlySeek struct{ fs.FS }

func (o onlySeek) Open(name string) (fs.File, error) {
	f, err := o.FS.Open(name)
	if _, dir := f.(fs.ReadDirFile); err != nil || dir {
		return f, err
	}
	type seeker interface {
		Seek(int64, int) (int64, error)
	}
	return struct {
		fs.File
		seeker
	}{f, f.(seeker)}, nil
}

func TestFromIOFS(t *testing.T) {
	for name, fsys := range map[string]fs.FS{
		"ReaderAt": ioTree(), "OnlyRead": onlyRead{ioTree()}, "OnlySeek": onlySeek{ioTree()},
		"ReadOnly": vfs.IOFS(t.Context(), vfs.FromIOFS(ioTree())),
	} {
		t.Run(name, func(t *testing.T) {
			vfstest.TestFS(t, func(*testing.T) vfs.FS { return vfs.FromIOFS(fsys) })
		})
	}
}

func TestReadOnlyConformance(t *testing.T) {
	vfstest.TestFS(t, func(t *testing.T) vfs.FS { return vfs.ReadOnly(copyTree(t, ioTree())) })
}

func TestIOFS(t *testing.T) {
	fsys := copyTree(t, ioTree())
	if err := vfs.Symlink(t.Context(), fsys, "hello.txt", "link"); err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(vfs.IOFS(t.Context(), fsys), "hello.txt", "dir/a.bin", "dir/sub/empty", "link"); err != nil {
		t.Fatal(err)
	}
}

// copyTree puts an fs.FS into a new memfs.
func copyTree(t *testing.T, from fs.FS) *memfs.FS {
	t.Helper()
	fsys := memfs.New()
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case d.IsDir():
			return fsys.Mkdir(t.Context(), name, 0o755)
		}
		data, err := fs.ReadFile(from, name)
		if err == nil {
			put(t, fsys, name, string(data))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fsys
}

func put(t *testing.T, fsys vfs.FS, name, content string) {
	t.Helper()
	f, err := fsys.OpenFile(t.Context(), name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(content), 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	data, err := fs.ReadFile(vfs.IOFS(t.Context(), fsys), name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
