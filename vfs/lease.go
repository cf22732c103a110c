package vfs

import "sync"

// LeaseTable gives each key to one holder at a time: what a LeaseFS needs, with
// keys that are equal for all names of one file. The zero value is ready; it
// must not be copied, and is safe for concurrent use.
type LeaseTable[K comparable] struct {
	mu   sync.Mutex // guards held
	held map[K]struct{}
}

// Take returns ErrLocked while another holds key. release may be called more
// than once.
func (t *LeaseTable[K]) Take(key K) (release func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, taken := t.held[key]; taken {
		return nil, ErrLocked
	}
	if t.held == nil {
		t.held = make(map[K]struct{})
	}
	t.held[key] = struct{}{}
	return sync.OnceFunc(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.held, key)
	}), nil
}
