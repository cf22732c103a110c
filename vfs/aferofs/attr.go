package aferofs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
)

// Readlink returns the target of a symbolic link.
func (a *adapter) Readlink(ctx context.Context, name string) (string, error) {
	if err := begin(ctx, name); err != nil {
		return "", pathError("readlink", name, err)
	}
	if a.links == nil {
		return "", pathError("readlink", name, errors.ErrUnsupported)
	}
	target, err := a.links.ReadlinkIfPossible(wire(name))
	return target, pathError("readlink", name, err)
}

// Symlink makes a symbolic link whose target is relative and inside.
func (a *adapter) Symlink(ctx context.Context, target, name string) error {
	return pathError("symlink", name, a.change(ctx, name, func() error {
		if a.links == nil {
			return errors.ErrUnsupported
		}
		if rel, err := vfs.RelTarget(name, target); err != nil || rel != target {
			return vfs.ErrEscape
		}
		if err := a.free(name); err != nil {
			return err
		}
		return a.links.SymlinkIfPossible(target, wire(name))
	}))
}

// SetAttr changes size, mode and times.
func (a *adapter) SetAttr(ctx context.Context, name string, attr *vfs.Attr) error {
	return pathError("setattr", name, a.change(ctx, name, func() error { return a.setAttr(name, attr) }))
}

// LsetAttr is SetAttr where name is no symbolic link.
func (a *adapter) LsetAttr(ctx context.Context, name string, attr *vfs.Attr) error {
	return pathError("lsetattr", name, a.change(ctx, name, func() error {
		fi, err := a.lstat(name)
		if err != nil {
			return err
		}
		if fi.Mode().Type() == fs.ModeSymlink {
			return errors.ErrUnsupported
		}
		return a.setAttr(name, attr)
	}))
}

func (a *adapter) setAttr(name string, attr *vfs.Attr) error {
	fi, err := a.stat(name)
	if err != nil {
		return err
	}
	if attr.Mask&vfs.AttrSize != 0 {
		if err := a.setSize(name, fi, attr.Size); err != nil {
			return err
		}
	}
	if attr.Mask&vfs.AttrOwner != 0 {
		return errors.ErrUnsupported
	}
	if attr.Mask&vfs.AttrMode != 0 {
		if err := a.afs.Chmod(wire(name), attr.Mode.Perm()); err != nil {
			return err
		}
	}
	return a.setTimes(name, fi, attr)
}

func (a *adapter) setSize(name string, fi fs.FileInfo, size int64) error {
	switch {
	case fi.IsDir():
		return vfs.ErrIsDir
	case size < 0:
		return fs.ErrInvalid
	}
	f, err := a.afs.OpenFile(wire(name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	h := newFile(a, name, os.O_WRONLY, f)
	return errors.Join(h.Truncate(size), h.Close())
}

// setTimes sets one time and leaves the other alone: a zero time does that for
// os.Chtimes, and MemMapFs has no access times.
func (a *adapter) setTimes(name string, fi fs.FileInfo, attr *vfs.Attr) error {
	if attr.Mask&(vfs.AttrAtime|vfs.AttrMtime) == 0 {
		return nil
	}
	var atime time.Time
	mtime := fi.ModTime()
	if attr.Mask&vfs.AttrAtime != 0 {
		atime = attr.Atime
	}
	if attr.Mask&vfs.AttrMtime != 0 {
		mtime = attr.Mtime
	}
	return a.afs.Chtimes(wire(name), atime, mtime)
}
