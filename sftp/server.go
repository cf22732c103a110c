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
	"runtime/debug"
	"sync"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
)

const (
	// maxWorkers is how many requests of one channel run at the same time.
	maxWorkers = 8
	// maxInFlight and maxInFlightBytes bound what was read but not answered,
	// counting what READ requests ask for. OpenSSH has 64 requests of 32 KiB
	// on the way.
	maxInFlight      = 128
	maxInFlightBytes = 4 << 20
)

// errProtocol ends a channel whose client does not speak SFTP.
var errProtocol = errors.New("sftp: protocol error")

// server serves one channel.
type server struct {
	handler  *Handler
	sess     *sshd.Session
	fsys     vfs.FS
	ctx      context.Context
	log      *slog.Logger
	cwd      string // where relative paths begin
	statuses []statusRow
	handles  handles
	order    order
	owners   owners
	quirks   quirks
	inited   bool // a VERSION was sent; the reader's own

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
		cwd: h.startDir(), statuses: statusTable(), quirks: quirksOf(sess.Conn().Client),
	}
	s.handles = handles{open: make(map[uint64]*handle), limit: h.maxHandles()}
	s.order = order{paths: make(map[string]*lane), ready: s.submit}
	s.owners.fsys = fsys
	s.changed.L = &s.mu
	return s
}

// serve reads requests until the client is done, then waits for the running
// ones and aborts what the client left open.
func (s *server) serve() error {
	s.sess.Idle()
	err := s.read(bufio.NewReaderSize(s.sess, 4096))
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
		r := s.handler.request()
		if err := s.readPacket(in, r); err != nil {
			s.handler.recycle(r)
			if err == io.EOF {
				return nil
			}
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
		if err := s.dispatch(r); err != nil {
			return err
		}
	}
}

// readPacket fills r.packet. io.EOF means the end between two packets.
func (s *server) readPacket(in *bufio.Reader, r *request) error {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		if err == io.ErrUnexpectedEOF {
			return fmt.Errorf("%w: channel ended within a packet", errProtocol)
		}
		return err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > maxPacket {
		return s.tooLong(in, size)
	}
	if size < 5 { // type and id, or the version of INIT
		return fmt.Errorf("%w: packet of %d bytes", errProtocol, size)
	}
	r.grow(int(size))
	if _, err := io.ReadFull(in, r.packet); err != nil {
		return fmt.Errorf("%w: channel ended within a packet", errProtocol)
	}
	r.kind = r.packet[0]
	r.id = binary.BigEndian.Uint32(r.packet[1:5])
	return nil
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

// dispatch decodes r and queues it, after it waited for room.
func (s *server) dispatch(r *request) error {
	p := parser{b: r.packet[5:]}
	v, known := s.lookup(r, &p)
	if known && v.decode != nil {
		v.decode(s, r, &p)
		if r.err == nil {
			r.err = p.err
		}
	}
	r.verb = v
	if !s.reserve(r) {
		s.handler.recycle(r)
		s.mu.Lock()
		defer s.mu.Unlock()
		return cmp.Or(context.Cause(s.ctx), s.broken)
	}
	c := v.claims
	if r.err != nil { // it will only be answered
		c = claims{}
	}
	s.order.enter(r, c)
	return nil
}

// reserve waits until r fits into the bounds of what is in flight.
func (s *server) reserve(r *request) bool {
	r.cost = len(r.packet) + int(r.want())
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.requests > 0 && (s.requests >= maxInFlight || s.bytes+r.cost > maxInFlightBytes) {
		s.changed.Wait()
	}
	if s.ctx.Err() != nil || s.broken != nil {
		return false
	}
	if s.requests == 0 {
		s.sess.Active()
	}
	s.requests++
	s.bytes += r.cost
	return true
}

// submit makes r run. It is called with the order's lock held.
func (s *server) submit(r *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, r)
	switch {
	case s.idle > 0:
		s.changed.Broadcast()
	case s.workers < maxWorkers:
		s.workers++
		go s.work()
	}
}

// work runs requests. One worker stays when there are none.
func (s *server) work() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for len(s.queue) == 0 {
			if s.ended || s.idle > 0 {
				s.workers--
				s.changed.Broadcast()
				return
			}
			s.idle++
			s.changed.Wait()
			s.idle--
		}
		r := s.queue[0]
		s.queue[0] = nil
		s.queue = s.queue[1:]
		s.mu.Unlock()
		s.run(r)
		s.mu.Lock()
	}
}

// run executes r, answers it, and lets the next ones go.
func (s *server) run(r *request) {
	reply := s.execute(r)
	// The place is given up before the answer is sent: a client that does not
	// read must not hold up what it asked for on other handles.
	s.order.leave(r)
	if reply != nil {
		s.send(reply)
	}
	s.mu.Lock()
	s.requests--
	s.bytes -= r.cost
	last := s.requests == 0
	if last {
		s.sess.Idle()
	}
	s.changed.Broadcast()
	s.mu.Unlock()
	s.handler.recycle(r)
}

// execute runs one request and returns the packet that answers it; nil after a
// panic, which ends the session, not the process.
func (s *server) execute(r *request) (reply []byte) {
	defer func() {
		if v := recover(); v != nil {
			s.log.Error("panic in a request; only that session ends", "request", r.verb.name, "panic", v, "stack", string(debug.Stack()))
			s.send(appendStatus(nil, r.id, CodeFailure, "Internal error"))
			s.breakOff(fmt.Errorf("sftp: panic: %v", v))
		}
	}()
	if r.err != nil {
		return s.status(r, r.err)
	}
	return r.verb.run(s, r)
}

// send writes one packet.
func (s *server) send(packet []byte) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if _, err := s.sess.Write(packet); err != nil {
		s.breakOff(err)
	}
}

// breakOff notes why the channel is of no use any more, and wakes the reader.
func (s *server) breakOff(err error) {
	s.mu.Lock()
	first := s.broken == nil
	if first {
		s.broken = err
	}
	s.mu.Unlock()
	if first {
		s.sess.Hangup()
	}
}

// drain waits until nothing runs any more.
func (s *server) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.changed.Broadcast()
	for s.requests > 0 || s.workers > 0 {
		s.changed.Wait()
	}
}

// status is the reply to r that tells how it went.
func (s *server) status(r *request, err error) []byte {
	code, text, known := s.statusOf(err)
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
