// Package batch lies between a protocol that writes and reads piece by piece and
// its socket, and makes system calls few.
package batch

import (
	"net"
	"sync"
	"time"
)

const (
	// batchSize is what one system call moves at the most: enough to make
	// calls rare, small enough to stay in the cache.
	batchSize = 128 << 10
	// directWrite is the longest packet that is written at once when nothing
	// waits: a reply that nobody would gain from holding back, shorter than the
	// packets of a stream.
	directWrite = 16 << 10
	// firstPart is what x/crypto/ssh's buffer holds: a write of that length is
	// the beginning of a longer packet, whose end follows at once.
	firstPart = 4096
	// flushTimeout bounds how long Close tries to send what was written.
	flushTimeout = 5 * time.Second
)

// Buffers are lent to connections while they move data. The zero value is ready.
type Buffers struct{ pool sync.Pool }

func (b *Buffers) get() *[]byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return buf
	}
	buf := make([]byte, 0, batchSize)
	return &buf
}

func (b *Buffers) put(buf *[]byte) {
	*buf = (*buf)[:0]
	b.pool.Put(buf)
}

// Conn stands between x/crypto/ssh or crypto/tls, which write and read packet by
// packet, and the socket. Writes are gathered while the ones before are on
// their way to the kernel, so that system calls are few and overlap
// encryption; reads take what is there. It holds buffers only while data
// moves. An error of a write shows at the next one; Close sends what is left.
type Conn struct {
	net.Conn
	// Replay was read before, and comes first. To be set before the first Read.
	Replay []byte
	// Skip is how much of what is written first was sent already. To be set
	// before the first Write.
	Skip int

	lend *Buffers

	// The reader's own.
	in    *[]byte // nil: nothing read ahead
	ahead []byte  // the part of in that was not taken
	flood bool    // the last read was filled: more is likely

	mu       sync.Mutex // guards the fields below
	changed  sync.Cond
	pending  *[]byte // nil: nothing
	flushing bool    // somebody is in Conn.Write
	closed   bool
	err      error
}

// New returns a Conn over nc.
func New(nc net.Conn, lend *Buffers) *Conn {
	b := &Conn{Conn: nc, lend: lend}
	b.changed.L = &b.mu
	return b
}

func (b *Conn) Read(p []byte) (int, error) {
	if len(b.Replay) > 0 {
		n := copy(p, b.Replay)
		if b.Replay = b.Replay[n:]; len(b.Replay) == 0 {
			b.Replay = nil
		}
		return n, nil
	}
	if b.in == nil {
		if !b.flood || len(p) >= batchSize {
			n, err := b.Conn.Read(p)
			b.flood = n == len(p)
			return n, err
		}
		// Only now is a buffer worth its memory.
		b.in = b.lend.get()
		n, err := b.Conn.Read((*b.in)[:batchSize])
		b.ahead = (*b.in)[:n]
		b.flood = n > len(p)
		if n == 0 {
			b.lend.put(b.in)
			b.in = nil
			return 0, err
		}
	}
	n := copy(p, b.ahead)
	if b.ahead = b.ahead[n:]; len(b.ahead) == 0 {
		b.lend.put(b.in)
		b.in, b.ahead = nil, nil
	}
	return n, nil
}

func (b *Conn) Write(p []byte) (int, error) {
	size := len(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Skip > 0 {
		n := min(b.Skip, len(p))
		b.Skip -= n
		p = p[n:]
	}
	for b.pending != nil && b.flushing && len(*b.pending)+len(p) > batchSize && b.err == nil && !b.closed {
		b.changed.Wait()
	}
	switch {
	case b.err != nil:
		return 0, b.err
	case b.closed:
		return 0, net.ErrClosed
	case len(p) == 0:
		return size, nil
	case !b.flushing && len(p) <= directWrite && len(p) != firstPart:
		b.flushing = true
		b.send(p)
		if b.err != nil {
			b.stop()
			return 0, b.err
		}
		if b.pending != nil { // others wrote meanwhile
			go b.flush()
		} else {
			b.stop()
		}
		return size, nil
	}
	if b.pending == nil {
		b.pending = b.lend.get()
	}
	*b.pending = append(*b.pending, p...)
	if !b.flushing {
		b.flushing = true
		go b.flush()
	}
	return size, nil
}

// flush sends what is pending until nothing is. It ends with the socket at the
// latest, and Close waits for it.
func (b *Conn) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.pending != nil && b.err == nil {
		buf := b.pending
		b.pending = nil
		b.changed.Broadcast() // there is room
		b.send(*buf)
		b.lend.put(buf)
	}
	b.stop()
}

// send writes p with mu given up meanwhile.
func (b *Conn) send(p []byte) {
	b.mu.Unlock()
	_, err := b.Conn.Write(p)
	b.mu.Lock()
	if err != nil && b.err == nil {
		b.err = err
	}
}

func (b *Conn) stop() {
	b.flushing = false
	if b.err != nil && b.pending != nil {
		b.lend.put(b.pending)
		b.pending = nil
	}
	b.changed.Broadcast()
}

// Flush waits until all that was written is on its way.
func (b *Conn) Flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.flushing {
		b.changed.Wait()
	}
	return b.err
}

// Close sends what was written and closes the socket. A peer that does not
// read can delay it by flushTimeout.
func (b *Conn) Close() error {
	b.mu.Lock()
	b.closed = true
	b.changed.Broadcast()
	if b.flushing {
		b.Conn.SetWriteDeadline(time.Now().Add(flushTimeout)) // a closed socket ends the flush, too
	}
	for b.flushing {
		b.changed.Wait()
	}
	b.mu.Unlock()
	return b.Conn.Close()
}
