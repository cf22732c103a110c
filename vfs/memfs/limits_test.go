package memfs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, fsys vfs.FS, name string) vfs.File {
	t.Helper()
	f, err := fsys.OpenFile(t.Context(), name, os.O_RDWR|os.O_CREATE, 0o644)
	must(t, err)
	return f
}

// available asks how many fragments are left.
func available(t *testing.T, fsys vfs.FS) uint64 {
	t.Helper()
	s, err := vfs.SpaceOf(t.Context(), fsys, ".")
	must(t, err)
	return s.Available
}

func TestMaxBytes(t *testing.T) {
	fsys := memfs.NewWith(memfs.Options{MaxBytes: 1 << 20})
	f := create(t, fsys, "file")
	n, err := f.WriteAt(make([]byte, 2<<20), 0)
	if n != 1<<20 || !errors.Is(err, vfs.ErrNoSpace) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if got := available(t, fsys); got != 0 {
		t.Errorf("%d fragments are left", got)
	}
	must(t, vfs.Truncate(f, 1<<19))
	if got := available(t, fsys); got != 128 {
		t.Errorf("%d fragments are left, want 128", got)
	}
	must(t, fsys.Remove(t.Context(), "file"))
	if got := available(t, fsys); got != 128 {
		t.Errorf("removing an open file freed it: %d", got)
	}
	must(t, f.Close())
	if got := available(t, fsys); got != 256 {
		t.Errorf("%d fragments are left, want all", got)
	}
}

// TestSpaceComesBack: no way to end a file keeps its bytes accounted for.
func TestSpaceComesBack(t *testing.T) {
	fsys := memfs.NewWith(memfs.Options{MaxBytes: 1 << 20})
	ctx := t.Context()
	fill := func(f vfs.File, err error) vfs.File {
		must(t, err)
		_, err = f.WriteAt(make([]byte, 1<<19), 0)
		must(t, err)
		return f
	}
	for range 5 {
		must(t, vfs.Abort(fill(fsys.CreateAtomic(ctx, "a", 0o644)), nil))
		must(t, fill(fsys.CreateAtomic(ctx, "a", 0o644)).Close())
		must(t, vfs.Keep(fill(fsys.CreatePartial(ctx, "b", 0o644, "me")), 1000))
		must(t, fsys.RemovePartial(ctx, "b", "me"))
		must(t, fsys.Link(ctx, "a", "c"))
		must(t, fsys.Remove(ctx, "a"))
		must(t, fill(fsys.OpenFile(ctx, "b", os.O_RDWR|os.O_CREATE, 0o644)).Close())
		must(t, fsys.Rename(ctx, "c", "b", vfs.RenameReplace))
		must(t, fsys.Mkdir(ctx, "d", 0o755))
		must(t, vfs.Keep(fill(fsys.CreatePartial(ctx, "d/x", 0o644, "me")), 1<<19))
		must(t, fsys.Rmdir(ctx, "d"))
		must(t, fsys.Remove(ctx, "b"))
		if got := available(t, fsys); got != 256 {
			t.Fatalf("%d fragments are left, want all", got)
		}
	}
}

// TestHoles: huge offsets take no memory.
func TestHoles(t *testing.T) {
	fsys := memfs.NewWith(memfs.Options{MaxBytes: 1 << 20})
	f := create(t, fsys, "file")
	for _, off := range []int64{0, 1 << 30, 1 << 50, math.MaxInt64 - 10} {
		n, err := f.WriteAt([]byte("x"), off)
		if n != 1 || err != nil {
			t.Errorf("at %d: %d, %v", off, n, err)
		}
	}
	must(t, vfs.Truncate(f, math.MaxInt64))
	buf := make([]byte, 3)
	if n, err := f.ReadAt(buf, 1<<50-1); n != 3 || err != nil || string(buf) != "\x00x\x00" {
		t.Errorf("read %q, %d, %v", buf, n, err)
	}
	if n, err := f.ReadAt(buf, math.MaxInt64-1); n != 1 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
	must(t, f.Close())
}

