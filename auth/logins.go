package auth

import (
	"runtime"
	"sync"
	"weak"

	"github.com/quaymaster/quaymaster"
)

// logins remembers a T for each connection on which a login is under way, and
// forgets it when the connection's Conn is garbage. The zero value is empty.
// It is safe for concurrent use, but requests of one connection come one after
// the other, so reading and writing back needs no lock around both.
type logins[T any] struct {
	mu sync.Mutex // guards m
	m  map[weak.Pointer[quaymaster.Conn]]T
}

// get returns what was put for c; false for a nil c.
func (l *logins[T]) get(c *quaymaster.Conn) (v T, ok bool) {
	if c == nil {
		return v, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	v, ok = l.m[weak.Make(c)]
	return v, ok
}

// put does nothing for a nil c.
func (l *logins[T]) put(c *quaymaster.Conn, v T) {
	if c == nil {
		return
	}
	key := weak.Make(c)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = make(map[weak.Pointer[quaymaster.Conn]]T)
	}
	if _, there := l.m[key]; !there {
		runtime.AddCleanup(c, l.forget, key)
	}
	l.m[key] = v
}

func (l *logins[T]) forget(key weak.Pointer[quaymaster.Conn]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.m, key)
}
