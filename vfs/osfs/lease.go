package osfs

import (
	"context"
	"strings"
	"sync"

	"github.com/quaymaster/quaymaster/vfs"
)

// Leases is what the FS of one program share: who writes to which file, and
// for the FS on one root also which partial uploads are kept there and what
// the store can do. The zero value is ready for use; it must not be copied.
// All methods are safe for concurrent use.
type Leases struct {
	held  vfs.LeaseTable[leaseKey]
	mu    sync.Mutex // guards trees
	trees map[treeKey]*tree
}

// leaseKey is an entry of a directory, whether it exists or not.
type leaseKey struct {
	dir  fileID
	base string
}

// fileID identifies a file on this host.
type fileID struct{ dev, ino uint64 }

// Lease makes the caller the only writer of name until release is called,
// which may be done more than once. A name that is a symbolic link counts as
// the file it leads to.
func (f *FS) Lease(ctx context.Context, name string) (release func(), err error) {
	if err := f.beginWrite(ctx, name); err != nil {
		return nil, fail("lease", name, err)
	}
	p, _, err := f.follow(name)
	if err != nil {
		return nil, f.fail("lease", name, err)
	}
	defer p.close()
	id, err := p.dir.key()
	if err != nil {
		return nil, f.fail("lease", name, err)
	}
	release, err = f.opts.Leases.held.Take(leaseKey{id, f.fold(p.base)})
	return release, fail("lease", name, err)
}

// fold returns base in the form that is equal for all spellings of a name.
func (f *FS) fold(base string) string {
	if !f.tree.can.CaseFold {
		return base
	}
	return strings.ToLower(strings.ToUpper(base))
}
