package vfstest

import (
	"io/fs"
	"os"

	"github.com/quaymaster/quaymaster/vfs"
)

// linkTests: hard links.
func linkTests() []test {
	tests := []test{
		{name: "SharesContent", run: func(e *env) {
			e.put("a", "old")
			e.link("a", "b")
			e.holds("b", "old")
			f := e.open("b", os.O_RDWR|os.O_TRUNC)
			e.write(f, "new", 0)
			e.must(f.Close())
			e.holds("a", "new")
		}},
		{name: "Counts", run: func(e *env) {
			e.put("a", "x")
			e.link("a", "b")
			fa, fb := e.stat("a"), e.stat("b")
			if n := vfs.SysOf(fa).Links; n != 0 && n != 2 {
				e.Errorf("%d links, want 2", n)
			}
			if s := vfs.SysOf(fa); s.Ino != 0 && !vfs.SameFile(fa, fb) {
				e.Error("two names of one file are not the same file")
			}
			e.must(e.fs.Remove(e.ctx(), "a"))
			if n := vfs.SysOf(e.stat("b")).Links; n > 1 {
				e.Errorf("%d links, want 1", n)
			}
			e.holds("b", "x")
		}},
		{name: "SurvivesReplace", run: func(e *env) {
			e.put("a", "old")
			e.link("a", "b")
			e.put("c", "new")
			e.must(e.fs.Rename(e.ctx(), "c", "a", vfs.RenameReplace))
			e.holds("a", "new")
			e.holds("b", "old")
		}},
		{name: "RenameOntoItself", run: func(e *env) {
			e.put("a", "x")
			e.link("a", "b")
			e.must(e.fs.Rename(e.ctx(), "a", "b", vfs.RenameReplace))
			e.holds("b", "x")
		}},
		{name: "Errors", run: func(e *env) {
			e.put("file", "x")
			e.put("other", "y")
			e.mkdir("dir")
			e.linkFails("no", "new", fs.ErrNotExist)
			e.linkFails("file", "other", fs.ErrExist)
			e.linkFails("file", "dir", fs.ErrExist)
			e.linkFails("file", "no/new", fs.ErrNotExist)
			e.linkFails("dir", "new")
			e.lists(".", "dir", "file", "other")
			e.holds("other", "y")
		}},
		{name: "NotFollowed", run: func(e *env) {
			if !e.has.Symlink {
				e.Skip("no symbolic links")
			}
			e.put("file", "x")
			e.symlink("file", "link")
			if vfs.Link(e.ctx(), e.fs, "link", "new") == nil && e.lstat("new").Mode().Type() != fs.ModeSymlink {
				e.Error("Link followed a symbolic link")
			}
		}},
	}
	for i := range tests {
		tests[i].need = func(f vfs.Features) bool { return f.Link }
	}
	return tests
}

func (e *env) link(oldname, newname string) {
	e.Helper()
	e.must(vfs.Link(e.ctx(), e.fs, oldname, newname))
}
