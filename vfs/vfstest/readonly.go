package vfstest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"testing"

	"github.com/quaymaster/quaymaster/vfs"
)

// readOnlyTests: a file system that can't be written is consistent to read and
// refuses to change.
func readOnlyTests() []test {
	return []test{
		{name: "Walk", run: func(e *env) {
			if e.walk(".") == 0 {
				e.Error("a read-only file system for the suite must not be empty")
			}
		}},
		{name: "Errors", run: func(e *env) {
			for _, name := range invalidNames() {
				_, err := e.fs.Stat(e.ctx(), name)
				e.fails(err, name, fs.ErrInvalid)
				_, err = e.fs.OpenFile(e.ctx(), name, os.O_RDONLY, 0)
				e.fails(err, name, fs.ErrInvalid)
				_, err = e.fs.OpenDir(e.ctx(), name)
				e.fails(err, name, fs.ErrInvalid)
			}
			_, err := e.fs.Stat(e.ctx(), "no such file")
			e.fails(err, "no such file", fs.ErrNotExist)
			_, err = e.fs.OpenFile(e.ctx(), ".", os.O_RDONLY, 0)
			e.fails(err, ".", vfs.ErrIsDir)
		}},
		{name: "Refuses", run: testRefuses},
	}
}

// walk checks everything below dir and returns how many names there are.
func (e *env) walk(dir string) int {
	e.Helper()
	names := e.names(dir)
	d, err := e.fs.OpenDir(e.ctx(), dir)
	e.must(err)
	paged := e.page(d, 2)
	e.must(d.Close())
	if slices.Sort(paged); !slices.Equal(paged, names) {
		e.Errorf("%q lists %q at once and %q in pages", dir, names, paged)
	}
	count := len(names)
	for _, n := range names {
		name := path.Join(dir, n)
		fi := e.stat(name)
		if fi.Name() != n {
			e.Errorf("%q has the name %q", name, fi.Name())
		}
		switch {
		case fi.IsDir():
			_, err := e.fs.OpenFile(e.ctx(), name, os.O_RDONLY, 0)
			e.fails(err, name, vfs.ErrIsDir)
			count += e.walk(name)
		case fi.Mode().IsRegular():
			e.reads(name, fi.Size())
			_, err := e.fs.OpenDir(e.ctx(), name)
			e.fails(err, name, vfs.ErrNotDir)
		}
	}
	return count
}

// reads checks ReadAt on a file against its content.
func (e *env) reads(name string, size int64) {
	e.Helper()
	f := e.open(name, os.O_RDONLY)
	all := e.contents(f)
	if int64(len(all)) != size {
		e.Errorf("%q has %d bytes and the size %d", name, len(all), size)
	}
	for _, off := range []int64{size / 2, 0, max(0, size-1), size, size + 10} {
		buf := make([]byte, 5)
		n, err := f.ReadAt(buf, off)
		want := all[min(off, size):min(off+5, size)]
		if string(buf[:n]) != want {
			e.Errorf("%q at %d reads %q, want %q", name, off, buf[:n], want)
		}
		if n < len(buf) && err != io.EOF {
			e.Errorf("%q at %d: %d bytes and the error %v", name, off, n, err)
		}
	}
	_, err := f.WriteAt([]byte("x"), 0)
	e.fails(err, name, fs.ErrPermission)
	e.must(f.Close())
	e.allClosed(f)
}

// refused tells whether err says that something can't be done here.
func refused(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, errUnsupported)
}

func testRefuses(e *env) {
	before := e.names(".")
	changed := map[string]bool{
		"OpenFile to create": true, "Mkdir": true, "Remove": true, "Rmdir": true, "Rename": true, "Symlink": true,
		"Link": true, "SetAttr": true, "LsetAttr": true, "CreateAtomic": true, "CreatePartial": true,
		"OpenPartial": true, "RemovePartial": true,
	}
	for _, name := range []string{"new", before[0]} {
		onNames(e.ctx(), e.fs, name, func(op string, err error) {
			if changed[op] && !refused(err) && !errors.Is(err, vfs.ErrIsDir) {
				e.Errorf("%s of %q: %v", op, name, err)
			}
		})
	}
	if after := e.names("."); !slices.Equal(after, before) {
		e.Errorf("%q became %q", before, after)
	}
}

// firstDir returns a directory in the root of fsys, or "".
func firstDir(t *testing.T, fsys vfs.FS) string {
	t.Helper()
	d, err := fsys.OpenDir(t.Context(), ".")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.IsDir() {
			return entry.Name()
		}
	}
	return ""
}
