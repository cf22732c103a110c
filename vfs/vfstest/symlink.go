package vfstest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/quaymaster/quaymaster/vfs"
)

// symlinkTests: links are followed inside, and nowhere else.
func symlinkTests() []test {
	tests := []test{
		{name: "Follow", run: func(e *env) {
			e.put("file", "content")
			e.symlink("file", "link")
			e.holds("link", "content")
			if !e.stat("link").Mode().IsRegular() {
				e.Error("Stat does not follow")
			}
		}},
		{name: "Lstat", run: func(e *env) {
			e.put("file", "content")
			e.symlink("file", "link")
			fi := e.lstat("link")
			if fi.Mode().Type() != fs.ModeSymlink || fi.Name() != "link" {
				e.Errorf("Lstat: %s", fs.FormatFileInfo(fi))
			}
			if fi := e.lstat("file"); !fi.Mode().IsRegular() {
				e.Errorf("Lstat of a file: %s", fs.FormatFileInfo(fi))
			}
		}},
		{name: "Readlink", run: testReadlink},
		{name: "WriteThrough", run: func(e *env) {
			e.put("file", "content")
			e.symlink("file", "link")
			e.put("link", "new")
			e.holds("file", "new")
			if e.lstat("link").Mode().Type() != fs.ModeSymlink {
				e.Error("the link became a file")
			}
		}},
		{name: "Chain", run: func(e *env) {
			e.put("file", "content")
			e.symlink("file", "link0")
			for i := range 5 {
				e.symlink(fmt.Sprintf("link%d", i), fmt.Sprintf("link%d", i+1))
			}
			e.holds("link5", "content")
		}},
		{name: "Loop", run: testLinkLoop},
		{name: "Dangling", run: testDangling},
		{name: "CreateThroughDangling", run: func(e *env) {
			e.symlink("file", "link")
			_, err := e.fs.OpenFile(e.ctx(), "link", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			e.fails(err, "link", fs.ErrExist)
			e.gone("file")
		}},
		{name: "Directory", run: testLinkToDir},
		{name: "DotDotInside", run: func(e *env) {
			e.mkdir("a")
			e.mkdir("a/b")
			e.put("file", "content")
			e.put("a/near", "near")
			e.symlink("../../file", "a/b/up")
			e.symlink("../a/./near", "a/round")
			e.symlink("b/../near", "a/side")
			e.holds("a/b/up", "content")
			e.holds("a/round", "near")
			e.holds("a/side", "near")
		}},
		{name: "DotDotIsPhysical", run: func(e *env) {
			e.mkdir("a")
			e.mkdir("a/b")
			e.put("a/file", "physical")
			e.put("file", "logical")
			e.symlink("a/b", "short")
			e.symlink("short/../file", "link")
			e.holds("link", "physical")
		}},
		{name: "Existing", run: func(e *env) {
			e.put("file", "content")
			e.mkdir("dir")
			e.symlink("file", "link")
			for _, name := range []string{"file", "dir", "link"} {
				e.fails(vfs.Symlink(e.ctx(), e.fs, "file", name), name, fs.ErrExist)
			}
			e.fails(vfs.Symlink(e.ctx(), e.fs, "file", "no/link"), "no/link", fs.ErrNotExist)
			e.fails(e.fs.Mkdir(e.ctx(), "link", 0o755), "link", fs.ErrExist)
			e.holds("file", "content")
		}},
		{name: "Remove", run: func(e *env) {
			e.put("file", "content")
			e.mkdir("dir")
			e.symlink("file", "link")
			e.symlink("dir", "dirlink")
			e.must(e.fs.Remove(e.ctx(), "link"))
			e.fails(e.fs.Rmdir(e.ctx(), "dirlink"), "dirlink", vfs.ErrNotDir)
			e.must(e.fs.Remove(e.ctx(), "dirlink"))
			e.lists(".", "dir", "file")
		}},
		{name: "Rename", run: func(e *env) {
			e.put("file", "content")
			e.put("other", "other")
			e.symlink("file", "link")
			e.must(e.fs.Rename(e.ctx(), "link", "moved", vfs.RenameNoReplace))
			e.holds("moved", "content")
			e.must(e.fs.Rename(e.ctx(), "other", "moved", vfs.RenameReplace))
			e.holds("moved", "other")
			e.holds("file", "content")
		}},
		{name: "InListing", run: func(e *env) {
			e.mkdir("dir")
			e.symlink("nowhere", "dir/link")
			d, err := e.fs.OpenDir(e.ctx(), "dir")
			e.must(err)
			defer d.Close()
			entries, err := d.ReadDir(-1)
			e.must(err)
			if len(entries) != 1 || entries[0].Type() != fs.ModeSymlink {
				e.Errorf("listed as %v", entries)
			}
		}},
		{name: "Escape", direct: true, run: testEscape},
		{name: "EscapeAfterRename", direct: true, run: testEscapeAfterRename},
	}
	for i := range tests {
		tests[i].need = func(f vfs.Features) bool { return f.Symlink }
	}
	return tests
}

func testReadlink(e *env) {
	e.put("file", "content")
	e.mkdir("dir")
	for i, target := range []string{"file", "dir/../file", "./file", "nowhere/at all", "caf\u00e9"} {
		name := fmt.Sprintf("link%d", i)
		e.symlink(target, name)
		got, err := vfs.Readlink(e.ctx(), e.fs, name)
		e.must(err)
		if got != target {
			e.Errorf("Readlink gives %q, want %q", got, target)
		}
	}
	for _, name := range []string{"file", "dir"} {
		_, err := vfs.Readlink(e.ctx(), e.fs, name)
		e.fails(err, name, fs.ErrInvalid)
	}
	_, err := vfs.Readlink(e.ctx(), e.fs, "no")
	e.fails(err, "no", fs.ErrNotExist)
}

func testLinkLoop(e *env) {
	e.symlink("a", "b")
	e.symlink("b", "a")
	e.symlink("self", "self")
	for _, name := range []string{"a", "self", "a/below", "self/below"} {
		e.soon(func() {
			_, err := e.fs.Stat(e.ctx(), name)
			e.fails(err, name)
			_, err = e.fs.OpenFile(e.ctx(), name, os.O_RDWR|os.O_CREATE, 0o644)
			e.fails(err, name)
			_, err = e.fs.OpenDir(e.ctx(), name)
			e.fails(err, name)
		})
	}
	if _, err := e.fs.Stat(e.ctx(), "a"); !errors.Is(err, vfs.ErrLoop) {
		e.Logf("a loop answers %v, better vfs.ErrLoop", err)
	}
}

func testDangling(e *env) {
	e.symlink("missing", "link")
	_, err := e.fs.Stat(e.ctx(), "link")
	e.fails(err, "link", fs.ErrNotExist)
	_, err = e.fs.OpenFile(e.ctx(), "link", os.O_RDONLY, 0)
	e.fails(err, "link", fs.ErrNotExist)
	_, err = e.fs.OpenDir(e.ctx(), "link")
	e.fails(err, "link", fs.ErrNotExist)
	e.lstat("link")
}

func testLinkToDir(e *env) {
	e.mkdir("dir")
	e.put("dir/file", "content")
	e.symlink("dir", "link")
	e.holds("link/file", "content")
	e.lists("link", "file")
	e.put("link/new", "x")
	e.holds("dir/new", "x")
	e.mkdir("link/sub")
	e.must(e.fs.Rename(e.ctx(), "link/new", "link/sub/new", vfs.RenameNoReplace))
	e.holds("dir/sub/new", "x")
	_, err := e.fs.OpenFile(e.ctx(), "link", os.O_RDONLY, 0)
	e.fails(err, "link", vfs.ErrIsDir)
}

// testEscape: a link that leads out is refused when it is made or when it is
// followed.
func testEscape(e *env) {
	e.mkdir("dir")
	targets := []string{
		"..", "../x", "../../../../../../etc/passwd", "dir/../../x", "/", "/etc/passwd", "/etc",
	}
	for i, target := range targets {
		name := fmt.Sprintf("dir/link%d", i)
		if target == ".." || target == "../x" {
			name = fmt.Sprintf("link%d", i) // "dir/.." is inside
		}
		if vfs.Symlink(e.ctx(), e.fs, target, name) != nil {
			continue
		}
		e.notFollowed(name)
		e.notFollowed(name + "/passwd")
	}
}

// notFollowed checks that nothing can be reached through a link.
func (e *env) notFollowed(name string) {
	e.Helper()
	_, err := e.fs.Stat(e.ctx(), name)
	e.fails(err, name)
	_, err = e.fs.OpenFile(e.ctx(), name, os.O_RDONLY, 0)
	e.fails(err, name)
	_, err = e.fs.OpenFile(e.ctx(), name, os.O_WRONLY|os.O_CREATE, 0o644)
	e.fails(err, name)
	_, err = e.fs.OpenDir(e.ctx(), name)
	e.fails(err, name)
	e.fails(e.fs.Mkdir(e.ctx(), name+"/new", 0o755), name+"/new")
}

// testEscapeAfterRename: a link that leads inside where it was made may not
// after it was moved.
func testEscapeAfterRename(e *env) {
	e.mkdir("a")
	e.mkdir("a/b")
	e.put("file", "x")
	e.symlink("../../file", "a/b/link")
	e.holds("a/b/link", "x")
	e.must(e.fs.Rename(e.ctx(), "a/b/link", "link", vfs.RenameNoReplace))
	e.notFollowed("link")
	e.must(e.fs.Rename(e.ctx(), "link", "a/b/link", vfs.RenameNoReplace))
	e.holds("a/b/link", "x")
}
