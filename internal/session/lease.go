package session

import (
	"sync"

	"github.com/quaymaster/quaymaster/vfs"
)

// Leases gives single-writer rights in this process for file systems that
// have no LeaseFS of their own. Its scope is one user name: two users whose
// homes overlap on such a file system don't see each other's leases. The zero
// value is ready.
type Leases struct {
	mu   sync.Mutex
	held map[leaseKey]struct{} // guarded by mu
}

type leaseKey struct{ user, name string }

func (l *Leases) take(user, name string) (release func(), err error) {
	key := leaseKey{user, name}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, taken := l.held[key]; taken {
		return nil, vfs.PathError("open", name, vfs.ErrLocked)
	}
	if l.held == nil {
		l.held = make(map[leaseKey]struct{})
	}
	l.held[key] = struct{}{}
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.held, key)
	}), nil
}
