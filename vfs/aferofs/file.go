package aferofs

import (
	"io"
	"io/fs"
	"os"
	"path"
	"sync"

	"github.com/spf13/afero"
	"github.com/spf13/afero/mem"

	"github.com/quaymaster/quaymaster/vfs"
)

// maxHole is the most zeros that a write may leave before it in a file that
// may be held in memory.
const maxHole = 64 << 20

// file is an open file of an afero.Fs.
type file struct {
	adapter     *adapter
	name        string
	read, write bool
	inSystem    bool // an *os.File, which many may use at once

	mu     sync.RWMutex // guards the rest
	f      afero.File
	times  *vfs.Attr // set through this file and to be set again by Close
	closed bool
}

var (
	_ vfs.Truncater  = (*file)(nil)
	_ vfs.Syncer     = (*file)(nil)
	_ vfs.AttrSetter = (*file)(nil)
)

func newFile(a *adapter, name string, flag int, f afero.File) *file {
	_, inSystem := under(f).(*os.File)
	return &file{
		adapter: a, name: name, f: f, inSystem: inSystem,
		read: flag&os.O_WRONLY == 0, write: flag&(os.O_WRONLY|os.O_RDWR) != 0,
	}
}

// under takes the wrapper of a BasePathFs away.
func under(f afero.File) afero.File {
	for {
		based, ok := f.(*afero.BasePathFile)
		if !ok {
			return f
		}
		f = based.File
	}
}

// use checks and locks the file for one operation.
func (h *file) use(op string, off int64, allowed bool) (done func(), err error) {
	lock, unlock := h.mu.Lock, h.mu.Unlock
	if h.inSystem {
		lock, unlock = h.mu.RLock, h.mu.RUnlock
	}
	lock()
	switch {
	case h.closed:
		err = fs.ErrClosed
	case !allowed:
		err = fs.ErrPermission
	case off < 0:
		err = fs.ErrInvalid
	default:
		return unlock, nil
	}
	unlock()
	return nil, pathError(op, h.name, err)
}

// ReadAt fills p where the file below may stop short, which MemMapFs does.
func (h *file) ReadAt(p []byte, off int64) (int, error) {
	done, err := h.use("read", off, h.read)
	if err != nil {
		return 0, err
	}
	defer done()
	n := 0
	for n < len(p) {
		m, err := h.f.ReadAt(p[n:], off+int64(n))
		n += m
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF || err == nil && m == 0:
			if n == len(p) {
				return n, nil
			}
			return n, io.EOF
		case err != nil:
			return n, pathError("read", h.name, err)
		}
	}
	return n, nil
}

func (h *file) WriteAt(p []byte, off int64) (int, error) {
	done, err := h.use("write", off, h.write)
	if err != nil {
		return 0, err
	}
	defer done()
	if len(p) == 0 {
		return 0, nil
	}
	if err := h.hole(off); err != nil {
		return 0, pathError("write", h.name, err)
	}
	n, err := h.f.WriteAt(p, off)
	return n, pathError("write", h.name, err)
}

// hole checks how much lies between the end of the file and off.
func (h *file) hole(off int64) error {
	if h.inSystem || off <= maxHole {
		return nil
	}
	fi, err := h.f.Stat()
	if err == nil && off-fi.Size() > maxHole {
		err = vfs.ErrNoSpace
	}
	return err
}

func (h *file) Stat() (fs.FileInfo, error) {
	done, err := h.use("stat", 0, true)
	if err != nil {
		return nil, err
	}
	defer done()
	fi, err := h.f.Stat()
	if err != nil {
		return nil, pathError("stat", h.name, err)
	}
	return snapshot(path.Base(h.name), fi), nil
}

func (h *file) Truncate(size int64) error {
	done, err := h.use("truncate", size, h.write)
	if err != nil {
		return err
	}
	defer done()
	err = h.hole(size)
	if err == nil {
		err = h.f.Truncate(size)
	}
	return pathError("truncate", h.name, err)
}

func (h *file) Sync() error {
	done, err := h.use("sync", 0, true)
	if err != nil {
		return err
	}
	defer done()
	return pathError("sync", h.name, h.f.Sync())
}

// SetAttr changes the size through the file, and the rest by the name it was
// opened with, because afero has no other way.
func (h *file) SetAttr(attr *vfs.Attr) error {
	if attr.Mask&vfs.AttrSize != 0 {
		if err := h.Truncate(attr.Size); err != nil {
			return err
		}
	}
	done, err := h.use("setattr", 0, true)
	if err != nil {
		return err
	}
	done()
	rest := *attr
	rest.Mask &^= vfs.AttrSize
	h.adapter.mu.Lock()
	defer h.adapter.mu.Unlock()
	if err := h.adapter.setAttr(h.name, &rest); err != nil {
		return pathError("setattr", h.name, err)
	}
	h.keepTimes(rest)
	return nil
}

// keepTimes remembers the times to set again after Close, with which MemMapFs
// makes a file that was open for writing new.
func (h *file) keepTimes(attr vfs.Attr) {
	if _, forgets := under(h.f).(*mem.File); !forgets || !h.write {
		return
	}
	attr.Mask &= vfs.AttrAtime | vfs.AttrMtime
	if fi, err := h.f.Stat(); err == nil && attr.Mask != 0 {
		attr.Mask, attr.Mtime = attr.Mask|vfs.AttrMtime, fi.ModTime()
		h.mu.Lock()
		h.times = &attr
		h.mu.Unlock()
	}
}

func (h *file) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return pathError("close", h.name, fs.ErrClosed)
	}
	h.closed = true
	err := h.f.Close()
	if err == nil && h.times != nil {
		h.adapter.mu.Lock()
		defer h.adapter.mu.Unlock()
		err = h.adapter.setAttr(h.name, h.times)
	}
	return pathError("close", h.name, err)
}
