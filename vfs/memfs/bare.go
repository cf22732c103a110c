package memfs

import (
	"context"
	"io/fs"

	"github.com/quaymaster/quaymaster/vfs"
)

// Bare returns a new FS that has the seven methods of vfs.FS and no optional
// interface, neither itself nor on its files, and for which reserved names are
// like others. It stands for a simple back end in the tests of wrappers that
// give what is missing, such as vfs.Atomic.
func Bare(o Options) vfs.FS {
	f := NewWith(o)
	f.bare = true
	return bareFS{f}
}

type bareFS struct{ fs *FS }

func (b bareFS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	return b.fs.Stat(ctx, name)
}

func (b bareFS) OpenFile(ctx context.Context, name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := b.fs.OpenFile(ctx, name, flag, perm)
	if err != nil {
		return nil, err
	}
	return bareFile{f}, nil
}

func (b bareFS) OpenDir(ctx context.Context, name string) (vfs.Dir, error) {
	return b.fs.OpenDir(ctx, name)
}

func (b bareFS) Mkdir(ctx context.Context, name string, perm fs.FileMode) error {
	return b.fs.Mkdir(ctx, name, perm)
}

func (b bareFS) Remove(ctx context.Context, name string) error { return b.fs.Remove(ctx, name) }

func (b bareFS) Rmdir(ctx context.Context, name string) error { return b.fs.Rmdir(ctx, name) }

func (b bareFS) Rename(ctx context.Context, oldname, newname string, mode vfs.RenameMode) error {
	return b.fs.Rename(ctx, oldname, newname, mode)
}

// bareFile shows only the methods of vfs.File, because it embeds no more.
type bareFile struct{ vfs.File }
