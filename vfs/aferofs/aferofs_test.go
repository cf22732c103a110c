package aferofs_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"testing"

	"github.com/spf13/afero"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/aferofs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
	"github.com/quaymaster/quaymaster/vfs/vfstest"
)

func memMap(*testing.T) vfs.FS { return aferofs.New(afero.NewMemMapFs()) }

func osBased(t *testing.T) vfs.FS {
	return aferofs.New(afero.NewBasePathFs(afero.NewOsFs(), t.TempDir()))
}

// roundTrip is a vfs.FS as an afero.Fs as a vfs.FS.
func roundTrip(t *testing.T) vfs.FS { return aferofs.New(aferofs.Afero(t.Context(), memfs.New())) }

func TestMemMapFs(t *testing.T) {
	vfstest.TestFS(t, memMap, pagesAtOnce())
}

func pagesAtOnce() vfstest.Skip {
	return vfstest.Skip{
		Name:   "Dir/Memory",
		Reason: "MemMapFs pages by count and panics when entries go meanwhile, so all are taken at once",
	}
}

func TestOsFs(t *testing.T) {
	vfstest.TestFS(t, osBased)
}

func TestRoundTrip(t *testing.T) {
	vfstest.TestFS(t, roundTrip)
}

func TestAtomicOverAfero(t *testing.T) {
	vfstest.TestFS(t, func(t *testing.T) vfs.FS { return vfs.Atomic(memMap(t)) }, pagesAtOnce())
}

func FuzzMemMapFs(f *testing.F) { vfstest.Fuzz(f, memMap) }

func FuzzRoundTrip(f *testing.F) { vfstest.Fuzz(f, roundTrip) }

// must stops the test at an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAferoReadWriteSeek(t *testing.T) {
	afs := aferofs.Afero(t.Context(), memfs.New())
	f, err := afs.Create("/file")
	must(t, err)
	_, err = f.WriteString("hello, ")
	must(t, err)
	_, err = f.Write([]byte("world"))
	must(t, err)
	at, err := f.Seek(-5, io.SeekEnd)
	if at != 7 || err != nil {
		t.Fatalf("Seek = %d, %v", at, err)
	}
	got, err := io.ReadAll(f)
	if string(got) != "world" || err != nil {
		t.Fatalf("read %q, %v", got, err)
	}
	if _, err := f.Seek(-1, io.SeekStart); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("Seek to -1: %v", err)
	}
	must(t, f.Truncate(5))
	must(t, f.Sync())
	must(t, f.Close())
	if err := f.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
	whole, err := afero.ReadFile(afs, "file")
	if string(whole) != "hello" || err != nil {
		t.Errorf("holds %q, %v", whole, err)
	}
}

func TestAferoAppend(t *testing.T) {
	afs := aferofs.Afero(t.Context(), memfs.New())
	must(t, afero.WriteFile(afs, "log", []byte("one\n"), 0o644))
	f, err := afs.OpenFile("log", os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	must(t, err)
	_, err = f.Seek(0, io.SeekStart)
	must(t, err)
	_, err = f.WriteString("two\n")
	must(t, err)
	if _, err := f.WriteAt([]byte("x"), 0); err == nil {
		t.Error("WriteAt with O_APPEND")
	}
	must(t, f.Close())
	got, _ := afero.ReadFile(afs, "log")
	if string(got) != "one\ntwo\n" {
		t.Errorf("holds %q", got)
	}
}

func TestAferoTrees(t *testing.T) {
	afs := aferofs.Afero(t.Context(), memfs.New())
	must(t, afs.MkdirAll("/a/b/c", 0o755))
	must(t, afs.MkdirAll("a/b", 0o755))
	for _, name := range []string{"/a/1", "/a/b/2", "/a/b/c/3"} {
		must(t, afero.WriteFile(afs, name, []byte(name), 0o644))
	}
	if err := afs.MkdirAll("/a/1/x", 0o755); err == nil {
		t.Error("made a directory below a file")
	}
	d, err := afs.Open("/a")
	must(t, err)
	names, err := d.Readdirnames(-1)
	slices.Sort(names)
	if !slices.Equal(names, []string{"1", "b"}) || err != nil {
		t.Errorf("names %q, %v", names, err)
	}
	if infos, err := d.Readdir(1); len(infos) != 0 || err != io.EOF {
		t.Errorf("after the end: %v, %v", infos, err)
	}
	must(t, d.Close())
	if err := afs.Remove("/a"); !errors.Is(err, vfs.ErrNotEmpty) {
		t.Errorf("Remove of a full directory: %v", err)
	}
	must(t, afs.RemoveAll("/a"))
	must(t, afs.RemoveAll("/a"))
	if _, err := afs.Stat("/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat: %v", err)
	}
}

func TestAferoAttributes(t *testing.T) {
	fsys := memfs.New()
	afs := aferofs.Afero(t.Context(), fsys)
	must(t, afero.WriteFile(afs, "file", []byte("x"), 0o600))
	must(t, afs.Chmod("file", 0o640))
	must(t, afs.Chown("file", 7, 8))
	must(t, afs.Chown("file", -1, 9))
	fi, err := fsys.Stat(t.Context(), "file")
	must(t, err)
	if s := vfs.SysOf(fi); fi.Mode() != 0o640 || s.UID != 7 || s.GID != 9 {
		t.Errorf("got %v, %d:%d", fi.Mode(), s.UID, s.GID)
	}
}

func TestAferoErrors(t *testing.T) {
	afs := aferofs.Afero(t.Context(), memfs.New())
	_, err := afs.Open("/no/file")
	var pe *fs.PathError
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &pe) || pe.Path != "/no/file" {
		t.Errorf("got %v", err)
	}
	if !os.IsNotExist(err) {
		t.Errorf("os.IsNotExist(%v) is false", err)
	}
}
