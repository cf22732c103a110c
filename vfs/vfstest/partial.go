package vfstest

import (
	"io/fs"
	"slices"

	"github.com/quaymaster/quaymaster/vfs"
)

const (
	me    = "alice"
	other = "bob"
)

// partialTests: uploads that are kept for their owner.
func partialTests() []test {
	tests := []test{
		{name: "Resume", run: func(e *env) {
			e.keep("file", "half and junk", 4)
			f, err := vfs.OpenPartial(e.ctx(), e.fs, "file", me)
			e.must(err)
			if got := e.contents(f); got != "half" {
				e.Errorf("the partial holds %q", got)
			}
			e.write(f, " and whole", 4)
			e.gone("file")
			e.must(f.Close())
			e.holds("file", "half and whole")
			e.noPartial("file", me)
		}},
		{name: "Publish", run: func(e *env) {
			f := e.createPartial("file")
			e.write(f, "content", 0)
			e.gone("file")
			e.must(f.Close())
			e.allClosed(f)
			e.holds("file", "content")
			e.noPartial("file", me)
		}},
		{name: "Invisible", run: func(e *env) {
			e.keep("file", "content", 7)
			e.gone("file")
			e.lists(".")
			e.mkdirGone("file")
		}},
		{name: "Stat", run: func(e *env) {
			e.mkdir("dir")
			e.keep("dir/file", "content", 5)
			fi, err := vfs.StatPartial(e.ctx(), e.fs, "dir/file", me)
			e.must(err)
			if fi.Name() != "file" || fi.Size() != 5 || !fi.Mode().IsRegular() {
				e.Errorf("got %s", fs.FormatFileInfo(fi))
			}
		}},
		{name: "List", run: testPartials},
		{name: "OtherOwner", run: func(e *env) {
			e.keep("file", "content", 7)
			e.noPartial("file", other)
			e.fails(vfs.RemovePartial(e.ctx(), e.fs, "file", other), "file", fs.ErrNotExist)
			if _, err := vfs.StatPartial(e.ctx(), e.fs, "file", me); err != nil {
				e.Errorf("the owner lost it: %v", err)
			}
		}},
		{name: "Remove", run: func(e *env) {
			e.keep("file", "content", 7)
			e.must(vfs.RemovePartial(e.ctx(), e.fs, "file", me))
			e.noPartial("file", me)
			e.fails(vfs.RemovePartial(e.ctx(), e.fs, "file", me), "file", fs.ErrNotExist)
		}},
		{name: "Abort", run: func(e *env) {
			f := e.createPartial("file")
			e.write(f, "content", 0)
			e.must(vfs.Abort(f, nil))
			e.noPartial("file", me)
			e.gone("file")
		}},
		{name: "AbortResumed", run: func(e *env) {
			e.keep("file", "content", 7)
			f, err := vfs.OpenPartial(e.ctx(), e.fs, "file", me)
			e.must(err)
			e.must(vfs.Abort(f, nil))
			e.noPartial("file", me)
		}},
		{name: "KeepAgain", run: func(e *env) {
			e.keep("file", "one", 3)
			f, err := vfs.OpenPartial(e.ctx(), e.fs, "file", me)
			e.must(err)
			e.write(f, "two", 3)
			e.must(vfs.Keep(f, 6))
			e.allClosed(f)
			f, err = vfs.OpenPartial(e.ctx(), e.fs, "file", me)
			e.must(err)
			if got := e.contents(f); got != "onetwo" {
				e.Errorf("kept %q", got)
			}
			e.must(f.Close())
		}},
		{name: "NewReplacesKept", run: func(e *env) {
			e.keep("file", "first", 5)
			e.keep("file", "the second", 10)
			fi, err := vfs.StatPartial(e.ctx(), e.fs, "file", me)
			e.must(err)
			if fi.Size() != 10 {
				e.Errorf("size %d, want that of the second", fi.Size())
			}
			if got := e.partials(".", me); len(got) != 1 {
				e.Errorf("listed %q", got)
			}
		}},
		{name: "PublishedHides", run: func(e *env) {
			e.keep("file", "content", 7)
			e.put("file", "published")
			e.noPartial("file", me)
			if got := e.partials(".", me); len(got) != 0 {
				e.Errorf("listed %q", got)
			}
		}},
		{name: "KeepOfOverwrite", run: func(e *env) {
			e.put("file", "old")
			f := e.createPartial("file")
			e.write(f, "new", 0)
			if err := vfs.Keep(f, 3); err != nil {
				e.Logf("Keep over a published file: %v", err)
			}
			e.noPartial("file", me)
			e.holds("file", "old")
			e.lists(".", "file")
		}},
		{name: "KeepNeedsPartial", run: func(e *env) {
			f := e.open("file", createNew)
			e.matches(vfs.Keep(f, 0), errUnsupported)
			e.must(f.Close())
		}},
		{name: "Errors", run: func(e *env) {
			e.mkdir("dir")
			_, err := vfs.CreatePartial(e.ctx(), e.fs, "dir", 0o644, me)
			e.fails(err, "dir", vfs.ErrIsDir)
			_, err = vfs.CreatePartial(e.ctx(), e.fs, "no/file", 0o644, me)
			e.fails(err, "no/file", fs.ErrNotExist)
			_, err = vfs.CreatePartial(e.ctx(), e.fs, "file", 0o644, "")
			e.fails(err, "file", fs.ErrInvalid)
			e.noPartial("no", me)
			e.noPartial("no/file", me)
			if kept, err := vfs.Partials(e.ctx(), e.fs, "no", me); err != nil || len(kept) > 0 {
				e.fails(err, "no", fs.ErrNotExist)
			}
		}},
		{name: "OwnersApart", run: func(e *env) {
			for _, owner := range []string{"a/b", "..", "c:\\d", "\u00e9 \n", "a"} {
				f, err := vfs.CreatePartial(e.ctx(), e.fs, "file", 0o644, owner)
				e.must(err)
				e.write(f, owner, 0)
				e.must(vfs.Keep(f, int64(len(owner))))
			}
			for _, owner := range []string{"a/b", "..", "c:\\d", "\u00e9 \n", "a"} {
				fi, err := vfs.StatPartial(e.ctx(), e.fs, "file", owner)
				e.must(err)
				if fi.Size() != int64(len(owner)) {
					e.Errorf("owner %q got a partial of %d bytes", owner, fi.Size())
				}
			}
		}},
	}
	for i := range tests {
		tests[i].need = func(f vfs.Features) bool { return f.Partial }
	}
	return tests
}

