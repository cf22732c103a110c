package vfstest

import (
	"context"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/quaymaster/quaymaster/vfs"
)

const createNew = os.O_RDWR | os.O_CREATE | os.O_EXCL

// readAll reads a file without failing a test.
func readAll(ctx context.Context, fsys vfs.FS, name string) (string, error) {
	f, err := fsys.OpenFile(ctx, name, os.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	got, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	return string(got), err
}

// leaseTests: one writer at a time.
func leaseTests() []test {
	tests := []test{
		{name: "Exclusive", run: func(e *env) {
			e.put("file", "x")
			for _, name := range []string{"file", "not there yet"} {
				release, err := vfs.Lease(e.ctx(), e.fs, name)
				e.must(err)
				_, err = vfs.Lease(e.ctx(), e.fs, name)
				e.fails(err, name, vfs.ErrLocked)
				release()
				release, err = vfs.Lease(e.ctx(), e.fs, name)
				e.must(err)
				release()
			}
			e.lists(".", "file")
		}},
		{name: "ReleaseTwice", run: func(e *env) {
			first, err := vfs.Lease(e.ctx(), e.fs, "file")
			e.must(err)
			first()
			second, err := vfs.Lease(e.ctx(), e.fs, "file")
			e.must(err)
			first() // must not release the second
			_, err = vfs.Lease(e.ctx(), e.fs, "file")
			e.fails(err, "file", vfs.ErrLocked)
			second()
		}},
		{name: "OtherNames", run: func(e *env) {
			e.mkdir("dir")
			for _, name := range []string{"file", "dir/file", "fil", "file2"} {
				release, err := vfs.Lease(e.ctx(), e.fs, name)
				e.must(err)
				defer release()
			}
		}},
		{name: "KeptWhileCreated", run: func(e *env) {
			release, err := vfs.Lease(e.ctx(), e.fs, "file")
			e.must(err)
			e.put("file", "x")
			_, err = vfs.Lease(e.ctx(), e.fs, "file")
			e.fails(err, "file", vfs.ErrLocked)
			e.must(e.fs.Remove(e.ctx(), "file"))
			_, err = vfs.Lease(e.ctx(), e.fs, "file")
			e.fails(err, "file", vfs.ErrLocked)
			release()
		}},
		{name: "CaseFold", run: func(e *env) {
			if !e.has.CaseFold {
				e.Skip("names are case-sensitive")
			}
			release, err := vfs.Lease(e.ctx(), e.fs, "file")
			e.must(err)
			defer release()
			_, err = vfs.Lease(e.ctx(), e.fs, "FILE")
			e.fails(err, "FILE", vfs.ErrLocked)
		}},
	}
	for i := range tests {
		tests[i].need = func(f vfs.Features) bool { return f.Lease }
	}
	return tests
}

// copyRangeTests: vfs.CopyRange works on every FS; RangeCopier where claimed.
func copyRangeTests() []test {
	random := func(f vfs.Features) bool { return f.RandomWrite }
	return []test{
		{name: "Parts", need: random, run: func(e *env) {
			e.put("src", "0123456789")
			for _, c := range []struct {
				dstOff, srcOff, n, copied int64
				want                      string
			}{
				{0, 0, -1, 10, "0123456789"}, {0, 0, 4, 4, "0123efghij"}, {4, 8, 100, 2, "abcd89ghij"},
				{10, 5, 1, 1, "abcdefghij5"}, {0, 10, -1, 0, "abcdefghij"}, {0, 50, 5, 0, "abcdefghij"},
				{3, 3, 0, 0, "abcdefghij"},
			} {
				e.put("dst", "abcdefghij")
				src, dst := e.open("src", os.O_RDONLY), e.open("dst", os.O_RDWR)
				n, err := vfs.CopyRange(e.ctx(), dst, c.dstOff, src, c.srcOff, c.n)
				e.must(err)
				e.must(dst.Close())
				if n != c.copied {
					e.Errorf("copied %d bytes, want %d", n, c.copied)
				}
				e.holds("dst", c.want)
			}
		}},
		{name: "Large", run: func(e *env) {
			want := pattern(1<<20 + 12345)
			e.put("src", want)
			src, dst := e.open("src", os.O_RDONLY), e.open("dst", createNew)
			n, err := vfs.CopyRange(e.ctx(), dst, 0, src, 0, -1)
			e.must(err)
			e.must(dst.Close())
			if n != int64(len(want)) || e.get("dst") != want {
				e.Errorf("copied %d bytes, or not the right ones", n)
			}
		}},
		{name: "Inside", need: func(f vfs.Features) bool { return f.CopyRange }, run: func(e *env) {
			e.put("src", "0123456789")
			src, dst := e.open("src", os.O_RDONLY), e.open("dst", createNew)
			c, ok := dst.(vfs.RangeCopier)
			if !ok {
				e.Fatalf("%T is no RangeCopier", dst)
			}
			n, err := c.CopyRange(0, src, 2, 5)
			e.must(err)
			if n < 1 || n > 5 {
				e.Errorf("copied %d bytes", n)
			}
			e.must(dst.Close())
			e.holds("dst", "0123456789"[2:2+n])
		}},
		{name: "IntoReadOnly", run: func(e *env) {
			e.put("src", "src")
			e.put("dst", "dst")
			src, dst := e.open("src", os.O_RDONLY), e.open("dst", os.O_RDONLY)
			if _, err := vfs.CopyRange(e.ctx(), dst, 0, src, 0, -1); err == nil {
				e.Error("copied into a file that is open for reading")
			}
			e.holds("dst", "dst")
		}},
		{name: "Cancelled", run: func(e *env) {
			e.put("src", "src")
			src, dst := e.open("src", os.O_RDONLY), e.open("dst", createNew)
			ctx, cancel := context.WithCancel(e.ctx())
			cancel()
			n, err := vfs.CopyRange(ctx, dst, 0, src, 0, -1)
			e.matches(err, context.Canceled)
			if n != 0 {
				e.Errorf("copied %d bytes", n)
			}
		}},
	}
}

// spaceTests: the numbers of SpaceOf are plausible.
func spaceTests() []test {
	return []test{
		{name: "Sane", need: func(f vfs.Features) bool { return f.Space }, run: func(e *env) {
			e.mkdir("dir")
			e.put("dir/file", "x")
			for _, name := range []string{".", "dir", "dir/file"} {
				s, err := vfs.SpaceOf(e.ctx(), e.fs, name)
				e.must(err)
				if s.FragmentSize == 0 {
					e.Error("no fragment size to count in")
				}
				if s.Total != 0 && (s.Free > s.Total || s.Available > s.Total) {
					e.Errorf("more is free than there is: %+v", *s)
				}
				if s.Files != 0 && s.FilesFree > s.Files {
					e.Errorf("more files are free than there are: %+v", *s)
				}
			}
			_, err := vfs.SpaceOf(e.ctx(), e.fs, "no")
			e.fails(err, "no", fs.ErrNotExist)
		}},
		{name: "OwnerNames", run: func(e *env) {
			users, groups, err := vfs.OwnerNames(e.ctx(), e.fs, []uint32{0, 4000000000}, []uint32{4000000000})
			if err != nil {
				e.matches(err, errUnsupported)
				return
			}
			if len(users) != 2 || len(groups) != 1 {
				e.Fatalf("got %q and %q for 2 and 1 ids", users, groups)
			}
			if users[1] != "" || groups[0] != "" {
				e.Errorf("unknown ids are called %q and %q", users[1], groups[0])
			}
		}},
	}
}

// contextTests: after the end of its context nothing hangs, and what reports
// an error did nothing.
func contextTests() []test {
	return []test{
		{name: "Cancelled", run: func(e *env) {
			e.mkdir("dir")
			e.put("file", "content")
			ctx, cancel := context.WithCancel(e.ctx())
			cancel()
			for _, name := range []string{"file", "dir", "new", "."} {
				e.soon(func() { onNames(ctx, e.fs, name, func(string, error) {}) })
			}
		}},
		{name: "ErrorMeansNothingDone", run: func(e *env) {
			ctx, cancel := context.WithCancel(e.ctx())
			cancel()
			if e.fs.Mkdir(ctx, "dir", 0o755) != nil && slices.Contains(e.names("."), "dir") {
				e.Error("Mkdir failed and made a directory")
			}
			f, err := e.fs.OpenFile(ctx, "file", createNew, 0o644)
			closeFile(f, err)
			if err != nil && slices.Contains(e.names("."), "file") {
				e.Error("OpenFile failed and made a file")
			}
		}},
	}
}
