package aferofs

import (
	"errors"
	"io"
	"io/fs"
	"sync"

	"github.com/spf13/afero"

	"github.com/quaymaster/quaymaster/vfs"
)

// handle is a file or directory of a vfs.FS as an afero.File.
type handle struct {
	path, name string
	fs         *shown
	file       vfs.File // nil: a directory
	dir        vfs.Dir  // nil: a file
	appends    bool

	mu  sync.Mutex // guards pos, and makes append one step
	pos int64
}

var _ afero.File = (*handle)(nil)

// Name returns the path that the file was opened with.
func (h *handle) Name() string { return h.path }

// fail gives err the path.
func (h *handle) fail(op string, err error) error {
	if err == io.EOF {
		return err
	}
	return vfs.PathError(op, h.path, err)
}

func (h *handle) Read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, err := h.ReadAt(p, h.pos)
	h.pos += int64(n)
	if err == io.EOF && n > 0 {
		err = nil
	}
	return n, err
}

func (h *handle) ReadAt(p []byte, off int64) (int, error) {
	if h.file == nil {
		return 0, h.fail("read", vfs.ErrIsDir)
	}
	n, err := h.file.ReadAt(p, off)
	return n, h.fail("read", err)
}

func (h *handle) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.appends {
		fi, err := h.Stat()
		if err != nil {
			return 0, err
		}
		h.pos = fi.Size()
	}
	n, err := h.writeAt(p, h.pos)
	h.pos += int64(n)
	return n, err
}

// WriteAt does not go with O_APPEND, as in package os.
func (h *handle) WriteAt(p []byte, off int64) (int, error) {
	if h.appends {
		return 0, h.fail("write", fs.ErrInvalid)
	}
	return h.writeAt(p, off)
}

func (h *handle) writeAt(p []byte, off int64) (int, error) {
	if h.file == nil {
		return 0, h.fail("write", vfs.ErrIsDir)
	}
	n, err := h.file.WriteAt(p, off)
	return n, h.fail("write", err)
}

func (h *handle) WriteString(s string) (int, error) { return h.Write([]byte(s)) }

func (h *handle) Seek(offset int64, whence int) (int64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fi, err := h.Stat() // also tells whether it is closed
	if err != nil {
		return 0, err
	}
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += h.pos
	case io.SeekEnd:
		offset += fi.Size()
	default:
		return 0, h.fail("seek", fs.ErrInvalid)
	}
	if offset < 0 {
		return 0, h.fail("seek", fs.ErrInvalid)
	}
	h.pos = offset
	return offset, nil
}

func (h *handle) Stat() (fs.FileInfo, error) {
	if h.file == nil {
		return h.fs.Stat(h.path)
	}
	fi, err := h.file.Stat()
	return fi, h.fail("stat", err)
}

func (h *handle) Truncate(size int64) error {
	if h.file == nil {
		return h.fail("truncate", vfs.ErrIsDir)
	}
	return h.fail("truncate", vfs.Truncate(h.file, size))
}

// Sync does nothing where fsys has nothing to flush.
func (h *handle) Sync() error {
	if h.file == nil {
		return nil
	}
	err := vfs.Sync(h.file)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return h.fail("sync", err)
}

func (h *handle) Readdir(count int) ([]fs.FileInfo, error) {
	if h.dir == nil {
		return nil, h.fail("readdir", vfs.ErrNotDir)
	}
	entries, err := h.dir.ReadDir(count)
	infos := make([]fs.FileInfo, 0, len(entries))
	for _, e := range entries {
		fi, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone since
		}
		if err != nil {
			return infos, h.fail("readdir", err)
		}
		infos = append(infos, fi)
	}
	return infos, h.fail("readdir", err)
}

func (h *handle) Readdirnames(count int) ([]string, error) {
	if h.dir == nil {
		return nil, h.fail("readdir", vfs.ErrNotDir)
	}
	entries, err := h.dir.ReadDir(count)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, h.fail("readdir", err)
}

func (h *handle) Close() error {
	if h.file == nil {
		return h.fail("close", h.dir.Close())
	}
	return h.fail("close", h.file.Close())
}
