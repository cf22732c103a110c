package vfstest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/quaymaster/quaymaster/vfs"
)

// errUnsupported is errors.ErrUnsupported with a shorter name.
var errUnsupported = errors.ErrUnsupported

// openTests: the flags of OpenFile against what is there.
func openTests() []test {
	return []test{
		{name: "FlagsOnMissing", run: testFlagsOnMissing},
		{name: "FlagsOnFile", run: testFlagsOnFile},
		{name: "FlagsOnDirectory", run: testFlagsOnDirectory},
		{name: "BadFlags", run: testBadFlags},
		{name: "MissingParent", run: testMissingParent},
		{name: "Permissions", need: setMode, run: testOpenPermissions},
		{name: "Stat", run: testStat},
		{name: "Root", run: testRoot},
	}
}

func setMode(f vfs.Features) bool { return f.SetMode }

// eachFlag calls do with every combination of flags that OpenFile takes.
func eachFlag(do func(flag int, label string)) {
	for _, access := range []int{os.O_RDONLY, os.O_WRONLY, os.O_RDWR} {
		for _, more := range []int{0, os.O_CREATE, os.O_TRUNC, os.O_CREATE | os.O_TRUNC,
			os.O_CREATE | os.O_EXCL, os.O_CREATE | os.O_EXCL | os.O_TRUNC} {
			if access == os.O_RDONLY && more&os.O_TRUNC != 0 {
				continue // POSIX leaves it open
			}
			do(access|more, flagLabel(access|more))
		}
	}
}

func flagLabel(flag int) string {
	label := map[int]string{os.O_RDONLY: "O_RDONLY", os.O_WRONLY: "O_WRONLY", os.O_RDWR: "O_RDWR"}[flag&(os.O_WRONLY|os.O_RDWR)]
	for bit, name := range map[int]string{os.O_CREATE: "O_CREATE", os.O_EXCL: "O_EXCL", os.O_TRUNC: "O_TRUNC"} {
		if flag&bit != 0 {
			label += "|" + name
		}
	}
	return label
}

func testFlagsOnMissing(e *env) {
	eachFlag(func(flag int, label string) {
		name := "missing"
		f, err := e.fs.OpenFile(e.ctx(), name, flag, 0o644)
		if flag&os.O_CREATE == 0 {
			e.fails(err, name, fs.ErrNotExist)
			closeFile(f, err)
			return
		}
		if err != nil {
			e.Errorf("%s: %v", label, err)
			return
		}
		e.must(f.Close())
		e.holds(name, "")
		e.must(e.fs.Remove(e.ctx(), name))
	})
}

func testFlagsOnFile(e *env) {
	eachFlag(func(flag int, label string) {
		name := "file"
		e.put(name, "content")
		want := "content"
		f, err := e.fs.OpenFile(e.ctx(), name, flag, 0o644)
		switch {
		case flag&os.O_EXCL != 0:
			e.fails(err, name, fs.ErrExist)
			closeFile(f, err)
		case err != nil:
			e.Errorf("%s: %v", label, err)
		default:
			if flag&os.O_TRUNC != 0 {
				want = ""
			}
			e.must(f.Close())
		}
		if got := e.get(name); got != want {
			e.Errorf("%s left %q, want %q", label, got, want)
		}
	})
}

func testFlagsOnDirectory(e *env) {
	e.mkdir("dir")
	eachFlag(func(flag int, label string) {
		for _, name := range []string{"dir", "."} {
			want := vfs.ErrIsDir
			f, err := e.fs.OpenFile(e.ctx(), name, flag, 0o644)
			if flag&os.O_EXCL != 0 {
				e.fails(err, name, want, fs.ErrExist)
			} else {
				e.fails(err, name, want)
			}
			if err == nil {
				e.Errorf("%s opened a directory", label)
				f.Close()
			}
		}
	})
}

