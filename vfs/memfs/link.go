package memfs

import (
	"context"
	"io/fs"
	"strings"

	"github.com/quaymaster/quaymaster/vfs"
)

// maxTarget is the longest target of a symbolic link.
const maxTarget = 4095

// Readlink returns the target of a symbolic link.
func (f *FS) Readlink(ctx context.Context, name string) (string, error) {
	if err := f.begin(ctx, name, false); err != nil {
		return "", pathError("readlink", name, err)
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	p, err := f.existing(name, false)
	if err == nil && !p.node.isLink() {
		err = fs.ErrInvalid
	}
	if err != nil {
		return "", pathError("readlink", name, err)
	}
	return p.node.target, nil
}

// Symlink makes a symbolic link. An absolute target is refused with
// vfs.ErrEscape; a relative one is stored as it is, and refused when following
// it leads out.
func (f *FS) Symlink(ctx context.Context, target, name string) error {
	err := f.change(ctx, name, func() error {
		switch {
		case target == "" || strings.ContainsRune(target, 0):
			return fs.ErrInvalid
		case len(target) > maxTarget:
			return vfs.ErrNameTooLong
		case strings.HasPrefix(target, "/"):
			return vfs.ErrEscape
		}
		p, err := f.free(name)
		if err == nil {
			n := f.newNode(fs.ModeSymlink, 0o777)
			n.target = target
			f.attach(p, n)
		}
		return err
	})
	return vfs.PathError("symlink", name, err)
}

// Link makes newname another name of oldname, which is not a directory.
func (f *FS) Link(ctx context.Context, oldname, newname string) error {
	err := f.begin(ctx, newname, true)
	if err == nil {
		err = f.change(ctx, oldname, func() error {
			src, err := f.existing(oldname, false)
			if err != nil {
				return err
			}
			dst, err := f.free(newname)
			if err != nil {
				return err
			}
			if src.node.isDir() {
				return fs.ErrPermission // as link(2)
			}
			f.attach(dst, src.node)
			return nil
		})
	}
	return vfs.PathError("link", oldname, err)
}
