package memfs

import (
	"context"

	"github.com/quaymaster/quaymaster/vfs"
)

// leaseKey is a name in a directory, whatever way led there.
type leaseKey struct {
	dir uint64
	key string
}

// Lease gives the right to be the only writer of a name. Symbolic links are
// followed; hard links to one file have leases of their own.
func (f *FS) Lease(ctx context.Context, name string) (release func(), err error) {
	err = f.change(ctx, name, func() error {
		p, err := f.walk(name, true)
		if err != nil {
			return err
		}
		if p.node != nil && p.node.isDir() {
			return vfs.ErrIsDir
		}
		key := leaseKey{p.parent().ino, f.key(p.base)}
		release, err = f.leases.Take(key)
		return err
	})
	return release, vfs.PathError("lease", name, err)
}

// fragment is the unit that Space counts in.
const fragment = 4096

// Space tells what Options.MaxBytes leaves; the sizes are unknown when it is
// not set.
func (f *FS) Space(ctx context.Context, name string) (*vfs.Space, error) {
	if _, err := f.Stat(ctx, name); err != nil {
		return nil, vfs.PathError("statvfs", name, err)
	}
	s := &vfs.Space{BlockSize: blockSize, FragmentSize: fragment, NameMax: maxName, ID: f.dev}
	if f.opts.MaxBytes > 0 {
		s.Total = uint64(f.opts.MaxBytes) / fragment
		s.Free = uint64(max(0, f.opts.MaxBytes-f.used.Load())) / fragment
		s.Available = s.Free
	}
	return s, nil
}

// OwnerNames knows no names.
func (f *FS) OwnerNames(_ context.Context, uids, gids []uint32) (users, groups []string, err error) {
	return make([]string, len(uids)), make([]string, len(gids)), nil
}
