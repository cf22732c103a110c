package osfs_test

import (
	"testing"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/osfs"
	"github.com/quaymaster/quaymaster/vfs/vfstest"
	"github.com/stretchr/testify/require"
)

func TestConformance(t *testing.T) {
	for name, opts := range map[string]*osfs.Options{
		"default":     nil,
		"no recovery": {NoRecovery: true, Durability: osfs.RenameOnly},
	} {
		t.Run(name, func(t *testing.T) {
			vfstest.TestFS(t, func(t *testing.T) vfs.FS {
				fsys, err := osfs.Open(t.TempDir(), opts)
				require.NoError(t, err)
				t.Cleanup(func() { fsys.Close() })
				return fsys
			})
		})
	}
}
