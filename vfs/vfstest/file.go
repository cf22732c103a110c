package vfstest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/quaymaster/quaymaster/vfs"
)

// fileTests: reading, writing and closing.
func fileTests() []test {
	return []test{
		{name: "ReadAt", run: testReadAt},
		{name: "ReadAtEdges", run: testReadAtEdges},
		{name: "ConcurrentReadAt", run: testConcurrentReadAt},
		{name: "WriteOnReadOnly", run: testWriteOnReadOnly},
		{name: "ReadOnWriteOnly", run: testReadOnWriteOnly},
		{name: "AfterClose", run: testAfterClose},
		{name: "AfterAbort", run: testAfterAbort},
		{name: "Sync", need: func(f vfs.Features) bool { return f.Sync }, run: testSync},
		{name: "EmptyWrite", run: testEmptyWrite},
		{name: "Large", run: testLarge},
	}
}

func testReadAt(e *env) {
	e.put("file", "0123456789")
	f := e.open("file", os.O_RDONLY)
	for _, c := range []struct {
		off  int64
		size int
		want string
		eof  bool
	}{
		{0, 4, "0123", false}, {3, 4, "3456", false}, {9, 1, "9", false}, {0, 11, "0123456789", true},
		{8, 4, "89", true}, {10, 1, "", true}, {1000, 1, "", true},
	} {
		buf := make([]byte, c.size)
		n, err := f.ReadAt(buf, c.off)
		if got := string(buf[:n]); got != c.want {
			e.Errorf("ReadAt of %d at %d = %q, want %q", c.size, c.off, got, c.want)
		}
		if (c.eof && err != io.EOF) || (!c.eof && err != nil) {
			e.Errorf("ReadAt of %d at %d: error %v", c.size, c.off, err)
		}
	}
}

// testReadAtEdges: what io.ReaderAt leaves open at the very end may be either.
func testReadAtEdges(e *env) {
	e.put("file", "0123456789")
	f := e.open("file", os.O_RDONLY)
	buf := make([]byte, 10)
	if n, err := f.ReadAt(buf, 0); n != 10 || (err != nil && err != io.EOF) {
		e.Errorf("ReadAt of the whole file = %d, %v", n, err)
	}
	if n, err := f.ReadAt(nil, 0); n != 0 || err != nil {
		e.Errorf("ReadAt of nothing = %d, %v", n, err)
	}
	n, err := f.ReadAt(buf, -1)
	if n != 0 {
		e.Errorf("ReadAt at -1 read %d bytes", n)
	}
	e.fails(err, "file", fs.ErrInvalid)
}

func testConcurrentReadAt(e *env) {
	const part, parts = 1000, 16
	var all strings.Builder
	for i := range parts {
		all.WriteString(strings.Repeat(string(rune('a'+i)), part))
	}
	e.put("file", all.String())
	f := e.open("file", os.O_RDONLY)
	var wg sync.WaitGroup
	for i := range parts {
		wg.Go(func() {
			buf := make([]byte, part)
			for range 20 {
				if _, err := f.ReadAt(buf, int64(i*part)); err != nil && err != io.EOF {
					e.Errorf("part %d: %v", i, err)
				}
				if string(buf) != all.String()[i*part:(i+1)*part] {
					e.Errorf("part %d is wrong", i)
				}
			}
		})
	}
	wg.Wait()
}

func testWriteOnReadOnly(e *env) {
	e.put("file", "content")
	f := e.open("file", os.O_RDONLY)
	n, err := f.WriteAt([]byte("x"), 0)
	if n != 0 {
		e.Errorf("wrote %d bytes", n)
	}
	e.fails(err, "file", fs.ErrPermission)
	if vfs.Truncate(f, 1) == nil {
		e.Error("truncated a file that is open for reading")
	}
	if vfs.SetFileAttr(f, &vfs.Attr{Mask: vfs.AttrSize, Size: 1}) == nil {
		e.Error("set the size of a file that is open for reading")
	}
	e.must(f.Close())
	e.holds("file", "content")
}

func testReadOnWriteOnly(e *env) {
	e.put("file", "content")
	f := e.open("file", os.O_WRONLY)
	n, err := f.ReadAt(make([]byte, 4), 0)
	if n != 0 {
		e.Errorf("read %d bytes", n)
	}
	e.fails(err, "file", fs.ErrPermission)
}

// allClosed calls every method of a file that was released.
func (e *env) allClosed(f vfs.File) {
	e.Helper()
	closed := func(method string, err error) {
		e.Helper()
		if !errors.Is(err, fs.ErrClosed) && !errors.Is(err, errUnsupported) && (e.has.Write || !refused(err)) {
			e.Errorf("%s after Close: %v, want fs.ErrClosed", method, err)
		}
	}
	required := func(method string, err error) {
		e.Helper()
		if !errors.Is(err, fs.ErrClosed) {
			e.Errorf("%s after Close: %v, want fs.ErrClosed", method, err)
		}
	}
	_, err := f.ReadAt(make([]byte, 1), 0)
	required("ReadAt", err)
	_, err = f.WriteAt([]byte("x"), 0)
	required("WriteAt", err)
	_, err = f.Stat()
	required("Stat", err)
	required("Close", f.Close())
	required("Abort", vfs.Abort(f, nil))
	closed("Truncate", vfs.Truncate(f, 0))
	closed("Sync", vfs.Sync(f))
	closed("SetAttr", vfs.SetFileAttr(f, &vfs.Attr{Mask: vfs.AttrMode, Mode: 0o600}))
	closed("Keep", vfs.Keep(f, 0))
	if _, ok := vfs.OSFile(f); ok {
		e.Error("OSFile after Close gives a file")
	}
}

func testAfterClose(e *env) {
	e.put("file", "content")
	for _, flag := range []int{os.O_RDONLY, os.O_RDWR, os.O_WRONLY} {
		f := e.open("file", flag)
		e.must(f.Close())
		e.allClosed(f)
	}
	e.holds("file", "content")
}

func testAfterAbort(e *env) {
	e.put("file", "content")
	f := e.open("file", os.O_RDWR)
	e.must(vfs.Abort(f, errors.New("test")))
	e.allClosed(f)
}

func testSync(e *env) {
	f := e.open("file", os.O_RDWR|os.O_CREATE)
	e.write(f, "content", 0)
	e.must(vfs.Sync(f))
	e.must(f.Close())
	e.holds("file", "content")
}

func testEmptyWrite(e *env) {
	f := e.open("file", os.O_RDWR|os.O_CREATE)
	if n, err := f.WriteAt(nil, 0); n != 0 || err != nil {
		e.Errorf("WriteAt of nothing = %d, %v", n, err)
	}
	e.must(f.Close())
	e.holds("file", "")
}

// testLarge writes in order, in pieces of an odd size.
func testLarge(e *env) {
	want := pattern(1 << 20)
	f := e.open("file", os.O_WRONLY|os.O_CREATE)
	for off := 0; off < len(want); off += 32771 {
		e.write(f, want[off:min(off+32771, len(want))], int64(off))
	}
	e.must(f.Close())
	if e.get("file") != want {
		e.Error("the content is not what was written")
	}
	if got := e.stat("file").Size(); got != int64(len(want)) {
		e.Errorf("size %d, want %d", got, len(want))
	}
}

// pattern returns n bytes that differ from block to block.
func pattern(n int) string {
	b := make([]byte, n)
	x := uint32(2463534242)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return string(b)
}
