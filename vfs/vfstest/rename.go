package vfstest

import (
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/quaymaster/quaymaster/vfs"
)

// renameTests: both modes against what is at either name.
func renameTests() []test {
	tests := []test{
		{name: "File", run: eachMode(func(e *env, mode vfs.RenameMode) {
			e.put("old", "content")
			e.must(e.fs.Rename(e.ctx(), "old", "new", mode))
			e.gone("old")
			e.holds("new", "content")
		})},
		{name: "Directory", run: eachMode(func(e *env, mode vfs.RenameMode) {
			e.mkdir("old")
			e.put("old/file", "content")
			e.must(e.fs.Rename(e.ctx(), "old", "new", mode))
			e.gone("old")
			e.holds("new/file", "content")
		})},
		{name: "AcrossDirectories", run: eachMode(func(e *env, mode vfs.RenameMode) {
			e.mkdir("a")
			e.mkdir("b")
			e.put("a/old", "content")
			e.must(e.fs.Rename(e.ctx(), "a/old", "b/new", mode))
			e.lists("a")
			e.holds("b/new", "content")
		})},
		{name: "Missing", run: eachMode(func(e *env, mode vfs.RenameMode) {
			e.put("file", "x")
			e.fails(e.fs.Rename(e.ctx(), "no", "new", mode), "no", fs.ErrNotExist)
			e.fails(e.fs.Rename(e.ctx(), "file", "no/new", mode), "file", fs.ErrNotExist)
			e.lists(".", "file")
		})},
		{name: "IntoItself", run: eachMode(func(e *env, mode vfs.RenameMode) {
			e.mkdir("dir")
			e.mkdir("dir/sub")
			e.fails(e.fs.Rename(e.ctx(), "dir", "dir/new", mode), "dir", fs.ErrInvalid)
			e.fails(e.fs.Rename(e.ctx(), "dir", "dir/sub/new", mode), "dir", fs.ErrInvalid)
			e.lists("dir", "sub")
		})},
		{name: "OntoParent", run: eachMode(func(e *env, mode vfs.RenameMode) {
			e.mkdir("dir")
			e.mkdir("dir/sub")
			e.put("dir/file", "x")
			want := []error{vfs.ErrNotEmpty, fs.ErrExist, vfs.ErrIsDir, fs.ErrInvalid}
			e.fails(e.fs.Rename(e.ctx(), "dir/sub", "dir", mode), "dir/sub", want...)
			e.fails(e.fs.Rename(e.ctx(), "dir/file", "dir", mode), "dir/file", want...)
			e.lists("dir", "file", "sub")
		})},
		{name: "BadMode", run: func(e *env) {
			e.put("old", "x")
			e.put("new", "y")
			e.fails(e.fs.Rename(e.ctx(), "old", "new", 200), "old")
			e.holds("new", "y")
		}},
		{name: "SameName", run: func(e *env) {
			e.put("file", "x")
			e.must(e.fs.Rename(e.ctx(), "file", "file", vfs.RenameReplace))
			e.holds("file", "x")
			e.fails(e.fs.Rename(e.ctx(), "file", "file", vfs.RenameNoReplace), "file", fs.ErrExist)
			e.holds("file", "x")
		}},
		{name: "ChangeCase", run: eachMode(func(e *env, mode vfs.RenameMode) {
			e.put("name", "x")
			e.must(e.fs.Rename(e.ctx(), "name", "Name", mode))
			e.lists(".", "Name")
			e.holds("Name", "x")
		})},
		{name: "KeepsOpenFile", run: testRenameOpenFile},
		{name: "NoReplaceRace", need: func(f vfs.Features) bool { return f.NoReplace }, run: testNoReplaceRace},
	}
	return append(tests, ontoTests()...)
}

// eachMode runs a test in both modes, below a directory of its own.
func eachMode(run func(e *env, mode vfs.RenameMode)) func(e *env) {
	return func(e *env) {
		for mode, label := range map[vfs.RenameMode]string{vfs.RenameNoReplace: "NoReplace", vfs.RenameReplace: "Replace"} {
			e.mkdir(label)
			inner, err := vfs.Sub(e.fs, label)
			e.must(err)
			run(&env{T: e.T, fs: inner, has: e.has}, mode)
		}
	}
}

// ontoTests: each kind of thing onto each other kind.
func ontoTests() []test {
	kinds := []string{"File", "Empty", "Full"}
	want := map[string]error{ // what RenameReplace answers
		"FileOntoEmpty": vfs.ErrIsDir, "FileOntoFull": vfs.ErrIsDir,
		"EmptyOntoFile": vfs.ErrNotDir, "FullOntoFile": vfs.ErrNotDir,
		"EmptyOntoFull": vfs.ErrNotEmpty, "FullOntoFull": vfs.ErrNotEmpty,
	}
	var tests []test
	for _, from := range kinds {
		for _, to := range kinds {
			label := from + "Onto" + to
			tests = append(tests,
				test{name: "NoReplace" + label, run: func(e *env) {
					testOnto(e, from, to, vfs.RenameNoReplace, fs.ErrExist)
				}},
				test{name: "Replace" + label, run: func(e *env) {
					testOnto(e, from, to, vfs.RenameReplace, want[label])
				}})
		}
	}
	return tests
}

// plant makes one of the kinds of ontoTests.
func (e *env) plant(name, kind string) {
	e.Helper()
	if kind == "File" {
		e.put(name, "this was "+name)
		return
	}
	e.mkdir(name)
	if kind == "Full" {
		e.put(name+"/of", "this was "+name)
	}
}

// planted checks what plant made of was, now at name.
func (e *env) planted(name, was, kind string) {
	e.Helper()
	switch kind {
	case "File":
		e.holds(name, "this was "+was)
	case "Empty":
		e.lists(name)
	case "Full":
		e.holds(name+"/of", "this was "+was)
	}
}

func testOnto(e *env, from, to string, mode vfs.RenameMode, want error) {
	e.plant("old", from)
	e.plant("new", to)
	err := e.fs.Rename(e.ctx(), "old", "new", mode)
	if want != nil {
		e.fails(err, "old", want)
		e.planted("old", "old", from)
		e.planted("new", "new", to)
		return
	}
	e.must(err)
	e.gone("old")
	e.planted("new", "old", from)
}

func testRenameOpenFile(e *env) {
	e.put("old", "content")
	f := e.open("old", 0)
	if err := e.fs.Rename(e.ctx(), "old", "new", vfs.RenameNoReplace); err != nil {
		e.Logf("open files can't be renamed: %v", err) // as on Windows
		return
	}
	if got := e.contents(f); got != "content" {
		e.Errorf("the open file holds %q", got)
	}
	e.put("old", "another")
	if got := e.contents(f); got != "content" {
		e.Errorf("after a new file took the name it holds %q", got)
	}
}

// testNoReplaceRace: of many that want one name, one gets it, and nothing is
// lost.
func testNoReplaceRace(e *env) {
	const count = 8
	for i := range count {
		e.put(fmt.Sprintf("old-%d", i), "x")
	}
	var moved atomic.Int32
	var wg sync.WaitGroup
	for i := range count {
		wg.Go(func() {
			if e.fs.Rename(e.ctx(), fmt.Sprintf("old-%d", i), "new", vfs.RenameNoReplace) == nil {
				moved.Add(1)
			}
		})
	}
	wg.Wait()
	if moved.Load() != 1 {
		e.Errorf("%d renames succeeded", moved.Load())
	}
	if got := len(e.names(".")); got != count {
		e.Errorf("%d files are left of %d", got, count)
	}
}