func (e *env) createPartial(name string) vfs.File {
	e.Helper()
	f, err := vfs.CreatePartial(e.ctx(), e.fs, name, 0o644, me)
	e.must(err)
	e.Cleanup(func() { vfs.Abort(f, nil) })
	return f
}

// keep leaves a partial upload of size bytes.
func (e *env) keep(name, content string, size int64) {
	e.Helper()
	f := e.createPartial(name)
	e.write(f, content, 0)
	e.must(vfs.Keep(f, size))
	e.allClosed(f)
}

// noPartial checks that owner has nothing kept under name.
func (e *env) noPartial(name, owner string) {
	e.Helper()
	_, err := vfs.StatPartial(e.ctx(), e.fs, name, owner)
	e.fails(err, name, fs.ErrNotExist)
	f, err := vfs.OpenPartial(e.ctx(), e.fs, name, owner)
	e.fails(err, name, fs.ErrNotExist)
	abortFile(f, err)
}

func (e *env) partials(dir, owner string) []string {
	e.Helper()
	kept, err := vfs.Partials(e.ctx(), e.fs, dir, owner)
	e.must(err)
	var names []string
	for _, fi := range kept {
		names = append(names, fi.Name())
	}
	slices.Sort(names)
	return names
}

func testPartials(e *env) {
	e.mkdir("dir")
	if got := e.partials("dir", me); len(got) != 0 {
		e.Errorf("an empty directory keeps %q", got)
	}
	e.keep("dir/one", "1", 1)
	e.keep("dir/two", "22", 2)
	e.keep("elsewhere", "333", 3)
	if got := e.partials("dir", me); !slices.Equal(got, []string{"one", "two"}) {
		e.Errorf("listed %q", got)
	}
	if got := e.partials("dir", other); len(got) != 0 {
		e.Errorf("another owner sees %q", got)
	}
}

// mkdirGone checks that a name with a partial is free for others.
func (e *env) mkdirGone(name string) {
	e.Helper()
	e.mkdir(name)
	e.must(e.fs.Rmdir(e.ctx(), name))
}
