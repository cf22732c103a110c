package account

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/quaymaster/quaymaster/vfs/osfs"

	"github.com/quaymaster/quaymaster/examples/mft/internal/folder"
)

// An account whose home holds that of another must not be able to send the
// other elsewhere by putting a link in its place.
func TestHomeReplacedByLink(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("making symbolic links needs a privilege on Windows")
	}
	top := t.TempDir()
	outside := t.TempDir()
	real, err := folder.Real(filepath.Join(top, "inner"))
	if err != nil {
		t.Fatal(err)
	}
	h := &home{user: "u", real: real, create: true, options: osfs.Options{Leases: new(osfs.Leases)}}
	fsys, err := h.openFS()
	if err != nil {
		t.Fatal(err)
	}
	fsys.Close()
	if err := os.Remove(real); err != nil {
		// The home may hold what the FS keeps for itself.
		if err := os.Rename(real, real+".old"); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, real); err != nil {
		t.Fatal(err)
	}
	if fsys, err := h.openFS(); err == nil || !strings.Contains(err.Error(), "now leads to") {
		t.Errorf("%v, %v", fsys, err)
	}
}
