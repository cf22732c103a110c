package vfstest

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/quaymaster/quaymaster/vfs"
)

// atomicTests: what CreateAtomic writes is seen whole or not at all.
func atomicTests() []test {
	tests := []test{
		{name: "New", run: func(e *env) {
			f := e.create("file")
			e.write(f, "content", 0)
			e.gone("file")
			e.lists(".")
			e.must(f.Close())
			e.holds("file", "content")
			e.lists(".", "file")
		}},
		{name: "Replace", run: func(e *env) {
			e.put("file", "old")
			f := e.create("file")
			e.write(f, "newer", 0)
			e.holds("file", "old")
			e.lists(".", "file")
			e.must(f.Close())
			e.holds("file", "newer")
			e.lists(".", "file")
		}},
		{name: "Empty", run: func(e *env) {
			e.put("file", "old")
			e.must(e.create("file").Close())
			e.holds("file", "")
		}},
		{name: "Abort", run: func(e *env) {
			e.put("old", "old")
			for _, name := range []string{"old", "new"} {
				f := e.create(name)
				e.write(f, "content", 0)
				e.must(vfs.Abort(f, errors.New("test")))
				e.allClosed(f)
			}
			e.holds("old", "old")
			e.gone("new")
			e.lists(".", "old")
		}},
		{name: "CloseOnce", run: func(e *env) {
			f := e.create("file")
			e.write(f, "content", 0)
			e.must(f.Close())
			e.allClosed(f)
			e.holds("file", "content")
		}},
		{name: "Readable", run: func(e *env) {
			f := e.create("file")
			e.write(f, "content", 0)
			if got := e.contents(f); got != "content" {
				e.Errorf("read back %q", got)
			}
			fi, err := f.Stat()
			e.must(err)
			if fi.Name() != "file" || fi.Size() != 7 {
				e.Errorf("Stat: %s", fs.FormatFileInfo(fi))
			}
			e.must(f.Close())
		}},
		{name: "Permissions", need: setMode, run: func(e *env) {
			f, err := vfs.CreateAtomic(e.ctx(), e.fs, "file", 0o600)
			e.must(err)
			e.must(f.Close())
			if got := e.stat("file").Mode(); got != 0o600 {
				e.Errorf("mode %v", got)
			}
		}},
		{name: "KeepsPermissions", need: setMode, run: func(e *env) {
			e.put("file", "old")
			e.must(vfs.SetAttr(e.ctx(), e.fs, "file", &vfs.Attr{Mask: vfs.AttrMode, Mode: 0o600}))
			e.must(e.create("file").Close()) // with 0o644
			if got := e.stat("file").Mode(); got != 0o600 {
				e.Errorf("replacing the file changed its mode to %v", got)
			}
		}},
		{name: "Attributes", need: func(f vfs.Features) bool { return f.SetTimes && f.SetMode }, run: func(e *env) {
			f := e.create("file")
			e.write(f, "content", 0)
			e.must(vfs.SetFileAttr(f, &vfs.Attr{Mask: vfs.AttrMode | vfs.AttrAtime | vfs.AttrMtime,
				Mode: 0o640, Atime: longAgo(), Mtime: longAgo()}))
			e.must(f.Close())
			if fi := e.stat("file"); fi.Mode() != 0o640 || !fi.ModTime().Equal(longAgo()) {
				e.Errorf("attributes were lost: %s", fs.FormatFileInfo(fi))
			}
		}},
		{name: "Errors", run: func(e *env) {
			e.mkdir("dir")
			_, err := vfs.CreateAtomic(e.ctx(), e.fs, "dir", 0o644)
			e.fails(err, "dir", vfs.ErrIsDir)
			_, err = vfs.CreateAtomic(e.ctx(), e.fs, ".", 0o644)
			e.fails(err, ".", vfs.ErrIsDir)
			_, err = vfs.CreateAtomic(e.ctx(), e.fs, "no/file", 0o644)
			e.fails(err, "no/file", fs.ErrNotExist)
			e.lists(".", "dir")
			e.lists("dir")
		}},
		{name: "DirectoryMeanwhile", run: func(e *env) {
			f := e.create("file")
			e.mkdir("file")
			e.put("file/inner", "x")
			if f.Close() == nil {
				e.Error("a file replaced a directory")
			}
			e.holds("file/inner", "x")
			e.lists(".", "file")
		}},
		{name: "RemovedMeanwhile", run: func(e *env) {
			e.put("file", "old")
			f := e.create("file")
			e.write(f, "new", 0)
			e.must(e.fs.Remove(e.ctx(), "file"))
			e.gone("file")
			e.must(f.Close())
			e.holds("file", "new")
		}},
		{name: "OldReaders", direct: true, run: testOldReaders},
		{name: "TwoWriters", run: func(e *env) {
			one, two := e.create("file"), e.create("file")
			e.write(one, "one", 0)
			e.write(two, "second", 0)
			e.must(one.Close())
			e.holds("file", "one")
			e.must(two.Close())
			e.holds("file", "second")
			e.lists(".", "file")
		}},
		{name: "WholeOldOrNew", run: testWholeOldOrNew},
		{name: "ReservedNames", run: testReservedNames},
	}
	for i, t := range tests {
		tests[i].need = func(f vfs.Features) bool { return f.AtomicClose && (t.need == nil || t.need(f)) }
	}
	return tests
}

