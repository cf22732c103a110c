package vfstest

import (
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"

	"github.com/quaymaster/quaymaster/vfs"
)

// dirTests: reading directories.
func dirTests() []test {
	return []test{
		{name: "Entries", run: testEntries},
		{name: "Empty", run: testEmptyDir},
		{name: "PageBy1", run: func(e *env) { testPaging(e, 1, 100) }},
		{name: "PageBy7", run: func(e *env) { testPaging(e, 7, 100) }},
		{name: "Page1000By7", direct: true, run: func(e *env) { testPaging(e, 7, 1000) }},
		{name: "Page1000By1000", direct: true, run: func(e *env) { testPaging(e, 1000, 1000) }},
		{name: "PageThenRest", run: testPageThenRest},
		{name: "Errors", run: testOpenDirErrors},
		{name: "AfterClose", run: testDirAfterClose},
		{name: "RemoveWhileReading", run: testRemoveWhileReading},
		{name: "AddWhileReading", run: testAddWhileReading},
		{name: "Memory", direct: true, run: testDirMemory},
	}
}

func testEntries(e *env) {
	e.mkdir("dir")
	e.mkdir("dir/sub")
	e.put("dir/file", "12345")
	e.put("dir/sub/deeper", "x")
	d, err := e.fs.OpenDir(e.ctx(), "dir")
	e.must(err)
	defer d.Close()
	entries, err := d.ReadDir(-1)
	e.must(err)
	for _, entry := range entries {
		fi, err := entry.Info()
		e.must(err)
		if fi.Name() != entry.Name() || fi.IsDir() != entry.IsDir() || fi.Mode().Type() != entry.Type() {
			e.Errorf("%s and its Info %s differ", fs.FormatDirEntry(entry), fs.FormatFileInfo(fi))
		}
		if want := entry.Name() == "sub"; entry.IsDir() != want {
			e.Errorf("%s: IsDir is %v", entry.Name(), !want)
		}
		if entry.Name() == "file" && fi.Size() != 5 {
			e.Errorf("size %d, want 5", fi.Size())
		}
	}
	e.lists("dir", "file", "sub")
	e.lists(".", "dir")
}

func testEmptyDir(e *env) {
	e.mkdir("dir")
	for _, n := range []int{1, 100} {
		d, err := e.fs.OpenDir(e.ctx(), "dir")
		e.must(err)
		if entries, err := d.ReadDir(n); len(entries) != 0 || err != io.EOF {
			e.Errorf("ReadDir(%d) = %v, %v; want io.EOF", n, entries, err)
		}
		e.must(d.Close())
	}
	for _, n := range []int{0, -1} {
		d, err := e.fs.OpenDir(e.ctx(), "dir")
		e.must(err)
		if entries, err := d.ReadDir(n); len(entries) != 0 || err != nil {
			e.Errorf("ReadDir(%d) = %v, %v; want no error", n, entries, err)
		}
		e.must(d.Close())
	}
}

// fill makes count empty files in dir and returns their sorted names.
func (e *env) fill(dir string, count int) []string {
	e.Helper()
	e.mkdir(dir)
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprintf("file-%05d", i)
		e.put(dir+"/"+names[i], "")
	}
	return names
}

// page reads a directory to its end, n entries at a time.
func (e *env) page(d vfs.Dir, n int) []string {
	e.Helper()
	var names []string
	for {
		entries, err := d.ReadDir(n)
		if len(entries) > n {
			e.Errorf("ReadDir(%d) returned %d entries", n, len(entries))
		}
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		if err == io.EOF {
			return names
		}
		e.must(err)
		if len(entries) == 0 {
			e.Fatalf("ReadDir(%d) returned nothing and no error", n)
		}
	}
}

