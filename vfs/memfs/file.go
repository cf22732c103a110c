package memfs

import (
	"errors"
	"io"
	"io/fs"
	"path"

	"github.com/quaymaster/quaymaster/vfs"
)

// file is an open file. node.mu guards closed.
type file struct {
	fs          *FS
	node        *node
	name        string
	read, write bool
	stage       *stage // nil: the file is in the tree already
	closed      bool
}

var (
	_ vfs.Aborter     = (*file)(nil)
	_ vfs.Keeper      = (*file)(nil)
	_ vfs.Truncater   = (*file)(nil)
	_ vfs.Syncer      = (*file)(nil)
	_ vfs.AttrSetter  = (*file)(nil)
	_ vfs.RangeCopier = (*file)(nil)
)

// use checks a handle before an operation. The caller holds node.mu.
func (h *file) use(off int64, allowed bool) error {
	switch {
	case h.closed:
		return fs.ErrClosed
	case !allowed:
		return fs.ErrPermission
	case off < 0:
		return fs.ErrInvalid
	}
	return nil
}

func (h *file) ReadAt(p []byte, off int64) (int, error) {
	h.node.mu.RLock()
	defer h.node.mu.RUnlock()
	if err := h.use(off, h.read); err != nil {
		return 0, pathError("read", h.name, err)
	}
	return h.node.data.readAt(p, off)
}

func (h *file) WriteAt(p []byte, off int64) (int, error) {
	now := h.fs.now()
	h.node.mu.Lock()
	defer h.node.mu.Unlock()
	err := h.use(off, h.write)
	if err == nil && overflows(off, len(p)) {
		err = fs.ErrInvalid
	}
	if err != nil {
		return 0, pathError("write", h.name, err)
	}
	n, err := h.node.data.writeAt(p, off, h.fs.reserve)
	if n > 0 {
		h.node.mtime = now
	}
	return n, vfs.PathError("write", h.name, err)
}

func (h *file) Stat() (fs.FileInfo, error) {
	if err := h.check(true); err != nil {
		return nil, pathError("stat", h.name, err)
	}
	return h.node.info(h.fs.dev, path.Base(h.name)), nil
}

// check is use for operations that take node.mu themselves.
func (h *file) check(allowed bool) error {
	h.node.mu.RLock()
	defer h.node.mu.RUnlock()
	return h.use(0, allowed)
}

func (h *file) Truncate(size int64) error {
	err := h.SetAttr(&vfs.Attr{Mask: vfs.AttrSize, Size: size})
	return vfs.PathError("truncate", h.name, err)
}

// Sync has nothing to do: memory is as stable as it gets here.
func (h *file) Sync() error {
	return vfs.PathError("sync", h.name, h.check(true))
}

// SetAttr changes attributes. Like ftruncate(2) it changes the size only of a
// file that is open for writing.
func (h *file) SetAttr(a *vfs.Attr) error {
	err := h.check(h.write || a.Mask&vfs.AttrSize == 0)
	if err == nil {
		err = h.fs.setAttr(h.node, a)
	}
	if err == nil && h.stage != nil {
		h.node.mu.Lock()
		h.stage.set |= a.Mask
		h.node.mu.Unlock()
	}
	return vfs.PathError("setattr", h.name, err)
}

// CopyRange copies from another file of a memfs, at most one block.
func (h *file) CopyRange(dstOff int64, src vfs.File, srcOff, n int64) (int64, error) {
	from, ok := src.(*file)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	if n <= 0 {
		return 0, nil
	}
	buf := make([]byte, min(n, blockSize))
	got, err := from.ReadAt(buf, srcOff)
	if err != nil && err != io.EOF {
		return 0, err
	}
	put, err := h.WriteAt(buf[:got], dstOff)
	return int64(put), err
}

// end closes the handle, once.
func (h *file) end() error {
	h.node.mu.Lock()
	defer h.node.mu.Unlock()
	if h.closed {
		return fs.ErrClosed
	}
	h.closed = true
	return nil
}

// release gives up the handle's hold on the node, after end.
func (h *file) release() {
	h.node.mu.Lock()
	defer h.node.mu.Unlock()
	h.node.opens--
	h.fs.freeUnused(h.node)
}

// Close publishes a staged file.
func (h *file) Close() error {
	err := h.end()
	if err == nil {
		if h.stage != nil {
			err = h.fs.publish(h)
		}
		h.release()
	}
	return vfs.PathError("close", h.name, err)
}

// Abort drops a staged file. What was written to another is in it already.
func (h *file) Abort(error) error {
	err := h.end()
	if err == nil {
		h.release()
	}
	return vfs.PathError("abort", h.name, err)
}