func testBadFlags(e *env) {
	e.put("file", "content")
	for _, flag := range []int{
		os.O_APPEND, os.O_WRONLY | os.O_APPEND, os.O_RDWR | os.O_CREATE | os.O_APPEND,
		os.O_SYNC, os.O_WRONLY | os.O_RDWR, 1 << 30, -1,
	} {
		f, err := e.fs.OpenFile(e.ctx(), "file", flag, 0o644)
		e.fails(err, "file", fs.ErrInvalid)
		closeFile(f, err)
	}
	e.holds("file", "content")
}

func testMissingParent(e *env) {
	name := "no/such/file"
	_, err := e.fs.OpenFile(e.ctx(), name, os.O_RDONLY, 0)
	e.fails(err, name, fs.ErrNotExist)
	_, err = e.fs.OpenFile(e.ctx(), name, os.O_WRONLY|os.O_CREATE, 0o644)
	e.fails(err, name, fs.ErrNotExist)
	_, err = e.fs.Stat(e.ctx(), name)
	e.fails(err, name, fs.ErrNotExist)
	_, err = e.fs.OpenDir(e.ctx(), name)
	e.fails(err, name, fs.ErrNotExist)
	e.lists(".")
}

// testOpenPermissions: perm is for new files only. The process may mask bits
// away, but those of the owner are left alone by any usual mask.
func testOpenPermissions(e *env) {
	for _, perm := range []fs.FileMode{0o600, 0o700} {
		name := fmt.Sprintf("file%o", perm)
		f, err := e.fs.OpenFile(e.ctx(), name, os.O_WRONLY|os.O_CREATE, perm)
		e.must(err)
		e.must(f.Close())
		if got := e.stat(name).Mode(); got != perm {
			e.Errorf("a file created with %v has the mode %v", perm, got)
		}
		f, err = e.fs.OpenFile(e.ctx(), name, os.O_WRONLY|os.O_CREATE, 0o777)
		e.must(err)
		e.must(f.Close())
		if got := e.stat(name).Mode(); got != perm {
			e.Errorf("opening it again changed the mode %v to %v", perm, got)
		}
	}
}

func testStat(e *env) {
	e.mkdir("dir")
	e.put("dir/file", "12345")
	fi := e.stat("dir/file")
	if fi.Name() != "file" || fi.Size() != 5 || !fi.Mode().IsRegular() || fi.IsDir() {
		e.Errorf("file: %s", fs.FormatFileInfo(fi))
	}
	if fi.ModTime().IsZero() {
		e.Error("file: no modification time")
	}
	if fi = e.stat("dir"); fi.Name() != "dir" || !fi.IsDir() || !fi.Mode().IsDir() {
		e.Errorf("directory: %s", fs.FormatFileInfo(fi))
	}
	f := e.open("dir/file", os.O_RDONLY)
	fi, err := f.Stat()
	e.must(err)
	if fi.Name() != "file" || fi.Size() != 5 || !fi.Mode().IsRegular() {
		e.Errorf("open file: %s", fs.FormatFileInfo(fi))
	}
	if s := vfs.SysOf(fi); (s.Dev != 0 || s.Ino != 0) && !vfs.SameFile(fi, e.stat("dir/file")) {
		e.Error("the open file and its name are not the same file")
	}
}

// testRoot: the root is a directory that nothing can take away.
func testRoot(e *env) {
	if !e.stat(".").IsDir() {
		e.Error("the root is no directory")
	}
	e.put("file", "x")
	e.fails(e.fs.Mkdir(e.ctx(), ".", 0o755), ".", fs.ErrExist, fs.ErrPermission)
	e.fails(e.fs.Remove(e.ctx(), "."), ".")
	e.fails(e.fs.Rmdir(e.ctx(), "."), ".")
	e.fails(e.fs.Rename(e.ctx(), ".", "new", vfs.RenameReplace), ".")
	e.fails(e.fs.Rename(e.ctx(), "file", ".", vfs.RenameReplace), "file")
	e.lists(".", "file")
	e.must(e.fs.Remove(e.ctx(), "file"))
	e.fails(e.fs.Rmdir(e.ctx(), "."), ".")
	e.lists(".")
}
