package vfstest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"testing"

	"github.com/quaymaster/quaymaster/vfs"
)

// ErrFault is what EveryFault makes calls fail with.
var ErrFault = errors.New("vfstest: injected fault")

// Call is one point where Faulty can fail.
type Call struct {
	N    int    // 1 for the first call, over all files
	Op   string // "open", "rename", ...; on files "read", "write", "truncate", "setattr", "sync", "close", "abort", "keep"
	Name string
	// After: it was done, and can only be reported as failed. Otherwise it is
	// not done; of a write the first half is.
	After bool
}

// Faulty returns fsys with calls that fail. fail is asked before each
// operation and file method, and once more after each one that changed
// something; an error that it returns is the outcome. It must be safe for
// concurrent use if the FS is used so.
func Faulty(fsys vfs.FS, fail func(c Call) error) vfs.FS {
	f := &faultyFS{fail: fail}
	f.Forward = vfs.Forward{
		Route: func(_ context.Context, op *vfs.Op) (vfs.Route, error) {
			return vfs.Route{FS: fsys, Name: op.Name, Target: op.Target}, f.ask(op.Kind.String(), op.Name, false)
		},
		Wrap: func(_ context.Context, op *vfs.Op, file vfs.File) vfs.File {
			return &faultyFile{ForwardFile: vfs.ForwardFile{F: file}, fs: f, name: op.Name}
		},
		Have: func() vfs.Features { return vfs.FeaturesOf(fsys) },
	}
	return f
}

type faultyFS struct {
	vfs.Forward
	fail func(c Call) error
	n    atomic.Int64
}

// ask lets fail decide about one point.
func (f *faultyFS) ask(op, name string, after bool) error {
	c := Call{N: int(f.n.Add(1)), Op: op, Name: name, After: after}
	return vfs.PathError(op, name, f.fail(c))
}

// done asks about what was done unless that failed by itself.
func (f *faultyFS) done(op, name string, err error) error {
	if err != nil {
		return err
	}
	return f.ask(op, name, true)
}

func (f *faultyFS) OpenFile(ctx context.Context, name string, flag int, perm fs.FileMode) (vfs.File, error) {
	file, err := f.Forward.OpenFile(ctx, name, flag, perm)
	if err == nil && flag&(os.O_CREATE|os.O_TRUNC) != 0 {
		if err = f.done("open", name, nil); err != nil {
			file.(*faultyFile).F.Close()
			return nil, err
		}
	}
	return file, err
}

func (f *faultyFS) Mkdir(ctx context.Context, name string, perm fs.FileMode) error {
	return f.done("mkdir", name, f.Forward.Mkdir(ctx, name, perm))
}

func (f *faultyFS) Remove(ctx context.Context, name string) error {
	return f.done("remove", name, f.Forward.Remove(ctx, name))
}

func (f *faultyFS) Rmdir(ctx context.Context, name string) error {
	return f.done("rmdir", name, f.Forward.Rmdir(ctx, name))
}

func (f *faultyFS) Rename(ctx context.Context, oldname, newname string, mode vfs.RenameMode) error {
	return f.done("rename", oldname, f.Forward.Rename(ctx, oldname, newname, mode))
}

func (f *faultyFS) Symlink(ctx context.Context, target, name string) error {
	return f.done("symlink", name, f.Forward.Symlink(ctx, target, name))
}

func (f *faultyFS) Link(ctx context.Context, oldname, newname string) error {
	return f.done("link", oldname, f.Forward.Link(ctx, oldname, newname))
}

func (f *faultyFS) SetAttr(ctx context.Context, name string, a *vfs.Attr) error {
	return f.done("setattr", name, f.Forward.SetAttr(ctx, name, a))
}

// faultyFile gives no file of the operating system and no CopyRange, which
// would go around it.
type faultyFile struct {
	vfs.ForwardFile
	fs   *faultyFS
	name string
}

func (f *faultyFile) OSFile() (*os.File, bool) { return nil, false }

