package session

import (
	"errors"
	"sync"
)

// ErrTooMany refuses a login beyond Identity.Limits.Sessions.
var ErrTooMany = errors.New("too many sessions of this user")

// Logins counts the sessions of each user on one server. The zero value is
// ready.
type Logins struct {
	mu    sync.Mutex // guards count
	count map[string]int
}

// Take counts one more session of user, unless there are limit already; 0
// means no limit. release may be called more than once.
func (l *Logins) Take(user string, limit int) (release func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if limit > 0 && l.count[user] >= limit {
		return nil, ErrTooMany
	}
	if l.count == nil {
		l.count = make(map[string]int)
	}
	l.count[user]++
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.count[user]--; l.count[user] == 0 {
			delete(l.count, user)
		}
	}), nil
}
