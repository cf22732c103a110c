package sftp

import (
	"fmt"
	"runtime/debug"

	"github.com/quaymaster/quaymaster"
)

// reserve waits until r fits into the bounds of what is in flight. alone tells
// that nothing else is.
func (s *server) reserve(r *request) (alone, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.requests > 0 && (s.requests >= maxInFlight || s.bytes+len(r.packet) > maxInFlightBytes) {
		s.changed.Wait()
	}
	if s.ctx.Err() != nil || s.broken != nil {
		return false, false
	}
	if s.requests == 0 {
		s.sess.Active()
	}
	s.requests++
	s.bytes += len(r.packet)
	return s.requests == 1, true
}

// submit makes r run. The order calls it with its lock held.
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
	if s.defers(r) {
		return
	}
	reply := s.execute(r)
	// The place is given up before the answer is sent: a client that does not
	// read must not hold up what it asked for on other handles.
	if r.verb.inTurn() {
		s.writing.Lock()
		s.order.leave(r)
		s.write(reply)
		s.writing.Unlock()
	} else {
		s.order.leave(r)
		s.send(reply)
	}
	s.handler.giveBack(r)
	s.mu.Lock()
	s.requests--
	s.bytes -= len(r.packet)
	if s.requests == 0 {
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

// send writes one packet; nil is none.
func (s *server) send(packet []byte) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.write(packet)
}

// write is send for who holds s.writing.
func (s *server) write(packet []byte) {
	if packet == nil {
		return
	}
	if _, err := s.sess.Write(packet); err != nil {
		// However it shows, as the end of the channel or of the socket.
		s.breakOff(fmt.Errorf("%w: %v", quaymaster.ErrConnLost, err))
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
	s.resume(s.handles.giveUp()) // no CLOSE will come
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.changed.Broadcast()
	for s.requests > 0 || s.workers > 0 {
		s.changed.Wait()
	}
}
