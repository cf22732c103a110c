package limit

import (
	"net/netip"
	"sync"

	"github.com/quaymaster/quaymaster"
)

// admitted is a connection that was let in.
type admitted struct {
	source  netip.Prefix
	startup bool // counts as one without a login

	loggedIn bool
	tried    bool // some login could not be decided, or was refused
	failures int  // wrong credentials that were not yet punished
}

// tally is what one source holds.
type tally struct{ conns, startups int }

// counters keeps the numbers of connections. A Gate's mutex guards it.
type counters struct {
	byID     map[string]*admitted
	bySource map[netip.Prefix]*tally
	byUser   map[string]int
	conns    int
	startups int
}

// needsLogin tells whether a client has no business here but to log in.
func needsLogin(c *quaymaster.Conn) bool { return c.Protocol != "http" && c.Protocol != "https" }

// full returns the limit that one more connection from source would exceed,
// or "".
func (g *Gate) full(source netip.Prefix, startup bool) Reason {
	here := g.bySource[source]
	if here == nil || !source.IsValid() {
		here = &tally{}
	}
	switch {
	case g.MaxConns > 0 && g.conns >= g.MaxConns:
		return ReasonMaxConns
	case g.MaxPerSource > 0 && here.conns >= g.MaxPerSource:
		return ReasonMaxPerSource
	case !startup:
		return ""
	case g.cfg.startups.PerSource >= 0 && here.startups >= g.cfg.startups.PerSource:
		return ReasonStartupsPerSource
	case g.cfg.startups.drops(g.startups):
		return ReasonStartups
	}
	return ""
}

// enter counts a connection and returns what leaves it out again.
func (g *Gate) enter(c *quaymaster.Conn, source netip.Prefix) (leave func()) {
	a := &admitted{source: source, startup: needsLogin(c)}
	known := g.byID[c.ID] != nil // two servers that name their connections alike
	if !known {
		g.byID[c.ID] = a
	}
	g.conns++
	t := g.bySource[source]
	if t == nil {
		t = &tally{}
		g.bySource[source] = t
	}
	t.conns++
	if a.startup {
		g.startups++
		t.startups++
	}
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.endStartup(a)
		g.conns--
		if t.conns--; t.conns == 0 {
			delete(g.bySource, source)
		}
		if !known {
			delete(g.byID, c.ID)
		}
	})
}

// endStartup stops counting a as a connection without a login.
func (g *Gate) endStartup(a *admitted) {
	if !a.startup {
		return
	}
	a.startup = false
	g.startups--
	g.bySource[a.source].startups--
}

// enterUser counts a login.
func (g *Gate) enterUser(user string) (leave func()) {
	g.byUser[user]++
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.byUser[user]--; g.byUser[user] == 0 {
			delete(g.byUser, user)
		}
	})
}