func (f *faultyFile) CopyRange(int64, vfs.File, int64, int64) (int64, error) {
	return 0, errors.ErrUnsupported
}

func (f *faultyFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fs.ask("read", f.name, false); err != nil {
		return 0, err
	}
	return f.F.ReadAt(p, off)
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fs.ask("write", f.name, false); err != nil {
		n, werr := f.F.WriteAt(p[:len(p)/2], off)
		if werr != nil {
			err = werr
		}
		return n, err
	}
	return f.F.WriteAt(p, off)
}

// do runs a method between two questions.
func (f *faultyFile) do(op string, call func() error) error {
	if err := f.fs.ask(op, f.name, false); err != nil {
		return err
	}
	return f.fs.done(op, f.name, call())
}

func (f *faultyFile) Truncate(size int64) error {
	return f.do("truncate", func() error { return f.ForwardFile.Truncate(size) })
}

func (f *faultyFile) SetAttr(a *vfs.Attr) error {
	return f.do("setattr", func() error { return f.ForwardFile.SetAttr(a) })
}

func (f *faultyFile) Sync() error { return f.do("sync", f.ForwardFile.Sync) }

// Close that fails releases the file all the same, as close(2) does, and
// publishes nothing.
func (f *faultyFile) Close() error {
	if err := f.fs.ask("close", f.name, false); err != nil {
		return errors.Join(err, f.ForwardFile.Abort(err))
	}
	return f.fs.done("close", f.name, f.F.Close())
}

func (f *faultyFile) Abort(cause error) error {
	if err := f.fs.ask("abort", f.name, false); err != nil {
		return errors.Join(err, f.ForwardFile.Abort(cause))
	}
	return f.ForwardFile.Abort(cause)
}

func (f *faultyFile) Keep(size int64) error {
	return f.do("keep", func() error { return f.ForwardFile.Keep(size) })
}

// maxFaults ends EveryFault when the scenario never runs clean.
const maxFaults = 10000

// EveryFault runs a scenario again and again on new file systems: first with a
// fault at the first call, then at the second and so on, until it makes no
// more calls. Each fault happens twice: once alone, and once with every later
// call failing too, as after a crash. check gets the file system without
// faults and what scenario returned; it must find false success, and damage
// that no failure excuses.
func EveryFault(t *testing.T, newFS func(t *testing.T) vfs.FS, scenario func(ctx context.Context, fsys vfs.FS) error,
	check func(t *testing.T, fsys vfs.FS, err error)) {
	t.Helper()
	for _, dead := range []bool{false, true} {
		label := "Once"
		if dead {
			label = "FromThenOn"
		}
		t.Run(label, func(t *testing.T) {
			for k := 1; ; k++ {
				if k > maxFaults {
					t.Fatalf("still a fault at call %d", k)
				}
				if !oneFault(t, k, dead, newFS, scenario, check) {
					return
				}
			}
		})
	}
}

// oneFault runs the scenario with a fault at call k and tells whether it got
// so far.
func oneFault(t *testing.T, k int, dead bool, newFS func(t *testing.T) vfs.FS,
	scenario func(ctx context.Context, fsys vfs.FS) error, check func(t *testing.T, fsys vfs.FS, err error)) bool {
	t.Helper()
	fsys := newFS(t)
	var hit atomic.Pointer[Call]
	faulty := Faulty(fsys, func(c Call) error {
		if c.N == k {
			hit.Store(&c)
		}
		if c.N == k || (dead && c.N > k) {
			return fmt.Errorf("%w: %s of %s", ErrFault, c.Op, c.Name)
		}
		return nil
	})
	err := scenario(t.Context(), faulty)
	where := hit.Load()
	if where == nil {
		if err != nil {
			t.Errorf("without any fault: %v", err)
		}
		check(t, fsys, err)
		return false
	}
	label := fmt.Sprintf("%d_%s", k, where.Op)
	if where.After {
		label += "_done"
	}
	t.Run(label, func(t *testing.T) { check(t, fsys, err) })
	return true
}
