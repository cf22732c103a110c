package limit

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"

	"github.com/quaymaster/quaymaster"
)

// Gate limits who may connect. It is a quaymaster.Gate, and a quaymaster.Sink
// from which it learns of failed logins; a server needs it as both. One Gate
// may stand before several servers, whose connections and bans then count
// together. The zero value sheds connections without a login and bans sources
// as OpenSSH does by default, and has no other limit. Its fields must not
// change once it is in use. All methods are safe for concurrent use.
type Gate struct {
	// Allow, if not empty, lists the only networks from which clients may
	// come. Deny lists those from which they may not, and wins. A client
	// without an address, as on a pipe, is in neither. While one of the
	// prefixes, here or in Penalties, is not valid, nobody is let in.
	Allow, Deny []netip.Prefix

	// MaxConns is the number of connections at the same time, MaxPerSource
	// that from one source, and MaxPerUser the number of logins of one user.
	// Zero or less means no limit.
	MaxConns, MaxPerSource, MaxPerUser int

	Startups  Startups
	Penalties Penalties

	// Addresses that share their first SourceBits4 or SourceBits6 bits are one
	// source. Zero means 32 for IPv4 and 64, which is what one subscriber has
	// at least, for IPv6.
	SourceBits4, SourceBits6 int

	// Logger is told when a ban begins; nil means slog.Default().
	Logger *slog.Logger

	once sync.Once // guards cfg and cfgErr
	cfg  config

	mu sync.Mutex // guards the fields below
	counters
	penalties4, penalties6 penaltyTable
}

var (
	_ quaymaster.Gate = (*Gate)(nil)
	_ quaymaster.Sink = (*Gate)(nil)
)

// config is the Gate's fields in the form in which they are used.
type config struct {
	err                 error
	allow, deny, exempt prefixSet
	group               grouping
	startups            Startups
	penalties           Penalties
}

func (g *Gate) setUp() error {
	g.once.Do(func() {
		g.cfg, g.cfg.err = g.config()
		g.byID = make(map[string]*admitted)
		g.bySource = make(map[netip.Prefix]*tally)
		g.byUser = make(map[string]int)
	})
	return g.cfg.err
}

func (g *Gate) config() (cfg config, err error) {
	cfg.startups, cfg.penalties = g.Startups.orDefault(), g.Penalties.orDefault()
	cfg.group = grouping{cmp.Or(g.SourceBits4, 32), cmp.Or(g.SourceBits6, 64)}
	if b := cfg.group; b.bits4 < 0 || b.bits4 > 32 || b.bits6 < 0 || b.bits6 > 128 {
		return cfg, fmt.Errorf("limit: Gate.SourceBits4 or SourceBits6 out of range: %d, %d", b.bits4, b.bits6)
	}
	if cfg.allow, err = newPrefixSet("Gate.Allow", g.Allow); err != nil {
		return cfg, err
	}
	if cfg.deny, err = newPrefixSet("Gate.Deny", g.Deny); err != nil {
		return cfg, err
	}
	cfg.exempt, err = newPrefixSet("Penalties.Exempt", g.Penalties.Exempt)
	return cfg, err
}

// Admit implements quaymaster.Gate. An error for which the client is to blame
// is a *RefusedError.
func (g *Gate) Admit(_ context.Context, c *quaymaster.Conn, user string) (release func(), err error) {
	if err := g.setUp(); err != nil {
		return nil, err
	}
	addr := addrOf(c)
	source := g.cfg.group.source(addr)
	if user == "" {
		if err := g.obeyRules(addr, source); err != nil {
			return nil, err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	// Also at the login: guesses on connections that were open before the ban
	// are worth nothing.
	if ban := g.ban(addr, source); ban != nil {
		return nil, &RefusedError{Reason: ReasonBanned, Source: source, Ban: ban}
	}
	if user != "" {
		return g.admitUser(c, user, source)
	}
	if reason := g.full(source, needsLogin(c)); reason != "" {
		return nil, &RefusedError{Reason: reason, Source: source}
	}
	return g.enter(c, source), nil
}

// obeyRules applies Deny and Allow.
func (g *Gate) obeyRules(a netip.Addr, source netip.Prefix) error {
	if rule, ok := g.cfg.deny.find(a); ok {
		return &RefusedError{Reason: ReasonDenied, Source: rule}
	}
	if g.cfg.allow.empty() {
		return nil
	}
	if _, ok := g.cfg.allow.find(a); !ok {
		return &RefusedError{Reason: ReasonNotAllowed, Source: source}
	}
	return nil
}

// admitUser decides about a login; g.mu is held.
func (g *Gate) admitUser(c *quaymaster.Conn, user string, source netip.Prefix) (func(), error) {
	if g.MaxPerUser > 0 && g.byUser[user] >= g.MaxPerUser {
		return nil, &RefusedError{Reason: ReasonMaxPerUser, Source: source, User: user}
	}
	if a := g.byID[c.ID]; a != nil {
		a.loggedIn = true
		g.endStartup(a)
	}
	return g.enterUser(user), nil
}
