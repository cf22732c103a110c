package ftp

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/quaymaster/quaymaster/internal/serve"
	"github.com/quaymaster/quaymaster/internal/session"
	"github.com/quaymaster/quaymaster/vfs"
)

const (
	// chunkSize is what a copy through this process moves at a time.
	chunkSize = 256 << 10
	// Bounds of what the kernel is asked to move at a time, so that progress can
	// be told, paced and stopped.
	minKernelChunk = 256 << 10
	maxKernelChunk = 8 << 20
)

// errShrunk ends a download of a file that became shorter meanwhile: the client
// was told another size.
var errShrunk = &ReplyError{int(codeLocalError), "The file became shorter during the transfer."}

// retr is RETR, after REST from there, after RANG a part.
func (c *conn) retr(ctx context.Context, arg string) *reply {
	name, refusal := c.path(arg)
	if refusal == nil {
		refusal = c.asciiRefused()
	}
	if refusal == nil {
		refusal = c.noEndpoint()
	}
	if refusal != nil {
		return refusal
	}
	f, err := c.fsys.OpenFile(ctx, name, os.O_RDONLY, 0)
	if err != nil {
		return c.refuse(err)
	}
	fi, err := f.Stat()
	if err != nil {
		return c.refuse(errors.Join(err, f.Close()))
	}
	off, end := c.next.restart, fi.Size()
	if c.next.end > 0 {
		end = min(end, c.next.end)
	}
	if off > fi.Size() {
		return c.refuse(errors.Join(&ReplyError{int(codeRestart), "Restart position is behind the end of the file."}, vfs.Abort(f, errAborted)))
	}
	t := &transfer{what: "Sending a file"}
	r := c.run(ctx, t, c.opening(end-off), func(ctx context.Context, d *dataConn) error {
		return c.sendFile(d, f, t, off, max(end, off))
	})
	if t.err == nil && t.moved.Load() == max(end-off, 0) {
		err = f.Close()
	} else {
		err = vfs.Abort(f, t.err)
	}
	if err != nil {
		c.log.Debug("close after a download", "error", err)
	}
	return r
}

// sendFile sends the bytes of f from off to end.
func (c *conn) sendFile(d *dataConn, f vfs.File, t *transfer, off, end int64) error {
	if d.secure == nil && !c.converts() && !c.deflate {
		var err error
		off, err = c.sendByKernel(d, f, t, off, end)
		if !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	w := c.encoder(d.Conn)
	buf := c.lend()
	defer c.giveBack(buf)
	for off < end {
		n, err := f.ReadAt((*buf)[:min(int64(len(*buf)), end-off)], off)
		if n > 0 {
			if _, err := w.Write((*buf)[:n]); err != nil {
				return err
			}
			off += int64(n)
			t.moved.Add(int64(n))
			continue
		}
		if err == io.EOF || err == nil {
			return errShrunk
		}
		return err
	}
	return w.Close()
}

// sendByKernel is sendfile(2), in pieces whose size follows the speed of the
// line. It returns how far it came.
func (c *conn) sendByKernel(d *dataConn, f vfs.File, t *transfer, off, end int64) (int64, error) {
	chunk := int64(minKernelChunk)
	for off < end {
		began := time.Now()
		n, err := d.moving.move(func() (int64, error) { return session.SendFile(d.sock, f, off, min(chunk, end-off)) })
		off += n
		t.moved.Add(n)
		if err == io.EOF {
			err = errShrunk
		}
		if err != nil {
			return off, err
		}
		chunk = nextChunk(chunk, time.Since(began))
	}
	return off, nil
}

// nextChunk aims at pieces that take some hundredths of a second.
func nextChunk(chunk int64, took time.Duration) int64 {
	switch {
	case took < 20*time.Millisecond:
		return min(2*chunk, maxKernelChunk)
	case took > 200*time.Millisecond:
		return max(chunk/2, minKernelChunk)
	}
	return chunk
}

// movingConn gives each piece that moves its own time, so that only standing
// still ends a transfer. It lies over the socket, and below TLS: there is no
// way back from a time-out in crypto/tls.
type movingConn struct {
	net.Conn
	limit time.Duration // 0: none
}

func (c *conn) moving(nc net.Conn) *movingConn {
	return &movingConn{nc, serve.OrDefault(c.srv.DataTimeout, defaultDataTimeout)}
}

// deadline is when the next piece must have moved.
func (m *movingConn) deadline() time.Time {
	if m.limit <= 0 {
		return time.Time{}
	}
	return time.Now().Add(m.limit)
}

func (m *movingConn) Read(p []byte) (int, error) {
	if err := m.SetReadDeadline(m.deadline()); err != nil {
		return 0, err
	}
	return m.Conn.Read(p)
}

func (m *movingConn) Write(p []byte) (n int, err error) {
	for more := true; more; {
		if err := m.Conn.SetWriteDeadline(m.deadline()); err != nil {
			return n, err
		}
		var moved int
		moved, err = m.Conn.Write(p[n:])
		n += moved
		more = moved > 0 && errors.Is(err, os.ErrDeadlineExceeded)
	}
	return n, err
}

// SetWriteDeadline does nothing: crypto/tls sets one around its goodbye, and then
// one in the past, which would cut off what is still on its way.
func (m *movingConn) SetWriteDeadline(time.Time) error { return nil }

// move runs f, which moves bytes by the kernel and says how many, until it made
// an end of it. A time-out after which something moved is none.
func (m *movingConn) move(f func() (int64, error)) (int64, error) {
	if err := m.Conn.SetDeadline(m.deadline()); err != nil {
		return 0, err
	}
	n, err := f()
	if n > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return n, err
}

// lend returns a buffer of chunkSize, for a short time.
func (c *conn) lend() *[]byte {
	if b, ok := c.srv.buffers.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, chunkSize)
	return &b
}

func (c *conn) giveBack(b *[]byte) { c.srv.buffers.Put(b) }
