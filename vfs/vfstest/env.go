package vfstest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
)

// env is what a test of the suite works with. Its methods fail the test.
type env struct {
	*testing.T
	fs  vfs.FS
	has vfs.Features
}

func (e *env) ctx() context.Context { return e.Context() }

// must stops the test at an error.
func (e *env) must(err error) {
	e.Helper()
	if err != nil {
		e.Fatalf("unexpected error: %v", err)
	}
}

// fails checks that err is a *fs.PathError for name and matches one of want,
// or anything when want is empty.
func (e *env) fails(err error, name string, want ...error) {
	e.Helper()
	if err == nil {
		e.Errorf("%q: got no error, want %v", name, want)
		return
	}
	var pe *fs.PathError
	if !errors.As(err, &pe) {
		e.Errorf("%q: error %v (%T) is not a *fs.PathError", name, err, err)
	} else if pe.Path != name {
		e.Errorf("error %q has the path %q, want %q", err, pe.Path, name)
	}
	if len(want) > 0 && !slices.ContainsFunc(want, func(w error) bool { return errors.Is(err, w) }) {
		e.Errorf("%q: got error %v, want %v", name, err, want)
	}
}

// linkFails is fails for Link, whose error may have either name.
func (e *env) linkFails(oldname, newname string, want ...error) {
	e.Helper()
	err := vfs.Link(e.ctx(), e.fs, oldname, newname)
	var pe *fs.PathError
	if errors.As(err, &pe) && pe.Path == newname {
		e.fails(err, newname, want...)
		return
	}
	e.fails(err, oldname, want...)
}

// matches checks err, which need not be a *fs.PathError, against one sentinel.
func (e *env) matches(err, want error) {
	e.Helper()
	if !errors.Is(err, want) {
		e.Errorf("got error %v, want %v", err, want)
	}
}

// open opens a file and closes it at the end of the test if that is left.
func (e *env) open(name string, flag int) vfs.File {
	e.Helper()
	f, err := e.fs.OpenFile(e.ctx(), name, flag, 0o644)
	e.must(err)
	e.Cleanup(func() { f.Close() })
	return f
}

// put makes name a file with that content.
func (e *env) put(name, content string) {
	e.Helper()
	f, err := e.fs.OpenFile(e.ctx(), name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	e.must(err)
	e.write(f, content, 0)
	e.must(f.Close())
}

func (e *env) write(f vfs.File, content string, off int64) {
	e.Helper()
	if content == "" {
		return
	}
	n, err := f.WriteAt([]byte(content), off)
	if n != len(content) || err != nil {
		e.Fatalf("WriteAt of %d bytes at %d = %d, %v", len(content), off, n, err)
	}
}

// contents reads all of an open file.
func (e *env) contents(f vfs.File) string {
	e.Helper()
	got, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	e.must(err)
	return string(got)
}

// get reads all of a file.
func (e *env) get(name string) string {
	e.Helper()
	f, err := e.fs.OpenFile(e.ctx(), name, os.O_RDONLY, 0)
	e.must(err)
	defer f.Close()
	return e.contents(f)
}

// holds checks the content of a file.
func (e *env) holds(name, want string) {
	e.Helper()
	if got := e.get(name); got != want {
		e.Errorf("%q holds %s, want %s", name, brief(got), brief(want))
	}
}

// brief quotes s, or the start of it.
func brief(s string) string {
	if len(s) > 60 {
		return quote(s[:60]) + "..."
	}
	return quote(s)
}

func (e *env) mkdir(name string) {
	e.Helper()
	e.must(e.fs.Mkdir(e.ctx(), name, 0o755))
}

func (e *env) symlink(target, name string) {
	e.Helper()
	e.must(vfs.Symlink(e.ctx(), e.fs, target, name))
}

func (e *env) stat(name string) fs.FileInfo {
	e.Helper()
	fi, err := e.fs.Stat(e.ctx(), name)
	e.must(err)
	return fi
}

func (e *env) lstat(name string) fs.FileInfo {
	e.Helper()
	fi, err := vfs.Lstat(e.ctx(), e.fs, name)
	e.must(err)
	return fi
}

// gone checks that nothing is at name.
func (e *env) gone(name string) {
	e.Helper()
	_, err := vfs.Lstat(e.ctx(), e.fs, name)
	e.fails(err, name, fs.ErrNotExist)
}

// names lists a directory, sorted.
func (e *env) names(dir string) []string {
	e.Helper()
	d, err := e.fs.OpenDir(e.ctx(), dir)
	e.must(err)
	defer d.Close()
	entries, err := d.ReadDir(-1)
	e.must(err)
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	slices.Sort(names)
	return names
}

// lists checks the names in a directory.
func (e *env) lists(dir string, want ...string) {
	e.Helper()
	slices.Sort(want)
	if got := e.names(dir); !slices.Equal(got, want) {
		e.Errorf("%q lists %q, want %q", dir, got, want)
	}
}

// soon runs do, which must return before long.
func (e *env) soon(do func()) {
	e.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		e.Fatal("still running after 30 seconds")
	}
}
