package sftp

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"sync"

	"github.com/quaymaster/quaymaster/vfs"
)

var (
	errHandle      = &StatusError{CodeFailure, "Invalid handle"}
	errHandleKind  = &StatusError{CodeFailure, "Handle is of the wrong kind"}
	errHandleCount = &StatusError{CodeFailure, "Too many open handles"}
)

// handle is one open file or directory.
type handle struct {
	id     uint64
	name   string
	local  bool // reading is quick: a local file that is only read
	upload bool // opened for writing
	lane   lane
	waits  waiters // guarded by the table
	// The fields below belong to whoever holds lane, shared for reading.
	file   vfs.File
	append bool
	dir    *dirReader
	closed bool
}

// handles is the table of one channel. Safe for concurrent use.
type handles struct {
	mu       sync.Mutex // guards the fields below
	open     map[uint64]*handle
	uploads  map[string]*handle // those of open that write, by name
	last     uint64
	reserved int
	limit    int
	ended    bool // the client sends nothing more
}

// reserve takes a place before anything is opened, so that a refused open has
// no effect. It must be followed by add or unreserve.
func (t *handles) reserve() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.open)+t.reserved >= t.limit {
		return errHandleCount
	}
	t.reserved++
	return nil
}

func (t *handles) unreserve() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reserved--
}

// add turns a reserved place into a handle. Numbers are never used twice.
func (t *handles) add(h *handle) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reserved--
	t.last++
	h.id = t.last
	t.open[h.id] = h
	if h.upload {
		t.uploads[h.name] = h
	}
}

// find returns the handle of that wire text, or nil.
func (t *handles) find(wire []byte) *handle {
	if len(wire) != 8 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[binary.BigEndian.Uint64(wire)]
}

// remove takes out h, which is closed, and returns what waited for that.
func (t *handles) remove(h *handle) []*request {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, h.id)
	if t.uploads[h.name] == h {
		delete(t.uploads, h.name)
	}
	return h.waits.end()
}

// abort ends everything that the client left open. No request may be running.
func (t *handles) abort(cause error) error {
	var errs []error
	for _, h := range t.open {
		errs = append(errs, h.abort(cause))
	}
	clear(t.open)
	return errors.Join(errs...)
}

func (h *handle) abort(cause error) error {
	h.closed = true
	if h.dir != nil {
		return h.dir.d.Close()
	}
	err := vfs.Abort(h.file, cause)
	if errors.Is(err, fs.ErrClosed) { // the session was faster
		return nil
	}
	return err
}

// close is the client's word that it is done.
func (h *handle) close() error {
	if h.closed {
		return errHandle
	}
	h.closed = true
	if h.dir != nil {
		return h.dir.d.Close()
	}
	return h.file.Close()
}

// asFile returns the open file, or why there is none.
func (h *handle) asFile() (vfs.File, error) {
	switch {
	case h == nil || h.closed:
		return nil, errHandle
	case h.file == nil:
		return nil, errHandleKind
	}
	return h.file, nil
}

func (h *handle) asDir() (*dirReader, error) {
	switch {
	case h == nil || h.closed:
		return nil, errHandle
	case h.dir == nil:
		return nil, errHandleKind
	}
	return h.dir, nil
}

// stat describes what is open, a directory by its name.
func (h *handle) stat(ctx context.Context, fsys vfs.FS) (fs.FileInfo, error) {
	switch {
	case h == nil || h.closed:
		return nil, errHandle
	case h.dir != nil:
		return fsys.Stat(ctx, h.name)
	}
	return h.file.Stat()
}
