package vfstest

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"testing"

	"github.com/quaymaster/quaymaster/vfs"
)

// BenchFS measures what servers do most. newFS makes an empty, writable file
// system.
func BenchFS(b *testing.B, newFS func(testing.TB) vfs.FS) {
	for _, c := range []struct {
		name string
		run  func(b *testing.B, fsys vfs.FS)
	}{
		{"Stat", benchStat},
		{"OpenReadClose", benchOpenReadClose},
		{"PutSmall", benchPutSmall},
		{"PutAtomic", benchPutAtomic},
		{"ReadAt32K", func(b *testing.B, fsys vfs.FS) { benchReadAt(b, fsys, 32<<10) }},
		{"ReadAt256K", func(b *testing.B, fsys vfs.FS) { benchReadAt(b, fsys, 256<<10) }},
		{"WriteAt32K", func(b *testing.B, fsys vfs.FS) { benchWriteAt(b, fsys, 32<<10) }},
		{"List1000", benchList},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			c.run(b, newFS(b))
		})
	}
}

func benchPut(ctx context.Context, fsys vfs.FS, name string, content []byte) error {
	f, err := fsys.OpenFile(ctx, name, rewrite, 0o644)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(content, 0); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func benchStat(b *testing.B, fsys vfs.FS) {
	ctx := b.Context()
	check(b, fsys.Mkdir(ctx, "dir", 0o755))
	check(b, benchPut(ctx, fsys, "dir/file", []byte("x")))
	for b.Loop() {
		_, err := fsys.Stat(ctx, "dir/file")
		check(b, err)
	}
}

func benchOpenReadClose(b *testing.B, fsys vfs.FS) {
	ctx := b.Context()
	check(b, benchPut(ctx, fsys, "file", make([]byte, 4096)))
	buf := make([]byte, 4096)
	for b.Loop() {
		f, err := fsys.OpenFile(ctx, "file", os.O_RDONLY, 0)
		check(b, err)
		if _, err := f.ReadAt(buf, 0); err != io.EOF {
			check(b, err)
		}
		check(b, f.Close())
	}
}

func benchPutSmall(b *testing.B, fsys vfs.FS) {
	ctx, content := b.Context(), make([]byte, 4096)
	for i := 0; b.Loop(); i++ {
		check(b, benchPut(ctx, fsys, fmt.Sprintf("file-%d", i%1000), content))
	}
}

func benchPutAtomic(b *testing.B, fsys vfs.FS) {
	if !vfs.FeaturesOf(fsys).AtomicClose {
		b.Skip("CreateAtomic is not among the claimed features")
	}
	ctx, content := b.Context(), make([]byte, 4096)
	for i := 0; b.Loop(); i++ {
		f, err := vfs.CreateAtomic(ctx, fsys, fmt.Sprintf("file-%d", i%1000), 0o644)
		check(b, err)
		_, err = f.WriteAt(content, 0)
		check(b, err)
		check(b, f.Close())
	}
}

// benchReadAt reads one file from many goroutines.
func benchReadAt(b *testing.B, fsys vfs.FS, size int) {
	const total = 8 << 20
	ctx := b.Context()
	check(b, benchPut(ctx, fsys, "file", make([]byte, total)))
	f, err := fsys.OpenFile(ctx, "file", os.O_RDONLY, 0)
	check(b, err)
	defer f.Close()
	b.SetBytes(int64(size))
	var at atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		buf := make([]byte, size)
		for pb.Next() {
			off := at.Add(int64(size)) % (total - int64(size))
			if _, err := f.ReadAt(buf, off); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func benchWriteAt(b *testing.B, fsys vfs.FS, size int) {
	const total = 8 << 20
	f, err := fsys.OpenFile(b.Context(), "file", rewrite, 0o644)
	check(b, err)
	defer f.Close()
	buf := make([]byte, size)
	b.SetBytes(int64(size))
	var off int64
	for b.Loop() {
		_, err := f.WriteAt(buf, off)
		check(b, err)
		off = (off + int64(size)) % total
	}
}

func benchList(b *testing.B, fsys vfs.FS) {
	ctx := b.Context()
	for i := range 1000 {
		check(b, benchPut(ctx, fsys, fmt.Sprintf("file-%d", i), nil))
	}
	for b.Loop() {
		d, err := fsys.OpenDir(ctx, ".")
		check(b, err)
		for err == nil {
			_, err = d.ReadDir(100)
		}
		if err != io.EOF {
			b.Fatal(err)
		}
		check(b, d.Close())
	}
}
