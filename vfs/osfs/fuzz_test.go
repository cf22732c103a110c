package osfs_test

import (
	"testing"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/osfs"
	"github.com/quaymaster/quaymaster/vfs/vfstest"
	"github.com/stretchr/testify/require"
)

func unsynced(t testing.TB) vfs.FS {
	fsys, err := osfs.Open(t.TempDir(), &osfs.Options{Durability: osfs.RenameOnly})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, fsys.Close()) })
	return fsys
}

// FuzzModel compares a real folder with memory.
func FuzzModel(f *testing.F) {
	vfstest.Fuzz(f, func(t *testing.T) vfs.FS { return unsynced(t) })
}

func BenchmarkFS(b *testing.B) {
	vfstest.BenchFS(b, unsynced)
}
