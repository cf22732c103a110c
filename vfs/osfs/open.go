package osfs

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
)

// Durability says what must be on stable storage before a Close that
// publishes succeeds.
type Durability uint8

const (
	// Full flushes the file and its directory. It is the zero value.
	Full Durability = iota
	// RenameOnly flushes nothing: after a crash of the machine, not of the
	// process, a file may be old, new or empty.
	RenameOnly
)

// defaultKeep is how long partial uploads stay by default.
const defaultKeep = 24 * time.Hour

// Options changes what Open does. The zero value is the default.
type Options struct {
	// Durability of published files.
	Durability Durability
	// Umask holds permission bits that new files and directories don't get,
	// besides the umask of the process.
	Umask fs.FileMode
	// KeepPartials is how long interrupted uploads stay; 0 means 24 hours, and
	// with a negative value the FS keeps none: vfs.PartialFS answers
	// errors.ErrUnsupported.
	KeepPartials time.Duration
	// Leases is shared by the FS of one program that may serve the same files;
	// nil means a table of its own.
	Leases *Leases
	// Logger gets what recovery finds; nil means slog.Default().
	Logger *slog.Logger
	// NoRecovery keeps no journal and sweeps nothing at Open. It is for a root
	// that is not ours as a whole, such as "/".
	NoRecovery bool
}

// FS is a directory tree as a vfs.FS, made by Open. All methods are safe for
// concurrent use. Files that are open when the FS is closed stay usable.
type FS struct {
	opts   Options
	root   *os.Root
	top    *dir     // the root again, for operations on its entries
	bases  []string // absolute host paths of the root
	escape error    // what os.Root answers to a name that leads out
	tree   *tree
	log    *slog.Logger
	closed atomic.Bool
	owners ownerNames

	now func() time.Time
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

// Open opens the tree below dir and recovers what a crash left in it; opts may
// be nil. Errors name dir as it was given.
func Open(dir string, opts *Options) (*FS, error) {
	return open(dir, opts, time.Now)
}

func open(dir string, opts *Options, now func() time.Time) (*FS, error) {
	f := &FS{now: now}
	if opts != nil {
		f.opts = *opts
	}
	if f.opts.KeepPartials == 0 {
		f.opts.KeepPartials = defaultKeep
	}
	if f.opts.Leases == nil {
		f.opts.Leases = new(Leases)
	}
	if f.log = f.opts.Logger; f.log == nil {
		f.log = slog.Default()
	}
	if err := f.openRoot(dir); err != nil {
		return nil, vfs.PathError("open", dir, mapErr(err))
	}
	if err := f.openTree(); err != nil {
		f.top.close()
		f.root.Close()
		return nil, vfs.PathError("open", dir, mapErr(err))
	}
	return f, nil
}

func (f *FS) openRoot(dir string) (err error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return err
	}
	if fi, err := os.Stat(real); err != nil {
		return err
	} else if !fi.IsDir() {
		return vfs.ErrNotDir
	}
	if f.bases = []string{real}; abs != real {
		f.bases = append(f.bases, abs)
	}
	if f.root, err = os.OpenRoot(real); err != nil {
		return err
	}
	if f.top, err = openDirIn(f.root, "."); err != nil {
		f.root.Close()
		return err
	}
	// os does not export this error; asking for it beats knowing its text.
	_, err = f.root.Lstat("..")
	f.escape = cause(err)
	return nil
}

// openTree joins the other FS of this program on the same root, or sets up
// what they will share.
func (f *FS) openTree() error {
	key, err := f.top.key()
	if err != nil {
		return err
	}
	f.tree = f.opts.Leases.attach(treeKey{key, f.opts.NoRecovery})
	f.tree.once.Do(func() { f.setUp(f.tree) })
	return nil
}

// Close closes the FS. It is safe to call more than once.
func (f *FS) Close() error {
	if f.closed.Swap(true) {
		return nil
	}
	f.opts.Leases.detach(f.tree)
	f.top.close()
	return mapErr(f.root.Close())
}

// begin checks what every operation must before it starts.
func (f *FS) begin(ctx context.Context, name string) error {
	switch {
	case f.closed.Load():
		return fs.ErrClosed
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return checkName(name)
}

// beginRead is begin for an operation on something that must exist.
func (f *FS) beginRead(ctx context.Context, name string) error {
	err := f.begin(ctx, name)
	if err == nil && vfs.IsReserved(name) {
		err = fs.ErrNotExist
	}
	return err
}

// beginWrite is begin for an operation that makes or replaces name.
func (f *FS) beginWrite(ctx context.Context, name string) error {
	err := f.begin(ctx, name)
	if err == nil && vfs.IsReserved(name) {
		err = fs.ErrPermission
	}
	return err
}

// fail turns err into what callers see.
func (f *FS) fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	if f.isEscape(err) {
		err = vfs.ErrEscape
	}
	return fail(op, name, err)
}

func (f *FS) isEscape(err error) bool { return f.escape != nil && errors.Is(err, f.escape) }

// Features states what works here; see vfs.FeaturesOf.
func (f *FS) Features() vfs.Features {
	have := f.tree.can
	have.Partial = have.Partial && f.opts.KeepPartials > 0
	return have
}
