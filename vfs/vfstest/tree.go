package vfstest

import (
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/quaymaster/quaymaster/vfs"
)

// mkdirTests: making directories.
func mkdirTests() []test {
	return []test{
		{name: "Make", run: func(e *env) {
			e.mkdir("a")
			e.mkdir("a/b")
			e.lists("a", "b")
			e.lists("a/b")
		}},
		{name: "Permissions", need: setMode, run: func(e *env) {
			e.must(e.fs.Mkdir(e.ctx(), "dir", 0o700))
			if got := e.stat("dir").Mode(); got != fs.ModeDir|0o700 {
				e.Errorf("mode %v", got)
			}
		}},
		{name: "Existing", run: func(e *env) {
			e.mkdir("dir")
			e.put("file", "x")
			e.fails(e.fs.Mkdir(e.ctx(), "dir", 0o755), "dir", fs.ErrExist)
			e.fails(e.fs.Mkdir(e.ctx(), "file", 0o755), "file", fs.ErrExist)
			e.holds("file", "x")
		}},
		{name: "MissingParent", run: func(e *env) {
			e.fails(e.fs.Mkdir(e.ctx(), "no/dir", 0o755), "no/dir", fs.ErrNotExist)
			e.lists(".")
		}},
		{name: "Race", run: testMkdirRace},
	}
}

// testMkdirRace: of many that make one directory, one succeeds.
func testMkdirRace(e *env) {
	var made atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if e.fs.Mkdir(e.ctx(), "dir", 0o755) == nil {
				made.Add(1)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		e.Errorf("%d calls made the directory", made.Load())
	}
}

// removeTests: Remove and Rmdir.
func removeTests() []test {
	return []test{
		{name: "File", run: func(e *env) {
			e.put("file", "x")
			e.must(e.fs.Remove(e.ctx(), "file"))
			e.gone("file")
			e.lists(".")
		}},
		{name: "Missing", run: func(e *env) {
			e.fails(e.fs.Remove(e.ctx(), "no"), "no", fs.ErrNotExist)
			e.fails(e.fs.Remove(e.ctx(), "no/no"), "no/no", fs.ErrNotExist)
			e.fails(e.fs.Rmdir(e.ctx(), "no"), "no", fs.ErrNotExist)
			e.fails(e.fs.Rmdir(e.ctx(), "no/no"), "no/no", fs.ErrNotExist)
		}},
		{name: "RemoveDirectory", run: func(e *env) {
			e.mkdir("dir")
			e.fails(e.fs.Remove(e.ctx(), "dir"), "dir", vfs.ErrIsDir)
			e.lists("dir")
		}},
		{name: "RmdirEmpty", run: func(e *env) {
			e.mkdir("dir")
			e.must(e.fs.Rmdir(e.ctx(), "dir"))
			e.gone("dir")
		}},
		{name: "RmdirFull", run: func(e *env) {
			e.mkdir("dir")
			e.put("dir/file", "x")
			e.fails(e.fs.Rmdir(e.ctx(), "dir"), "dir", vfs.ErrNotEmpty)
			e.holds("dir/file", "x")
		}},
		{name: "RmdirFile", run: func(e *env) {
			e.put("file", "x")
			e.fails(e.fs.Rmdir(e.ctx(), "file"), "file", vfs.ErrNotDir)
			e.holds("file", "x")
		}},
	}
}
