package ftp

import (
	"context"
	"errors"
	"os"

	"github.com/quaymaster/quaymaster/vfs"
)

// errSameFile refuses to copy a file onto itself.
var errSameFile = &ReplyError{int(codeBadName), "Source and target are the same file."}

// combine puts parts together behind what target holds already, which is nothing
// when flag has os.O_TRUNC. The target is published when it is whole.
func (c *conn) combine(ctx context.Context, target string, flag int, parts ...string) error {
	f, err := c.fsys.OpenFile(ctx, target, os.O_WRONLY|os.O_CREATE|flag, 0o666)
	if err != nil {
		return err
	}
	fi, err := f.Stat()
	if err == nil {
		off := fi.Size()
		for i := 0; err == nil && i < len(parts); i++ {
			var n int64
			n, err = c.appendFile(ctx, f, off, parts[i])
			off += n
		}
	}
	if err != nil {
		return errors.Join(err, vfs.Abort(f, err))
	}
	return f.Close()
}

// appendFile copies all of the file from to dst at off.
func (c *conn) appendFile(ctx context.Context, dst vfs.File, off int64, from string) (int64, error) {
	src, err := c.fsys.OpenFile(ctx, from, os.O_RDONLY, 0)
	if err != nil {
		return 0, err
	}
	defer src.Close() // it was only read
	a, errA := dst.Stat()
	b, errB := src.Stat()
	if err := errors.Join(errA, errB); err != nil {
		return 0, err
	}
	if vfs.SameFile(a, b) {
		return 0, errSameFile
	}
	return vfs.CopyRange(ctx, dst, off, src, 0, -1)
}
