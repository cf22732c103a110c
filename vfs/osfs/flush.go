package osfs

import "sync"

// flushes groups the flushes of one directory, so that many files published at
// once don't pay one each. The zero value is ready for use.
type flushes struct {
	mu   sync.Mutex // guards all below
	dirs map[fileID]*flushQueue
}

// flushQueue is one directory with a flush going on or about to.
type flushQueue struct {
	running, next *flush
}

type flush struct {
	done chan struct{}
	err  error // valid once done is closed
}

// do returns when a run of sync that began after the call has ended. It is
// this caller's, or one that began for others.
func (q *flushes) do(dir fileID, sync func() error) error {
	q.mu.Lock()
	d := q.dirs[dir]
	if d == nil {
		d = new(flushQueue)
		if q.dirs == nil {
			q.dirs = make(map[fileID]*flushQueue)
		}
		q.dirs[dir] = d
	}
	if mine := d.next; mine != nil {
		q.mu.Unlock()
		<-mine.done
		return mine.err
	}
	mine := &flush{done: make(chan struct{})}
	d.next = mine
	before := d.running
	q.mu.Unlock()
	if before != nil {
		<-before.done
	}

	q.mu.Lock()
	d.next, d.running = nil, mine // who comes from now on is too late for it
	q.mu.Unlock()
	mine.err = sync()
	q.mu.Lock()
	d.running = nil
	if d.next == nil {
		delete(q.dirs, dir)
	}
	q.mu.Unlock()
	close(mine.done)
	return mine.err
}
