package sftp

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/internal/lsl"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
)

const (
	// maxWorkers is how many requests of one channel run at the same time.
	maxWorkers = 8
	// maxInFlight and maxInFlightBytes bound the requests that were read but not
	// answered. What READ asks for takes memory only while it runs. Few bytes
	// are best: they are written while they are still in the processor's cache.
	maxInFlight      = 128
	maxInFlightBytes = 1 << 20
)

// readAhead is small, because every idle channel has it: requests are short, or
// are read straight to where they are needed.
const readAhead = 1024

// errProtocol ends a channel whose client does not speak SFTP.
var errProtocol = errors.New("sftp: protocol error")

// server serves one channel.
type server struct {
	handler *Handler
	sess    *sshd.Session
	fsys    vfs.FS
	ctx     context.Context
	log     *slog.Logger
	cwd     string // where relative paths begin
	handles handles
	order   order
	owners  lsl.Owners
	quirks  quirks
	inited  bool // a VERSION was sent; the reader's own

	writing sync.Mutex // held while a packet is written

	mu       sync.Mutex // guards the fields below
	changed  sync.Cond  // of the fields below
	queue    []*request // ready to run
	workers  int
	idle     int // workers that wait
	requests int // in flight
	bytes    int // in flight
	ended    bool
	broken   error // why nothing can be sent any more
}

func newServer(ctx context.Context, h *Handler, sess *sshd.Session, fsys vfs.FS) *server {
	s := &server{
		handler: h, sess: sess, fsys: fsys, ctx: ctx, log: sess.Logger(),
		cwd: h.startDir(), quirks: quirksOf(sess.Conn().Client),
	}
	s.handles = handles{open: make(map[uint64]*handle), uploads: make(map[string]*handle), limit: h.maxHandles()}
	s.order = order{paths: make(map[string]*lane), ready: s.submit}
	s.owners.FS = fsys
	s.changed.L = &s.mu
	return s
}

// serve reads requests until the client is done, then waits for the running
// ones and aborts what the client left open.
func (s *server) serve() error {
	s.sess.Idle()
	err := s.read(bufio.NewReaderSize(s.sess, readAhead))
	s.drain()
	s.mu.Lock()
	if s.broken != nil { // what the reader met came of it
		err = s.broken
	}
	s.mu.Unlock()
	cause := cmp.Or(context.Cause(s.ctx), err, quaymaster.ErrConnLost)
	if aborted := s.handles.abort(cause); aborted != nil {
		s.log.Warn("abort of open files", "error", aborted)
	}
	return err
}

// read takes requests off the channel and hands them on.
func (s *server) read(in *bufio.Reader) error {
	for {
		r, err := s.readPacket(in)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if r.kind == fxpInit {
			err := s.init(r)
			s.handler.recycle(r)
			if err != nil {
				return err
			}
			continue
		}
		if !s.inited {
			return fmt.Errorf("%w: request %d before INIT", errProtocol, r.kind)
		}
		if err := s.dispatch(r, in.Buffered() == 0); err != nil {
			return err
		}
	}
}

// readPacket reads one packet. io.EOF means the end between two packets.
func (s *server) readPacket(in *bufio.Reader) (*request, error) {
	head, err := in.Peek(4)
	if err == io.EOF && len(head) > 0 {
		return nil, fmt.Errorf("%w: channel ended within a packet", errProtocol)
	}
	if err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head)
	in.Discard(4) // it was peeked at
	if size > maxPacket {
		return nil, s.tooLong(in, size)
	}
	if size < 5 { // type and id, or the version of INIT
		return nil, fmt.Errorf("%w: packet of %d bytes", errProtocol, size)
	}
	r := s.handler.request() // only now: an idle channel holds no buffers
	r.grow(int(size))
	if _, err := io.ReadFull(in, r.packet); err != nil {
		s.handler.recycle(r)
		return nil, fmt.Errorf("%w: channel ended within a packet", errProtocol)
	}
	r.kind = r.packet[0]
	r.id = binary.BigEndian.Uint32(r.packet[1:5])
	return r, nil
}

// tooLong answers a packet that will not be read, so that the client's user
// sees why the channel ends.
func (s *server) tooLong(in *bufio.Reader, size uint32) error {
	err := fmt.Errorf("%w: packet of %d bytes; the limit is %d", errProtocol, size, maxPacket)
	var head [5]byte
	if _, rerr := io.ReadFull(in, head[:]); rerr == nil && s.inited {
		text := fmt.Sprintf("Packet of %d bytes is too long; the limit is %d", size, maxPacket)
		s.send(appendStatus(nil, binary.BigEndian.Uint32(head[1:]), CodeBadMessage, text))
	}
	return err
}

// init answers INIT, also a second one, which some clients send.
func (s *server) init(r *request) error {
	if s.inited {
		s.log.Debug("second INIT")
	}
	s.inited = true
	b := append(r.out[:0], 0, 0, 0, 0, fxpVersion)
	b = appendUint32(b, version)
	for _, e := range extensions() {
		if s.handler.allowed(e.verb.name) {
			b = appendString(appendString(b, e.wire), e.data)
		}
	}
	s.send(endPacket(b))
	return nil
}

// dispatch decodes r and gets it to run, after it waited for room. last says
// that nothing else of the client's was read so far.
func (s *server) dispatch(r *request, last bool) error {
	p := &r.fields
	p.b = r.packet[5:]
	v, known := s.lookup(r, p)
	if known && v.decode != nil {
		v.decode(s, r, p)
		if r.err == nil {
			r.err = p.err
		}
	}
	r.verb = v
	alone, ok := s.reserve(r)
	if !ok {
		s.handler.recycle(r)
		s.mu.Lock()
		defer s.mu.Unlock()
		return cmp.Or(context.Cause(s.ctx), s.broken)
	}
	c := v.claims
	if r.err != nil { // it will only be answered
		c = claims{}
	}
	switch {
	case !s.order.enter(r, c): // somebody will submit it
	case r.reads() && r.h.local, last && alone && !v.long():
		// A worker could not be faster: there is nothing to do beside it.
		s.run(r)
	default:
		s.submit(r)
	}
	return nil
}

// status is the reply to r that tells how it went.
func (s *server) status(r *request, err error) []byte {
	code, text, known := statusOf(err)
	switch {
	case !known:
		s.log.Error("request failed", "request", r.verb.name, "path", vfs.Wire(r.name), "error", err)
	case err != nil && err != io.EOF:
		s.log.Debug("request refused", "request", r.verb.name, "path", vfs.Wire(r.name), "status", code, "error", err)
	}
	return appendStatus(r.out, r.id, code, text)
}

func appendStatus(b []byte, id uint32, code Code, text string) []byte {
	b = appendUint32(beginPacket(b, fxpStatus, id), uint32(code))
	return endPacket(appendString(appendString(b, text), "en"))
}
