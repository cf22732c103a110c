package memfs

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
)

// Options changes what NewWith makes. The zero value is what New uses.
type Options struct {
	// MaxBytes bounds the bytes stored in files; a write beyond it answers
	// vfs.ErrNoSpace. Holes in files do not count. 0: no bound.
	MaxBytes int64
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// CaseFold makes names that differ only in case one name, which keeps the
	// form that it was created with.
	CaseFold bool
}

// FS is a file system in memory. Make one with New or NewWith.
type FS struct {
	opts Options
	dev  uint64
	bare bool // reserved names are like others
	used atomic.Int64
	inos atomic.Uint64
	root *node

	mu     sync.RWMutex // guards the tree, see node
	leases vfs.LeaseTable[leaseKey]
}

var (
	_ vfs.FS         = (*FS)(nil)
	_ vfs.SymlinkFS  = (*FS)(nil)
	_ vfs.LinkFS     = (*FS)(nil)
	_ vfs.SetAttrFS  = (*FS)(nil)
	_ vfs.AtomicFS   = (*FS)(nil)
	_ vfs.PartialFS  = (*FS)(nil)
	_ vfs.LeaseFS    = (*FS)(nil)
	_ vfs.SpaceFS    = (*FS)(nil)
	_ vfs.OwnerFS    = (*FS)(nil)
	_ vfs.FeaturesFS = (*FS)(nil)
)

// New returns an empty FS.
func New() *FS { return NewWith(Options{}) }

// NewWith returns an empty FS made to o.
func NewWith(o Options) *FS {
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &FS{opts: o, dev: rand.Uint64() | 1}
	f.root = f.newNode(fs.ModeDir, 0o755)
	f.root.links = 1
	return f
}

func (f *FS) now() time.Time { return f.opts.Now() }

func (f *FS) newNode(kind, perm fs.FileMode) *node {
	now := f.now()
	return &node{ino: f.inos.Add(1), kind: kind, perm: perm.Perm(), atime: now, mtime: now}
}

