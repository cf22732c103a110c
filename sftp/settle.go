package sftp

import "time"

// A file is published by its CLOSE, and has one writer until then. On a FUSE
// file system such as sshfs the kernel tells of a close(2) after that has
// returned, so that an OPEN of what the program does next may overtake the
// CLOSE. So an OPEN of a path to which this client has an upload open waits for
// that CLOSE, without its places in the lanes, which the CLOSE needs. It waits
// for a bounded time, and only once for a handle: one that stays open is in
// use, and then the usual rules apply.
//
// Renames and removals don't wait: libfuse holds back the CLOSE while they are
// on their way.

// closeGrace is how long a CLOSE may be behind.
const closeGrace = time.Second

// waiters are the requests that wait for the CLOSE of a handle.
type waiters struct {
	queue []*request
	timer *time.Timer // runs since the first came
	over  bool        // they wait no longer
}

// end returns who waits, and lets nobody wait any more.
func (w *waiters) end() []*request {
	if w.timer != nil {
		w.timer.Stop()
	}
	queue := w.queue
	w.queue, w.over = nil, true
	return queue
}

// defers tells whether r, which could run, has to wait for a CLOSE. It gives
// up its places then, and comes back by resume.
func (s *server) defers(r *request) bool {
	if r.kind != fxpOpen || r.err != nil {
		return false
	}
	t := &s.handles
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.uploads[r.name]
	if h == nil || h.waits.over || t.ended {
		return false
	}
	if h.waits.timer == nil {
		h.waits.timer = time.AfterFunc(closeGrace, func() { s.resume(t.overdue(h)) })
	}
	h.waits.queue = append(h.waits.queue, r)
	s.order.leave(r) // nobody resumes r before the table is unlocked
	return true
}

// overdue is called when h was not closed in time.
func (t *handles) overdue(h *handle) []*request {
	t.mu.Lock()
	defer t.mu.Unlock()
	return h.waits.end()
}

// giveUp lets nobody wait any more.
func (t *handles) giveUp() []*request {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	var all []*request
	for _, h := range t.uploads {
		all = append(all, h.waits.end()...)
	}
	return all
}

// resume queues requests that have waited, in the order in which they came.
func (s *server) resume(waited []*request) {
	for _, r := range waited {
		r.claimed = 0
		if s.order.enter(r, r.verb.claims) {
			s.submit(r)
		}
	}
}
