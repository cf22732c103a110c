package osfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"github.com/quaymaster/quaymaster/vfs"
)

// file is an open regular file that is changed in place.
type file struct {
	ctx         context.Context // bounds the life of the file
	name        string          // that was asked for
	base        string
	read, write bool
	osf         *os.File
	dirty       atomic.Bool // it may have been written to

	mu     sync.RWMutex // held for reading during I/O, so that the end waits for it
	closed bool         // guarded by mu
}

var (
	_ vfs.File        = (*file)(nil)
	_ vfs.Aborter     = (*file)(nil)
	_ vfs.Keeper      = (*file)(nil)
	_ vfs.OSFiler     = (*file)(nil)
	_ vfs.Truncater   = (*file)(nil)
	_ vfs.Syncer      = (*file)(nil)
	_ vfs.AttrSetter  = (*file)(nil)
	_ vfs.RangeCopier = (*file)(nil)
)

// use starts an operation; without an error the caller must unlock mu for
// reading. allowed tells whether the file was opened for it.
func (f *file) use(op string, allowed bool) error {
	f.mu.RLock()
	var err error
	switch {
	case f.closed:
		err = fs.ErrClosed
	case f.ctx.Err() != nil:
		err = context.Cause(f.ctx)
	case !allowed:
		err = fs.ErrPermission
	default:
		return nil
	}
	f.mu.RUnlock()
	return fail(op, f.name, err)
}

// end closes the file for all; false when it was closed before.
func (f *file) end() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.closed
	f.closed = true
	return !was
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if err := f.use("read", f.read); err != nil {
		return 0, err
	}
	defer f.mu.RUnlock()
	if off < 0 {
		return 0, fail("read", f.name, fs.ErrInvalid)
	}
	n, err := f.osf.ReadAt(p, off)
	if err != nil && err != io.EOF {
		err = fail("read", f.name, err)
	}
	return n, err
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	if err := f.use("write", f.write); err != nil {
		return 0, err
	}
	defer f.mu.RUnlock()
	if off < 0 {
		return 0, fail("write", f.name, fs.ErrInvalid)
	}
	f.dirty.Store(true)
	n, err := f.osf.WriteAt(p, off)
	if err != nil {
		err = fail("write", f.name, err)
	}
	return n, err
}

func (f *file) Stat() (fs.FileInfo, error) {
	fi, err := f.stat()
	if err != nil {
		return nil, err
	}
	return fi, nil
}

func (f *file) stat() (*info, error) {
	if err := f.use("stat", true); err != nil {
		return nil, err
	}
	defer f.mu.RUnlock()
	fi, err := fstat(f.osf, f.base)
	return fi, fail("stat", f.name, err)
}

func (f *file) Truncate(size int64) error {
	if err := f.use("truncate", f.write); err != nil {
		return err
	}
	defer f.mu.RUnlock()
	return fail("truncate", f.name, f.truncate(size))
}

func (f *file) truncate(size int64) error {
	if size < 0 {
		return fs.ErrInvalid
	}
	f.dirty.Store(true)
	return f.osf.Truncate(size)
}

func (f *file) Sync() error {
	if err := f.use("sync", true); err != nil {
		return err
	}
	defer f.mu.RUnlock()
	return fail("sync", f.name, f.osf.Sync())
}

func (f *file) SetAttr(a *vfs.Attr) error {
	if err := f.use("setattr", f.write || a.Mask&vfs.AttrSize == 0); err != nil {
		return err
	}
	defer f.mu.RUnlock()
	if a.Mask&vfs.AttrSize != 0 {
		if err := f.truncate(a.Size); err != nil {
			return fail("setattr", f.name, err)
		}
	}
	return fail("setattr", f.name, setFileAttr(f.osf, a))
}

// OSFile gives the file of the operating system until the file is closed. Its
// errors name the last element of the name that was asked for.
func (f *file) OSFile() (*os.File, bool) {
	if f.use("osfile", true) != nil {
		return nil, false
	}
	defer f.mu.RUnlock()
	if f.write {
		f.dirty.Store(true)
	}
	return f.osf, true
}

func (f *file) CopyRange(dstOff int64, src vfs.File, srcOff, n int64) (int64, error) {
	from, ok := vfs.OSFile(src)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	if err := f.use("copy", f.write); err != nil {
		return 0, err
	}
	defer f.mu.RUnlock()
	if dstOff < 0 || srcOff < 0 || n < 0 {
		return 0, fail("copy", f.name, fs.ErrInvalid)
	}
	f.dirty.Store(true)
	done, err := copyRange(f.osf, dstOff, from, srcOff, n)
	if errors.Is(err, errors.ErrUnsupported) {
		return 0, err
	}
	return done, fail("copy", f.name, err)
}

// Abort closes the file. What was written in place stays written.
func (f *file) Abort(error) error { return f.closeAs("abort") }

// Keep is only for files made by CreatePartial.
func (f *file) Keep(int64) error { return errors.ErrUnsupported }

// Close closes the file.
func (f *file) Close() error { return f.closeAs("close") }

func (f *file) closeAs(op string) error {
	if !f.end() {
		return fail(op, f.name, fs.ErrClosed)
	}
	return fail(op, f.name, f.osf.Close())
}
