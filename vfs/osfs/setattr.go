package osfs

import (
	"context"
	"io/fs"
	"os"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
)

// SetAttr changes attributes of name, following symbolic links. Only the
// permission bits of Mode count. A directory keeps set-group-ID and sticky, which
// somebody outside of the FS has set; a file loses such bits.
func (f *FS) SetAttr(ctx context.Context, name string, a *vfs.Attr) error {
	return f.fail("setattr", name, f.setAttr(ctx, name, a, f.follow))
}

// LsetAttr is SetAttr on a symbolic link itself. The mode of a link can't be
// changed on Linux: errors.ErrUnsupported.
func (f *FS) LsetAttr(ctx context.Context, name string, a *vfs.Attr) error {
	return f.fail("lsetattr", name, f.setAttr(ctx, name, a, func(name string) (place, *info, error) {
		p, err := f.locate(name)
		if err != nil {
			return p, nil, err
		}
		fi, err := p.dir.lstat(p.base)
		if err != nil {
			p.close()
		}
		return p, fi, err
	}))
}

func (f *FS) setAttr(ctx context.Context, name string, a *vfs.Attr, find func(string) (place, *info, error)) error {
	if err := f.beginRead(ctx, name); err != nil {
		return err
	}
	for range maxRaces {
		p, fi, err := find(name)
		if err != nil {
			return err
		}
		if fi == nil {
			p.close()
			return fs.ErrNotExist
		}
		err = setAttrAt(p, fi, a)
		p.close()
		if err != errRaced {
			return err
		}
	}
	return vfs.ErrLoop
}

func setAttrAt(p place, fi *info, a *vfs.Attr) error {
	if a.Mask&vfs.AttrSize != 0 {
		if err := resize(p, fi, a.Size); err != nil {
			return err
		}
	}
	if a.Mask&^vfs.AttrSize == 0 {
		return nil
	}
	return p.dir.setAttr(p.base, fi.mode, a)
}

func resize(p place, fi *info, size int64) error {
	if err := regularOnly(fi.mode); err != nil {
		return err
	}
	if size < 0 {
		return fs.ErrInvalid
	}
	osf, _, err := p.dir.open(p.base, os.O_WRONLY, 0)
	if isLink(err) {
		return errRaced
	}
	if err != nil {
		return err
	}
	defer osf.Close()
	return osf.Truncate(size)
}

// times returns the times to set, and for each whether it is.
func times(a *vfs.Attr) (t [2]time.Time, set [2]bool) {
	return [2]time.Time{a.Atime, a.Mtime}, [2]bool{a.Mask&vfs.AttrAtime != 0, a.Mask&vfs.AttrMtime != 0}
}