// create begins a file with CreateAtomic and aborts it if the test does not
// end it.
func (e *env) create(name string) vfs.File {
	e.Helper()
	f, err := vfs.CreateAtomic(e.ctx(), e.fs, name, 0o644)
	e.must(err)
	e.Cleanup(func() { vfs.Abort(f, nil) })
	return f
}

// testOldReaders: who has the old file open keeps it.
func testOldReaders(e *env) {
	e.put("file", "old")
	r := e.open("file", os.O_RDONLY)
	f := e.create("file")
	e.write(f, "new", 0)
	if err := f.Close(); err != nil {
		e.Logf("open files can't be replaced: %v", err) // as on Windows
		return
	}
	if got := e.contents(r); got != "old" {
		e.Errorf("the reader of the old file reads %q", got)
	}
}

// testWholeOldOrNew reads while the file is replaced again and again.
func testWholeOldOrNew(e *env) {
	contents := []string{strings.Repeat("a", 100000), strings.Repeat("b", 50000), ""}
	publish := func(content string) {
		f, err := vfs.CreateAtomic(e.ctx(), e.fs, "file", 0o644)
		e.must(err)
		for off := 0; off < len(content); off += 9999 {
			e.write(f, content[off:min(off+9999, len(content))], int64(off))
		}
		e.must(f.Close())
	}
	publish(contents[0])
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got, err := readAll(e.ctx(), e.fs, "file"); err != nil {
					e.Errorf("read while replaced: %v", err)
					return
				} else if !slices.Contains(contents, got) {
					e.Errorf("read neither old nor new: %d bytes", len(got))
					return
				}
			}
		})
	}
	defer wg.Wait()
	defer close(stop)
	for i := range 30 {
		publish(contents[i%len(contents)])
	}
}

// testReservedNames: no client reaches a staged file by its name.
func testReservedNames(e *env) {
	e.put("file", "old")
	f := e.create("file")
	e.write(f, "new", 0)
	for _, name := range []string{vfs.StageName("file"), vfs.ReservedPrefix, strings.ToUpper(vfs.ReservedPrefix) + "x",
		vfs.ReservedPrefix + "/below"} {
		onNames(e.ctx(), e.fs, name, func(op string, err error) {
			e.Helper()
			if err == nil {
				e.Errorf("%s took the reserved name %q", op, name)
			}
		})
		if e.fs.Rename(e.ctx(), "file", name, vfs.RenameNoReplace) == nil {
			e.Errorf("renamed to the reserved name %q", name)
		}
		if vfs.Link(e.ctx(), e.fs, "file", name) == nil {
			e.Errorf("linked to the reserved name %q", name)
		}
	}
	e.must(f.Close())
	e.lists(".", "file")
	e.holds("file", "new")
}
