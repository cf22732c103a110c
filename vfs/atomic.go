package vfs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"sync/atomic"
)

// StageName returns a new name for a staged file in the directory of name.
func StageName(name string) string {
	var raw [16]byte
	rand.Read(raw[:])
	return path.Join(path.Dir(name), fmt.Sprintf("%s%x", ReservedPrefix, raw))
}

// Atomic gives CreateAtomic to an FS that has none: files are staged beside
// their target under a reserved name and moved onto it with RenameReplace when
// they are closed. The new file gets the mode of the one that it replaces; a
// symbolic link is itself replaced. It hides and refuses reserved names. An FS
// that publishes atomically by itself is returned as it is.
func Atomic(fsys FS) FS {
	if FeaturesOf(fsys).AtomicClose {
		return fsys
	}
	a := &atomicFS{fsys: fsys}
	a.Forward = Forward{
		Route: func(_ context.Context, op *Op) (Route, error) {
			if IsReserved(op.Name) || (op.Kind != OpSymlink && IsReserved(op.Target)) {
				if op.Writes() {
					return Route{}, fs.ErrPermission
				}
				return Route{}, fs.ErrNotExist
			}
			return Route{FS: fsys, Name: op.Name, Target: op.Target}, nil
		},
		Have: func() Features {
			f := FeaturesOf(fsys)
			f.AtomicClose = f.Write
			return f
		},
	}
	return a
}

type atomicFS struct {
	Forward
	fsys FS
}

func (a *atomicFS) CreateAtomic(ctx context.Context, name string, perm fs.FileMode) (File, error) {
	if _, err := a.ask(ctx, &Op{Kind: OpOpen, Name: name, Flag: createFlags}); err != nil {
		return nil, PathError("create", name, err)
	}
	old, statErr := a.fsys.Stat(ctx, name)
	if statErr == nil {
		if old.IsDir() {
			return nil, PathError("create", name, ErrIsDir)
		}
		perm = old.Mode().Perm()
	}
	staged := StageName(name)
	f, err := a.fsys.OpenFile(ctx, staged, createFlags|os.O_EXCL, perm)
	if err != nil {
		return nil, PathError("create", name, err)
	}
	if statErr == nil && FeaturesOf(a.fsys).SetMode {
		// What the process masked away. Failing leaves less than there was.
		_ = SetFileAttr(f, &Attr{Mask: AttrMode, Mode: perm})
	}
	return &atomicFile{
		ForwardFile: ForwardFile{namedFile{ForwardFile{f}, name}},
		ctx:         context.WithoutCancel(ctx), fsys: a.fsys, staged: staged, name: name,
	}, nil
}

func (a *atomicFS) OpenDir(ctx context.Context, name string) (Dir, error) {
	d, err := a.Forward.OpenDir(ctx, name)
	if err != nil {
		return nil, err
	}
	return HideReserved(d), nil
}

// atomicFile publishes on Close. Its context outlives the caller's, because a
// publication that has begun must be finished or undone.
type atomicFile struct {
	ForwardFile
	ctx          context.Context
	fsys         FS
	staged, name string
	done         atomic.Bool
}

func (f *atomicFile) below() File { return f.F }

func (f *atomicFile) Stat() (fs.FileInfo, error) {
	fi, err := f.F.Stat()
	if err != nil {
		return nil, err
	}
	return renamedInfo{fi, path.Base(f.name)}, nil
}

func (f *atomicFile) Close() error {
	if f.done.Swap(true) {
		return PathError("close", f.name, fs.ErrClosed)
	}
	err := f.ForwardFile.Sync()
	if errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	err = errors.Join(err, f.F.Close())
	if err == nil {
		err = f.fsys.Rename(f.ctx, f.staged, f.name, RenameReplace)
	}
	if err != nil {
		return errors.Join(PathError("close", f.name, err), f.drop())
	}
	return nil
}

func (f *atomicFile) Abort(cause error) error {
	if f.done.Swap(true) {
		return PathError("abort", f.name, fs.ErrClosed)
	}
	return errors.Join(f.ForwardFile.Abort(cause), f.drop())
}

func (f *atomicFile) Keep(int64) error { return errors.ErrUnsupported }

// drop removes the staged file.
func (f *atomicFile) drop() error {
	err := f.fsys.Remove(f.ctx, f.staged)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return PathError("remove staged", f.name, err)
}

// HideReserved returns d without the entries whose names are reserved.
func HideReserved(d Dir) Dir { return hideDir{d} }

type hideDir struct{ Dir }

func (d hideDir) ReadDir(n int) ([]fs.DirEntry, error) {
	for {
		entries, err := d.Dir.ReadDir(n)
		entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return IsReserved(e.Name()) })
		if len(entries) > 0 || n <= 0 || err != nil {
			if err == io.EOF && len(entries) > 0 {
				err = nil // the next call says so again
			}
			return entries, err
		}
	}
}