// TestTinyFiles: a file costs about its bytes.
func TestTinyFiles(t *testing.T) {
	fsys := memfs.New()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const count = 20000
	for i := range count {
		f := create(t, fsys, fmt.Sprint("file", i))
		_, err := f.WriteAt([]byte("hello"), 0)
		must(t, err)
		must(t, f.Close())
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / count; each > 2000 {
		t.Errorf("%d bytes for each tiny file", each)
	}
	runtime.KeepAlive(fsys)
}

// TestManyEntries makes, pages and removes 100,000 names.
func TestManyEntries(t *testing.T) {
	const count = 100000
	fsys := memfs.New()
	ctx := t.Context()
	for i := range count {
		must(t, fsys.Symlink(ctx, "x", fmt.Sprintf("%05d", (i*7919)%count)))
	}
	d, err := fsys.OpenDir(ctx, ".")
	must(t, err)
	next := 0
	for {
		entries, err := d.ReadDir(1000)
		for _, e := range entries {
			if want := fmt.Sprintf("%05d", next); e.Name() != want {
				t.Fatalf("got %s, want %s", e.Name(), want)
			}
			must(t, fsys.Remove(ctx, e.Name()))
			next++
		}
		if err == io.EOF {
			break
		}
		must(t, err)
	}
	if next != count {
		t.Errorf("saw %d names", next)
	}
}

func TestPartialExpires(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	fsys := memfs.NewWith(memfs.Options{Now: func() time.Time { return now }, MaxBytes: 1 << 20})
	f, err := fsys.CreatePartial(t.Context(), "file", 0o644, "me")
	must(t, err)
	_, err = f.WriteAt(make([]byte, 1<<19), 0)
	must(t, err)
	must(t, vfs.Keep(f, 1<<19))
	now = now.Add(24*time.Hour - time.Second)
	_, err = fsys.StatPartial(t.Context(), "file", "me")
	must(t, err)
	now = now.Add(time.Second)
	if kept, err := fsys.Partials(t.Context(), ".", "me"); len(kept) != 0 || err != nil {
		t.Errorf("listed %v, %v", kept, err)
	}
	if _, err := fsys.StatPartial(t.Context(), "file", "me"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after a day: %v", err)
	}
	if got := available(t, fsys); got != 256 {
		t.Errorf("an expired partial still takes space: %d fragments left", got)
	}
}

func TestLoopLimit(t *testing.T) {
	fsys := memfs.New()
	ctx := t.Context()
	must(t, create(t, fsys, "0").Close())
	for i := range 41 {
		must(t, fsys.Symlink(ctx, fmt.Sprint(i), fmt.Sprint(i+1)))
	}
	if _, err := fsys.Stat(ctx, "40"); err != nil {
		t.Errorf("40 links: %v", err)
	}
	if _, err := fsys.Stat(ctx, "41"); !errors.Is(err, vfs.ErrLoop) {
		t.Errorf("41 links: %v", err)
	}
	must(t, fsys.Symlink(ctx, "../outside", "out"))
	if _, err := fsys.Stat(ctx, "out"); !errors.Is(err, vfs.ErrEscape) {
		t.Errorf("out: %v", err)
	}
	if err := fsys.Symlink(ctx, strings.Repeat("x", 5000), "long"); !errors.Is(err, vfs.ErrNameTooLong) {
		t.Errorf("long: %v", err)
	}
}

// TestDirectoryTimes: making and removing names changes their directory.
func TestDirectoryTimes(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	fsys := memfs.NewWith(memfs.Options{Now: func() time.Time { now = now.Add(time.Second); return now }})
	ctx := t.Context()
	must(t, fsys.Mkdir(ctx, "dir", 0o755))
	last := time.Time{}
	for label, do := range map[string]func() error{
		"Mkdir":  func() error { return fsys.Mkdir(ctx, "dir/sub", 0o755) },
		"Create": func() error { return create(t, fsys, "dir/file").Close() },
	} {
		must(t, do())
		fi, err := fsys.Stat(ctx, "dir")
		must(t, err)
		if !fi.ModTime().After(last) {
			t.Errorf("%s left the time of the directory", label)
		}
		last = fi.ModTime()
	}
	fi, err := fsys.Stat(ctx, "dir")
	must(t, err)
	if n := vfs.SysOf(fi).Links; n != 3 {
		t.Errorf("a directory with one subdirectory has %d links", n)
	}
}

// TestConcurrent has all operations meet under the race detector.
func TestConcurrent(t *testing.T) {
	fsys := memfs.NewWith(memfs.Options{MaxBytes: 1 << 22})
	ctx := t.Context()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				churn(ctx, fsys, fmt.Sprint("f", (g+i)%5), fmt.Sprint("f", (g*3+i)%5))
			}
		})
	}
	wg.Wait()
	for i := range 5 {
		_ = fsys.Remove(ctx, fmt.Sprint("f", i))
	}
	_ = fsys.RemovePartial(ctx, "f0", "me")
	if s, err := fsys.Space(ctx, "."); err != nil || s.Available != s.Total {
		t.Errorf("space was lost: %+v, %v", s, err)
	}
}

// churn does a bit of everything to two names; most of it may fail.
func churn(ctx context.Context, fsys *memfs.FS, a, b string) {
	buf := make([]byte, 70000)
	if f, err := fsys.OpenFile(ctx, a, os.O_RDWR|os.O_CREATE, 0o644); err == nil {
		_, _ = f.WriteAt(buf, 100)
		_, _ = f.ReadAt(buf, 0)
		_ = vfs.Truncate(f, 5)
		_, _ = f.Stat()
		_ = f.Close()
	}
	if f, err := fsys.CreateAtomic(ctx, b, 0o644); err == nil {
		_, _ = f.WriteAt(buf, 0)
		_ = f.Close()
	}
	_ = fsys.Rename(ctx, a, b, vfs.RenameReplace)
	_ = fsys.Link(ctx, b, a)
	_ = fsys.SetAttr(ctx, a, &vfs.Attr{Mask: vfs.AttrMode | vfs.AttrSize, Size: 10, Mode: 0o600})
	if d, err := fsys.OpenDir(ctx, "."); err == nil {
		_, _ = d.ReadDir(2)
		_, _ = d.ReadDir(-1)
		_ = d.Close()
	}
	if release, err := fsys.Lease(ctx, a); err == nil {
		release()
	}
	if f, err := fsys.CreatePartial(ctx, "f0", 0o644, "me"); err == nil {
		_, _ = f.WriteAt(buf, 0)
		_ = vfs.Keep(f, 3)
	}
	_ = fsys.Remove(ctx, a)
}
