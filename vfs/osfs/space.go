package osfs

import (
	"context"
	"io/fs"

	"github.com/quaymaster/quaymaster/vfs"
)

// Space tells the capacity of the store that holds name.
func (f *FS) Space(ctx context.Context, name string) (*vfs.Space, error) {
	if err := f.beginRead(ctx, name); err != nil {
		return nil, fail("statvfs", name, err)
	}
	s, err := f.space(name)
	if err != nil {
		return nil, f.fail("statvfs", name, err)
	}
	return s, nil
}

func (f *FS) space(name string) (*vfs.Space, error) {
	p, fi, err := f.follow(name)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if fi == nil {
		return nil, fs.ErrNotExist
	}
	if !fi.IsDir() {
		return p.dir.space()
	}
	d, err := p.dir.child(p.base)
	if err != nil {
		return nil, err
	}
	defer d.close()
	return d.space()
}
