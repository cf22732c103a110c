package limit

import "errors"

// Users returns how many users t remembers.
func (t *Throttle) Users() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.users)
}

// Refused returns the *RefusedError in err.
func Refused(err error) (*RefusedError, bool) { return errors.AsType[*RefusedError](err) }

// Conns returns how many connections g counts.
func (g *Gate) Conns() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.conns
}

// Held returns the number of entries in g's tables of connections.
func (g *Gate) Held() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.byID) + len(g.bySource) + len(g.byUser) + g.conns + g.startups
}