// reserve accounts for n more stored bytes.
func (f *FS) reserve(n int64) error {
	if used := f.used.Add(n); f.opts.MaxBytes > 0 && used > f.opts.MaxBytes {
		f.used.Add(-n)
		return vfs.ErrNoSpace
	}
	return nil
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// Features states that everything works but OSFile and staged updates.
func (f *FS) Features() vfs.Features {
	return vfs.Features{
		Write: true, RandomWrite: true, Symlink: true, Link: true,
		SetSize: true, SetMode: true, SetOwner: true, SetTimes: true,
		AtomicClose: true, Partial: true, NoReplace: true, Sync: true,
		CopyRange: true, Space: true, Lease: true, CaseFold: f.opts.CaseFold,
	}
}

// Stat follows symbolic links.
func (f *FS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	return f.stat(ctx, "stat", name, true)
}

// Lstat does not follow a final symbolic link.
func (f *FS) Lstat(ctx context.Context, name string) (fs.FileInfo, error) {
	return f.stat(ctx, "lstat", name, false)
}

func (f *FS) stat(ctx context.Context, op, name string, follow bool) (fs.FileInfo, error) {
	if err := f.begin(ctx, name, false); err != nil {
		return nil, pathError(op, name, err)
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	p, err := f.existing(name, follow)
	if err != nil {
		return nil, pathError(op, name, err)
	}
	return p.node.info(f.dev, f.shown(name, p, follow)), nil
}

// OpenFile opens or creates a regular file; see vfs.FS. As on Linux, O_TRUNC
// empties a file also when it is opened for reading.
func (f *FS) OpenFile(ctx context.Context, name string, flag int, perm fs.FileMode) (vfs.File, error) {
	if !vfs.ValidOpenFlag(flag) {
		return nil, pathError("open", name, fs.ErrInvalid)
	}
	if err := f.begin(ctx, name, (&vfs.Op{Kind: vfs.OpOpen, Flag: flag}).Writes()); err != nil {
		return nil, pathError("open", name, err)
	}
	n, err := f.openNode(name, flag, perm)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	h := &file{fs: f, node: n, name: name}
	h.read = flag&os.O_WRONLY == 0
	h.write = flag&(os.O_WRONLY|os.O_RDWR) != 0
	return h, nil
}

// openNode finds or creates a file and counts a handle on it.
func (f *FS) openNode(name string, flag int, perm fs.FileMode) (*node, error) {
	if flag&os.O_CREATE != 0 {
		f.mu.Lock()
		defer f.mu.Unlock()
	} else {
		f.mu.RLock()
		defer f.mu.RUnlock()
	}
	exclusive := flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0
	p, err := f.walk(name, !exclusive) // O_EXCL does not follow a last link
	switch {
	case err != nil:
		return nil, err
	case p.node != nil && exclusive:
		return nil, fs.ErrExist
	case p.node != nil && p.node.isDir():
		return nil, vfs.ErrIsDir
	case p.node == nil && flag&os.O_CREATE == 0:
		return nil, fs.ErrNotExist
	case p.node == nil:
		p.node = f.newNode(0, perm)
		f.attach(p, p.node)
	case flag&os.O_TRUNC != 0:
		f.resize(p.node, 0)
	}
	p.node.open()
	return p.node, nil
}

// Mkdir makes one directory.
func (f *FS) Mkdir(ctx context.Context, name string, perm fs.FileMode) error {
	err := f.change(ctx, name, func() error {
		p, err := f.free(name)
		if err == nil {
			f.attach(p, f.newNode(fs.ModeDir, perm))
		}
		return err
	})
	return vfs.PathError("mkdir", name, err)
}

// change runs an operation that changes the tree under its lock.
func (f *FS) change(ctx context.Context, name string, do func() error) error {
	if err := f.begin(ctx, name, true); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return do()
}

// free is walk for a name that must not exist.
func (f *FS) free(name string) (place, error) {
	p, err := f.walk(name, false)
	if err == nil && p.node != nil {
		err = fs.ErrExist
	}
	return p, err
}

// Remove deletes a file or symbolic link.
func (f *FS) Remove(ctx context.Context, name string) error {
	err := f.change(ctx, name, func() error {
		p, err := f.existing(name, false)
		switch {
		case err != nil:
			return err
		case p.node.isDir():
			return vfs.ErrIsDir
		}
		f.detach(p)
		return nil
	})
	return vfs.PathError("remove", name, err)
}

// Rmdir deletes an empty directory, and with it the uploads kept there.
func (f *FS) Rmdir(ctx context.Context, name string) error {
	err := f.change(ctx, name, func() error {
		p, err := f.existing(name, false)
		switch {
		case err != nil:
			return err
		case p.base == "":
			return fs.ErrPermission // the root
		case !p.node.isDir():
			return vfs.ErrNotDir
		case p.node.entries.count > 0:
			return vfs.ErrNotEmpty
		}
		f.dropPartials(p.node)
		f.detach(p)
		return nil
	})
	return vfs.PathError("rmdir", name, err)
}

// Rename moves a file, symbolic link or directory.
func (f *FS) Rename(ctx context.Context, oldname, newname string, mode vfs.RenameMode) error {
	err := f.begin(ctx, newname, true)
	if err == nil && mode > vfs.RenameReplace {
		err = fs.ErrInvalid
	}
	if err == nil {
		err = f.change(ctx, oldname, func() error { return f.rename(oldname, newname, mode) })
	}
	return vfs.PathError("rename", oldname, err)
}

func (f *FS) rename(oldname, newname string, mode vfs.RenameMode) error {
	src, err := f.existing(oldname, false)
	if err != nil {
		return err
	}
	dst, err := f.walk(newname, false)
	if err != nil {
		return err
	}
	if src.base == "" {
		return fs.ErrPermission // the root
	}
	// Only the case of a name changes.
	respell := dst.node == src.node && src.parent() == dst.parent() &&
		src.base != dst.base && f.key(src.base) == f.key(dst.base)
	if dst.node != nil && !respell {
		if mode == vfs.RenameNoReplace {
			return fs.ErrExist
		}
		if done, err := f.replaceable(src, dst); done || err != nil {
			return err
		}
	}
	if slices.Contains(dst.dirs, src.node) {
		return fs.ErrInvalid // into itself
	}
	if dst.node != nil && !respell {
		f.dropPartials(dst.node)
		f.detach(dst)
	}
	n := src.node
	n.mu.Lock()
	n.links++ // so that nothing is freed on the way
	n.mu.Unlock()
	f.detach(src)
	f.attach(dst, n)
	n.mu.Lock()
	n.links--
	n.mu.Unlock()
	return nil
}

// replaceable tells whether src may take the place of dst, which exists, or
// whether nothing is left to do because both are the same file.
func (f *FS) replaceable(src, dst place) (done bool, err error) {
	switch {
	case src.node == dst.node:
		return true, nil
	case dst.base == "" || slices.Contains(src.dirs, dst.node):
		return false, vfs.ErrNotEmpty // it holds src
	case src.node.isDir() && !dst.node.isDir():
		return false, vfs.ErrNotDir
	case !src.node.isDir() && dst.node.isDir():
		return false, vfs.ErrIsDir
	case dst.node.entries.count > 0 && !slices.Contains(dst.dirs, src.node):
		return false, vfs.ErrNotEmpty
	}
	return false, nil
}
