package scp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/quaymaster/quaymaster/vfs"
)

const (
	// chunk is how much is read and written at a time.
	chunk = 256 << 10
	// ahead is the number of chunks of one transfer: while one is on the wire,
	// the other one is at the file.
	ahead = 2
)

// buffer holds a chunk, and the reply or the end that may follow it.
type buffer struct {
	bytes [chunk + 1]byte
	n     int   // how much of it counts
	err   error // why it is not full
}

func (e *engine) buffer() *buffer {
	if b, ok := e.spare.Get().(*buffer); ok {
		return b
	}
	return new(buffer)
}

func (e *engine) recycle(b *buffer) { e.spare.Put(b) }

// sendData sends size bytes of f, and the byte that says that they are right
// unless readErr is set: then zeros stand for what is missing, and the caller
// must send a warning in place of that byte.
func (e *engine) sendData(f vfs.File, size int64) (readErr, err error) {
	if size <= chunk {
		b := e.buffer()
		defer e.recycle(b)
		b.err = b.fill(f, 0, size)
		return b.err, e.writeLast(b)
	}
	r := e.readAhead(f, size)
	defer r.stop()
	for off := int64(0); off < size; off += chunk {
		b := <-r.full
		if readErr == nil {
			readErr = b.err
		}
		if off+chunk >= size {
			err = e.writeLast(b)
		} else {
			err = e.write(b.bytes[:b.n])
		}
		r.empty <- b
		if err != nil {
			return readErr, err
		}
		if e.ctx.Err() != nil {
			return readErr, context.Cause(e.ctx)
		}
	}
	return readErr, nil
}

// writeLast sends the end of a file.
func (e *engine) writeLast(b *buffer) error {
	n := b.n
	if b.err == nil {
		b.bytes[n] = replyOK
		n++
	}
	return e.write(b.bytes[:n])
}

// fill reads n bytes, and puts zeros for those that are not there: never what
// the buffer held before, not even after a panic.
func (b *buffer) fill(f vfs.File, off, n int64) error {
	b.n = int(n)
	got := 0
	defer func() { clear(b.bytes[got:n]) }()
	got, err := f.ReadAt(b.bytes[:n], off)
	switch {
	case got == b.n:
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return errChanged
	}
	return err
}

// reader reads a file ahead of who sends it.
type reader struct {
	full, empty chan *buffer // each with room for all of them
	e           *engine
}

// readAhead starts a goroutine that fills buffers until size bytes of f were
// read, or until stop. After the first failure the bytes are zeros.
func (e *engine) readAhead(f vfs.File, size int64) *reader {
	r := &reader{full: make(chan *buffer, ahead), empty: make(chan *buffer, ahead), e: e}
	for range ahead {
		r.empty <- e.buffer()
	}
	go func() {
		defer close(r.full)
		var failed error
		for off := int64(0); off < size; off += chunk {
			b, ok := <-r.empty
			if !ok {
				return
			}
			n := min(chunk, size-off)
			if failed == nil {
				e.fence(&failed, func() { failed = b.fill(f, off, n) })
			} else {
				b.n = int(n)
				clear(b.bytes[:n])
			}
			b.err = failed
			r.full <- b
		}
	}()
	return r
}

// stop ends the goroutine, waits for it, and gives the buffers back.
func (r *reader) stop() {
	close(r.empty)
	for b := range r.full {
		r.e.recycle(b)
	}
	for b := range r.empty {
		r.e.recycle(b)
	}
}

// fence makes an error of a panic, which would end the process when it is in a
// goroutine of ours.
func (e *engine) fence(err *error, f func()) {
	defer func() {
		if v := recover(); v != nil {
			e.log.Error("panic in a file system; only that transfer fails", "panic", v, "stack", string(debug.Stack()))
			*err = fmt.Errorf("scp: panic: %v", v)
		}
	}()
	f()
}

// receiveData writes the next size bytes to f. After writeErr the rest is
// read all the same, because the source can't be stopped before its end.
func (e *engine) receiveData(f vfs.File, size int64) (writeErr, err error) {
	if size <= chunk {
		b := e.buffer()
		defer e.recycle(b)
		if err := e.readFull(b, size); err != nil || size == 0 {
			return nil, err
		}
		_, writeErr = f.WriteAt(b.bytes[:size], 0)
		return writeErr, nil
	}
	w := e.writeBehind(f)
	for off := int64(0); off < size && err == nil; off += chunk {
		b := <-w.empty
		if err = e.readFull(b, min(chunk, size-off)); err == nil && e.ctx.Err() != nil {
			err = context.Cause(e.ctx)
		}
		if err != nil {
			b.n = 0
		}
		w.full <- b
	}
	return w.finish(), err
}

func (e *engine) readFull(b *buffer, n int64) error {
	b.n = int(n)
	if _, err := io.ReadFull(e.in, b.bytes[:n]); err != nil {
		return e.lost(err)
	}
	return nil
}

// writer writes a file behind who receives it.
type writer struct {
	full, empty chan *buffer // each with room for all of them
	done        chan error
	e           *engine
}

// writeBehind starts a goroutine that writes buffers to f, one after the
// other, until finish. After a failure it only gives them back.
func (e *engine) writeBehind(f vfs.File) *writer {
	w := &writer{full: make(chan *buffer, ahead), empty: make(chan *buffer, ahead), done: make(chan error, 1), e: e}
	for range ahead {
		w.empty <- e.buffer()
	}
	go func() {
		var off int64
		var failed error
		for b := range w.full {
			if failed == nil && b.n > 0 {
				e.fence(&failed, func() { _, failed = f.WriteAt(b.bytes[:b.n], off) })
				off += int64(b.n)
			}
			w.empty <- b
		}
		w.done <- failed
	}()
	return w
}

// finish waits until everything is written, and gives the buffers back.
func (w *writer) finish() error {
	close(w.full)
	err := <-w.done
	close(w.empty)
	for b := range w.empty {
		w.e.recycle(b)
	}
	return err
}
