package memfs_test

import (
	"context"
	"testing"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
	"github.com/quaymaster/quaymaster/vfs/vfstest"
)

func TestConformance(t *testing.T) {
	vfstest.TestFS(t, func(*testing.T) vfs.FS { return memfs.New() })
}

func TestConformanceCaseFold(t *testing.T) {
	o := memfs.Options{CaseFold: true, MaxBytes: 1 << 30}
	vfstest.TestFS(t, func(*testing.T) vfs.FS { return memfs.NewWith(o) })
}

func TestConformanceBare(t *testing.T) {
	vfstest.TestFS(t, func(*testing.T) vfs.FS { return memfs.Bare(memfs.Options{}) })
}

func BenchmarkFS(b *testing.B) {
	vfstest.BenchFS(b, func(testing.TB) vfs.FS { return memfs.New() })
}

// FuzzWrapped compares memfs below all the wrappers with memfs alone. Sub shows
// a whole file system here: a link may lead out of a part of one.
func FuzzWrapped(f *testing.F) {
	vfstest.Fuzz(f, func(t *testing.T) vfs.FS {
		mounted, err := vfs.Mount(memfs.New(), map[string]vfs.FS{"at/m": memfs.New()})
		if err != nil {
			t.Fatal(err)
		}
		sub, err := vfs.Sub(mounted, "at/m")
		if err != nil {
			t.Fatal(err)
		}
		return vfs.Guard(sub, func(context.Context, *vfs.Op) error { return nil })
	})
}

// FuzzAtomic compares vfs.Atomic on a simple file system with what memfs does
// by itself.
func FuzzAtomic(f *testing.F) {
	vfstest.Fuzz(f, func(*testing.T) vfs.FS { return vfs.Atomic(memfs.Bare(memfs.Options{})) })
}