func testPaging(e *env, n, count int) {
	want := e.fill("dir", count)
	d, err := e.fs.OpenDir(e.ctx(), "dir")
	e.must(err)
	got := e.page(d, n)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		e.Errorf("paged %d names, want %d, each once", len(got), len(want))
	}
	if entries, err := d.ReadDir(n); len(entries) != 0 || err != io.EOF {
		e.Errorf("ReadDir after the end = %v, %v; want io.EOF again", entries, err)
	}
	if entries, err := d.ReadDir(-1); len(entries) != 0 || err != nil {
		e.Errorf("ReadDir(-1) after the end = %v, %v", entries, err)
	}
	e.must(d.Close())
}

func testPageThenRest(e *env) {
	want := e.fill("dir", 50)
	d, err := e.fs.OpenDir(e.ctx(), "dir")
	e.must(err)
	defer d.Close()
	first, err := d.ReadDir(13)
	e.must(err)
	rest, err := d.ReadDir(-1)
	e.must(err)
	var got []string
	for _, entry := range append(first, rest...) {
		got = append(got, entry.Name())
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		e.Errorf("13 and the rest are %d names, want %d, each once", len(got), len(want))
	}
}

func testOpenDirErrors(e *env) {
	e.put("file", "x")
	_, err := e.fs.OpenDir(e.ctx(), "file")
	e.fails(err, "file", vfs.ErrNotDir)
	_, err = e.fs.OpenDir(e.ctx(), "missing")
	e.fails(err, "missing", fs.ErrNotExist)
}

func testDirAfterClose(e *env) {
	e.put("file", "x")
	d, err := e.fs.OpenDir(e.ctx(), ".")
	e.must(err)
	e.must(d.Close())
	for _, n := range []int{-1, 1} {
		if entries, err := d.ReadDir(n); err == nil || err == io.EOF || len(entries) > 0 {
			e.Errorf("ReadDir(%d) after Close = %v, %v", n, entries, err)
		}
	}
	e.matches(d.Close(), fs.ErrClosed)
}

// testRemoveWhileReading: each name is seen exactly once, as it is when a tree
// is deleted page by page.
func testRemoveWhileReading(e *env) {
	want := e.fill("dir", 50)
	d, err := e.fs.OpenDir(e.ctx(), "dir")
	e.must(err)
	var got []string
	for {
		entries, err := d.ReadDir(10)
		for _, entry := range entries {
			got = append(got, entry.Name())
			e.must(e.fs.Remove(e.ctx(), "dir/"+entry.Name()))
		}
		if err == io.EOF {
			break
		}
		e.must(err)
	}
	e.must(d.Close())
	slices.Sort(got)
	if !slices.Equal(got, want) {
		e.Errorf("saw %d names, want %d, each once", len(got), len(want))
	}
	e.must(e.fs.Rmdir(e.ctx(), "dir"))
}

// testAddWhileReading: the names that are there all the time are seen once.
func testAddWhileReading(e *env) {
	want := e.fill("dir", 60)
	d, err := e.fs.OpenDir(e.ctx(), "dir")
	e.must(err)
	seen := make(map[string]int)
	for i := 0; ; i++ {
		entries, err := d.ReadDir(10)
		for _, entry := range entries {
			seen[entry.Name()]++
		}
		if err == io.EOF || i > 100 {
			break
		}
		e.must(err)
		e.put(fmt.Sprintf("dir/aaa-%d", i), "")
		e.put(fmt.Sprintf("dir/zzz-%d", i), "")
	}
	e.must(d.Close())
	for _, name := range want {
		if seen[name] != 1 {
			e.Errorf("%s was seen %d times", name, seen[name])
		}
	}
}

// testDirMemory: reading one entry must not read all of them.
func testDirMemory(e *env) {
	const count = 2000
	e.fill("dir", count)
	var before, after runtime.MemStats
	least := uint64(1 << 62)
	for range 5 { // others may allocate at the same time: take the least
		runtime.ReadMemStats(&before)
		d, err := e.fs.OpenDir(e.ctx(), "dir")
		e.must(err)
		_, err = d.ReadDir(1)
		e.must(err)
		e.must(d.Close())
		runtime.ReadMemStats(&after)
		least = min(least, after.Mallocs-before.Mallocs)
	}
	if least >= count {
		e.Errorf("reading one of %d entries made %d allocations", count, least)
	}
}
