package vfstest

import (
	"io"
	"io/fs"
	"math"
	"os"
	"strings"
	"sync"

	"github.com/quaymaster/quaymaster/vfs"
)

// randomWriteTests: writing anywhere in a file.
func randomWriteTests() []test {
	need := func(f vfs.Features) bool { return f.RandomWrite }
	return []test{
		{name: "Overwrite", need: need, run: testOverwrite},
		{name: "Gap", need: need, run: testGap},
		{name: "Backwards", need: need, run: testBackwards},
		{name: "NegativeOffset", need: need, run: testNegativeWrite},
		{name: "HugeOffset", need: need, run: testHugeOffset},
		{name: "ConcurrentWriteAt", need: need, run: testConcurrentWriteAt},
		{name: "TwoHandles", need: need, run: testTwoHandles},
		{name: "Truncate", need: needSize, run: testTruncate},
		{name: "TruncateErases", need: needSize, run: testTruncateErases},
		{name: "RemovedWhileOpen", need: need, direct: true, run: testRemovedWhileOpen},
	}
}

func needSize(f vfs.Features) bool { return f.SetSize }

func testOverwrite(e *env) {
	e.put("file", "0123456789")
	f := e.open("file", os.O_WRONLY)
	e.write(f, "abc", 3)
	e.write(f, "XYZ", 8)
	e.must(f.Close())
	e.holds("file", "012abc67XYZ")
}

func testGap(e *env) {
	for _, gap := range []int{1, 4095, 4096, 65536, 200000} {
		e.put("file", "start")
		f := e.open("file", os.O_RDWR)
		e.write(f, "end", int64(5+gap))
		want := "start" + strings.Repeat("\x00", gap) + "end"
		if got := e.contents(f); got != want {
			e.Errorf("gap of %d: %d bytes read through the handle, want %d with zeros", gap, len(got), len(want))
		}
		e.must(f.Close())
		if e.get("file") != want {
			e.Errorf("gap of %d does not read as zeros", gap)
		}
	}
}

func testBackwards(e *env) {
	want := pattern(300 << 10)
	f := e.open("file", os.O_WRONLY|os.O_CREATE)
	const piece = 10007
	for off := (len(want) - 1) / piece * piece; off >= 0; off -= piece {
		e.write(f, want[off:min(off+piece, len(want))], int64(off))
	}
	e.must(f.Close())
	if e.get("file") != want {
		e.Error("the content is not what was written")
	}
}

func testNegativeWrite(e *env) {
	f := e.open("file", os.O_RDWR|os.O_CREATE)
	for _, off := range []int64{-1, math.MinInt64} {
		n, err := f.WriteAt([]byte("x"), off)
		if n != 0 {
			e.Errorf("wrote %d bytes at %d", n, off)
		}
		e.fails(err, "file", fs.ErrInvalid)
	}
	e.must(f.Close())
	e.holds("file", "")
}

// testHugeOffset: a sparse write works or fails, but takes no memory or disk
// for the hole, and what overflows fails.
func testHugeOffset(e *env) {
	f := e.open("file", os.O_RDWR|os.O_CREATE)
	if n, err := f.WriteAt([]byte("xy"), math.MaxInt64-1); err == nil || n == 2 {
		e.Errorf("wrote beyond the largest offset: %d, %v", n, err)
	}
	const far = 1 << 40
	n, err := f.WriteAt([]byte("far"), far)
	if err == nil {
		fi, err := f.Stat()
		e.must(err)
		if n != 3 || fi.Size() != far+3 {
			e.Errorf("wrote %d bytes, size %d", n, fi.Size())
		}
		buf := make([]byte, 8)
		if n, err := f.ReadAt(buf, far-4); n != 7 || err != io.EOF || string(buf[:n]) != "\x00\x00\x00\x00far" {
			e.Errorf("read back %q, %v", buf[:n], err)
		}
	}
	e.must(f.Close())
}

func testConcurrentWriteAt(e *env) {
	const part, parts = 40000, 16
	want := pattern(part * parts)
	f := e.open("file", os.O_RDWR|os.O_CREATE)
	var wg sync.WaitGroup
	for i := range parts {
		wg.Go(func() {
			piece := want[i*part : (i+1)*part]
			if n, err := f.WriteAt([]byte(piece), int64(i*part)); n != part || err != nil {
				e.Errorf("part %d: %d, %v", i, n, err)
				return
			}
			buf := make([]byte, part)
			if n, err := f.ReadAt(buf, int64(i*part)); n != part || string(buf) != piece {
				e.Errorf("part %d read back wrong: %d, %v", i, n, err)
			}
		})
	}
	wg.Wait()
	e.must(f.Close())
	if e.get("file") != want {
		e.Error("the content is not what was written")
	}
}

// testTwoHandles: what one handle writes another sees when the first has
// closed, and at once unless updates are staged.
func testTwoHandles(e *env) {
	e.put("file", "old old")
	r := e.open("file", os.O_RDONLY)
	w := e.open("file", os.O_RDWR)
	e.write(w, "new", 0)
	if got := e.contents(w); got != "new old" {
		e.Errorf("the writer reads %q", got)
	}
	if !e.has.StagedUpdate {
		if got := e.contents(r); got != "new old" {
			e.Errorf("the reader reads %q", got)
		}
	}
	e.must(w.Close())
	e.holds("file", "new old")
}

func testTruncate(e *env) {
	e.put("file", "0123456789")
	f := e.open("file", os.O_RDWR)
	for _, c := range []struct {
		size int64
		want string
	}{{4, "0123"}, {6, "0123\x00\x00"}, {6, "0123\x00\x00"}, {0, ""}, {2, "\x00\x00"}} {
		e.must(vfs.Truncate(f, c.size))
		if got := e.contents(f); got != c.want {
			e.Errorf("truncated to %d it holds %q, want %q", c.size, got, c.want)
		}
	}
	if vfs.Truncate(f, -1) == nil {
		e.Error("truncated to -1")
	}
	e.must(f.Close())
	e.holds("file", "\x00\x00")
}

// testTruncateErases: what was cut off does not come back.
func testTruncateErases(e *env) {
	e.put("file", strings.Repeat("secret", 50000))
	f := e.open("file", os.O_RDWR)
	e.must(vfs.Truncate(f, 3))
	e.must(vfs.Truncate(f, 300000))
	e.write(f, "x", 300000)
	if got, want := e.contents(f), "sec"+strings.Repeat("\x00", 299997)+"x"; got != want {
		e.Error("bytes that were cut off came back")
	}
}

// testRemovedWhileOpen: an open file outlives its name.
func testRemovedWhileOpen(e *env) {
	e.put("file", "content")
	f := e.open("file", os.O_RDWR)
	if err := e.fs.Remove(e.ctx(), "file"); err != nil {
		e.Logf("open files can't be removed: %v", err) // as on Windows
		return
	}
	e.gone("file")
	e.write(f, "C", 0)
	if got := e.contents(f); got != "Content" {
		e.Errorf("the removed file holds %q", got)
	}
	e.put("file", "another")
	if got := e.contents(f); got != "Content" {
		e.Errorf("after a new file took the name it holds %q", got)
	}
	e.must(f.Close())
	e.holds("file", "another")
}
