package osfs

import (
	"context"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/quaymaster/quaymaster/vfs"
)

// Stat describes name, following symbolic links.
func (f *FS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	return f.stat(ctx, "stat", name, true, f.root.Stat)
}

// Lstat describes name itself, also when it is a symbolic link.
func (f *FS) Lstat(ctx context.Context, name string) (fs.FileInfo, error) {
	return f.stat(ctx, "lstat", name, false, f.root.Lstat)
}

func (f *FS) stat(ctx context.Context, op, name string, last bool, call func(string) (os.FileInfo, error)) (fs.FileInfo, error) {
	if err := f.beginRead(ctx, name); err != nil {
		return nil, fail(op, name, err)
	}
	if strings.IndexByte(name, '/') >= 0 { // else os.Root needs only one step
		fi, err := statBeneath(f.top, name, last)
		if err != nil {
			return nil, fail(op, name, err)
		}
		if fi != nil {
			fi.name = path.Base(name)
			return fi, nil
		}
	}
	fi, err := inside(f, name, last, call)
	if err != nil {
		return nil, f.fail(op, name, err)
	}
	return fromOS(fi, path.Base(name)), nil
}

// Mkdir makes one directory with perm less Options.Umask and the umask of the
// process.
func (f *FS) Mkdir(ctx context.Context, name string, perm fs.FileMode) error {
	err := f.beginWrite(ctx, name)
	if err == nil && name == "." {
		err = fs.ErrExist
	}
	if err == nil {
		err = f.at(name, func(p place) error { return p.dir.mkdir(p.base, f.perm(perm)) })
	}
	return f.fail("mkdir", name, err)
}

// perm is what of perm a new file or directory gets.
func (f *FS) perm(perm fs.FileMode) fs.FileMode { return perm & 0o777 &^ f.opts.Umask }

// at runs op in the directory of name.
func (f *FS) at(name string, op func(p place) error) error {
	p, err := f.locate(name)
	if err != nil {
		return err
	}
	defer p.close()
	return op(p)
}

// Remove deletes anything but a directory. The root is fs.ErrPermission.
func (f *FS) Remove(ctx context.Context, name string) error {
	err := f.beginRead(ctx, name)
	if err == nil && name == "." {
		err = fs.ErrPermission
	}
	if err == nil {
		err = f.at(name, func(p place) error { return p.dir.unlink(p.base) })
	}
	return f.fail("remove", name, err)
}

// Rmdir deletes an empty directory. One that holds nothing but kept partial
// uploads and what crashes left is empty; one in which an upload is going on
// is not. The root is fs.ErrPermission.
func (f *FS) Rmdir(ctx context.Context, name string) error {
	err := f.beginRead(ctx, name)
	if err == nil && name == "." {
		err = fs.ErrPermission
	}
	if err == nil {
		err = f.at(name, func(p place) error {
			err := p.dir.rmdir(p.base)
			if mapErr(err) == vfs.ErrNotEmpty && f.purge(p.dir, p.base) == nil {
				err = p.dir.rmdir(p.base)
			}
			return err
		})
	}
	return f.fail("rmdir", name, err)
}
