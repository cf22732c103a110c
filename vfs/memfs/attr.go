package memfs

import (
	"context"
	"io/fs"

	"github.com/quaymaster/quaymaster/vfs"
)

// SetAttr changes attributes, following symbolic links.
func (f *FS) SetAttr(ctx context.Context, name string, a *vfs.Attr) error {
	return vfs.PathError("setattr", name, f.setAttrAt(ctx, name, a, true))
}

// LsetAttr changes attributes of a symbolic link itself.
func (f *FS) LsetAttr(ctx context.Context, name string, a *vfs.Attr) error {
	return vfs.PathError("lsetattr", name, f.setAttrAt(ctx, name, a, false))
}

func (f *FS) setAttrAt(ctx context.Context, name string, a *vfs.Attr, follow bool) error {
	if err := f.begin(ctx, name, true); err != nil {
		return err
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	p, err := f.existing(name, follow)
	if err != nil {
		return err
	}
	return f.setAttr(p.node, a)
}

// setAttr applies a in the order that vfs.SetAttrFS promises.
func (f *FS) setAttr(n *node, a *vfs.Attr) error {
	if a.Mask&vfs.AttrSize != 0 {
		switch {
		case n.isDir():
			return vfs.ErrIsDir
		case n.isLink() || a.Size < 0:
			return fs.ErrInvalid
		}
		f.resize(n, a.Size)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if a.Mask&vfs.AttrOwner != 0 {
		n.uid, n.gid = a.UID, a.GID
	}
	if a.Mask&vfs.AttrMode != 0 {
		n.perm = a.Mode.Perm()
	}
	if a.Mask&vfs.AttrAtime != 0 {
		n.atime = a.Atime
	}
	if a.Mask&vfs.AttrMtime != 0 {
		n.mtime = a.Mtime
	}
	return nil
}

// resize changes the size of a file.
func (f *FS) resize(n *node, size int64) {
	now := f.now()
	n.mu.Lock()
	defer n.mu.Unlock()
	f.used.Add(-n.data.truncate(size))
	n.mtime = now
}
