package limit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/limit"
)

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// from describes a connection from ip; none if ip is "".
func from(ip string) *quaymaster.Conn {
	c := &quaymaster.Conn{ID: quaymaster.NewID(), Protocol: "ssh"}
	if ip != "" {
		c.Remote = net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(ip), 1234))
	}
	return c
}

// quiet returns g with its log discarded.
func quiet(g *limit.Gate) *limit.Gate {
	g.Logger = slog.New(slog.DiscardHandler)
	return g
}

func reasonOf(t *testing.T, err error) limit.Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	require.ErrorIs(t, err, quaymaster.ErrRefused)
	var refused *limit.RefusedError
	require.ErrorAs(t, err, &refused)
	assert.Contains(t, err.Error(), string(refused.Reason))
	return refused.Reason
}

func enter(t *testing.T, g *limit.Gate, c *quaymaster.Conn, user string) func() {
	t.Helper()
	release, err := g.Admit(t.Context(), c, user)
	require.NoError(t, err)
	require.NotNil(t, release)
	return release
}

func try(t *testing.T, g *limit.Gate, c *quaymaster.Conn, user string) limit.Reason {
	t.Helper()
	release, err := g.Admit(t.Context(), c, user)
	if err == nil {
		release()
	}
	return reasonOf(t, err)
}

func TestRules(t *testing.T) {
	for _, tt := range []struct {
		name        string
		allow, deny []netip.Prefix
		ip          string
		want        limit.Reason
	}{
		{"no rules", nil, nil, "192.0.2.1", ""},
		{"no rules, no address", nil, nil, "", ""},
		{"denied", nil, prefixes("192.0.2.0/24"), "192.0.2.1", limit.ReasonDenied},
		{"not denied", nil, prefixes("192.0.2.0/24"), "192.0.3.1", ""},
		{"no address is not denied", nil, prefixes("0.0.0.0/0", "::/0"), "", ""},
		{"host bits are ignored", nil, prefixes("192.0.2.77/24"), "192.0.2.1", limit.ReasonDenied},
		{"allowed", prefixes("192.0.2.0/24", "2001:db8::/32"), nil, "2001:db8::1", ""},
		{"not allowed", prefixes("192.0.2.0/24"), nil, "192.0.3.1", limit.ReasonNotAllowed},
		{"no address is not allowed", prefixes("0.0.0.0/0", "::/0"), nil, "", limit.ReasonNotAllowed},
		{"deny wins", prefixes("192.0.0.0/16"), prefixes("192.0.2.1/32"), "192.0.2.1", limit.ReasonDenied},
		{"deny wins over a longer allow", prefixes("192.0.2.1/32"), prefixes("192.0.0.0/16"), "192.0.2.1", limit.ReasonDenied},
		{"mapped address", nil, prefixes("192.0.2.0/24"), "::ffff:192.0.2.1", limit.ReasonDenied},
		{"mapped rule", nil, prefixes("::ffff:192.0.2.0/120"), "192.0.2.1", limit.ReasonDenied},
		{"IPv6 rule for all is none for IPv4", prefixes("::/0"), nil, "192.0.2.1", limit.ReasonNotAllowed},
		{"zone", nil, prefixes("fe80::/10"), "fe80::1%eth0", limit.ReasonDenied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := &limit.Gate{Allow: tt.allow, Deny: tt.deny}
			assert.Equal(t, tt.want, try(t, g, from(tt.ip), ""))
		})
	}
}

// A rule that can't be applied must not be as good as none.
func TestInvalidConfiguration(t *testing.T) {
	invalid := []netip.Prefix{{}}
	for name, g := range map[string]*limit.Gate{
		"Allow":                {Allow: invalid},
		"Gate.Deny[1]":         {Deny: append(prefixes("192.0.2.0/24"), netip.Prefix{})},
		"Exempt":               {Penalties: limit.Penalties{Exempt: invalid}},
		"neither":              {Deny: prefixes("::ffff:0:0/90")},
		"SourceBits4":          {SourceBits4: 33},
		"SourceBits6 out of r": {SourceBits6: -1},
	} {
		for range 2 {
			_, err := g.Admit(t.Context(), from("192.0.2.1"), "")
			assert.ErrorContains(t, err, name)
		}
		g.Emit(t.Context(), &quaymaster.Event{Kind: quaymaster.KindLogin, Conn: from("192.0.2.1"), Err: auth.ErrDenied})
	}
}

func TestMaxConns(t *testing.T) {
	g := &limit.Gate{MaxConns: 2}
	a, b := from("192.0.2.1"), from("192.0.2.2")
	leave := enter(t, g, a, "")
	enter(t, g, b, "")
	assert.Equal(t, limit.ReasonMaxConns, try(t, g, from("192.0.2.3"), ""))
	enter(t, g, a, "u")
	leave()
	leave() // once more changes nothing
	enter(t, g, from("192.0.2.3"), "")
	assert.Equal(t, limit.ReasonMaxConns, try(t, g, from("192.0.2.3"), ""))
}

func TestMaxPerSource(t *testing.T) {
	g := &limit.Gate{MaxPerSource: 1}
	leave := enter(t, g, from("192.0.2.1"), "")
	assert.Equal(t, limit.ReasonMaxPerSource, try(t, g, from("192.0.2.1"), ""))
	assert.Equal(t, limit.ReasonMaxPerSource, try(t, g, from("::ffff:192.0.2.1"), ""))
	assert.Empty(t, try(t, g, from("192.0.2.2"), ""))
	enter(t, g, from("2001:db8::1"), "")
	assert.Equal(t, limit.ReasonMaxPerSource, try(t, g, from("2001:db8::ffff"), ""), "one /64")
	assert.Empty(t, try(t, g, from("2001:db8:0:1::1"), ""), "another /64")
	enter(t, g, from(""), "")
	enter(t, g, from(""), "")
	leave()
	assert.Empty(t, try(t, g, from("192.0.2.1"), ""))

	g = &limit.Gate{MaxPerSource: 1, SourceBits4: 24, SourceBits6: 128}
	enter(t, g, from("192.0.2.1"), "")
	assert.Equal(t, limit.ReasonMaxPerSource, try(t, g, from("192.0.2.2"), ""))
	enter(t, g, from("2001:db8::1"), "")
	assert.Empty(t, try(t, g, from("2001:db8::2"), ""))
}

func TestMaxPerUser(t *testing.T) {
	g := &limit.Gate{MaxPerUser: 1}
	a, b := from("192.0.2.1"), from("192.0.2.2")
	enter(t, g, a, "")
	enter(t, g, b, "")
	leave := enter(t, g, a, "u")
	assert.Equal(t, limit.ReasonMaxPerUser, try(t, g, b, "u"))
	enter(t, g, b, "v")
	leave()
	enter(t, g, b, "u")
	// A connection that the Gate has not seen at accept counts all the same.
	assert.Equal(t, limit.ReasonMaxPerUser, try(t, g, from("192.0.2.3"), "u"))
}

func TestStartups(t *testing.T) {
	g := &limit.Gate{Startups: limit.Startups{Start: 3, Rate: 100, Full: 3, PerSource: -1}}
	conns := []*quaymaster.Conn{from("192.0.2.1"), from("192.0.2.1"), from("")}
	var leave []func()
	for _, c := range conns {
		leave = append(leave, enter(t, g, c, ""))
	}
	assert.Equal(t, limit.ReasonStartups, try(t, g, from("192.0.2.9"), ""))
	web := from("192.0.2.9")
	web.Protocol = "https"
	enter(t, g, web, "") // HTTP needs no login

	logout := enter(t, g, conns[0], "u")
	enter(t, g, from("192.0.2.9"), "") // takes the place
	assert.Equal(t, limit.ReasonStartups, try(t, g, from("192.0.2.9"), ""))
	logout()
	leave[0]()
	assert.Equal(t, limit.ReasonStartups, try(t, g, from("192.0.2.9"), ""), "the place was free already")
	leave[1]()
	assert.Empty(t, try(t, g, from("192.0.2.9"), ""))
}

// The defaults: nine from one source, and everything refused from 100 on.
func TestStartupsDefaults(t *testing.T) {
	g := &limit.Gate{}
	for range 9 {
		enter(t, g, from("192.0.2.1"), "")
	}
	assert.Equal(t, limit.ReasonStartupsPerSource, try(t, g, from("192.0.2.1"), ""))
	enter(t, g, from("198.51.100.1"), "") // the tenth is never dropped
	let := 10
	for i := 0; let < 100; i++ {
		c := from(fmt.Sprintf("203.0.%d.%d", i/250, i%250))
		_, err := g.Admit(t.Context(), c, "")
		if err == nil {
			let++
		} else {
			assert.Equal(t, limit.ReasonStartups, reasonOf(t, err))
		}
		require.Less(t, i, 100_000)
	}
	for range 200 {
		assert.Equal(t, limit.ReasonStartups, try(t, g, from("198.51.100.2"), ""))
	}
	off := &limit.Gate{Startups: limit.Startups{Full: -1, PerSource: -1}}
	for range 500 {
		enter(t, off, from("192.0.2.1"), "")
	}
}

// Random early drop, within five standard deviations.
func TestStartupsRate(t *testing.T) {
	for _, tt := range []struct {
		held int
		want float64
	}{{9, 0}, {10, .30}, {55, .65}, {99, .99}} {
		g := &limit.Gate{Startups: limit.Startups{PerSource: -1}}
		held := 0
		for held < tt.held {
			if _, err := g.Admit(t.Context(), from("192.0.2.1"), ""); err == nil {
				held++
			}
		}
		const tries = 5_000
		dropped := 0
		for range tries {
			if try(t, g, from("192.0.2.2"), "") != "" {
				dropped++
			}
		}
		assert.InDelta(t, tt.want, float64(dropped)/tries, .035, "at %d", tt.held)
	}
}

// connection is one from ip that ends with err after the given login errors.
func connection(t *testing.T, g *limit.Gate, ip string, err error, logins ...error) limit.Reason {
	t.Helper()
	c := from(ip)
	release, refused := g.Admit(t.Context(), c, "")
	g.Emit(t.Context(), &quaymaster.Event{Kind: quaymaster.KindConnect, Conn: c, Err: refused})
	if refused != nil {
		return reasonOf(t, refused)
	}
	defer release()
	for _, lerr := range logins {
		if lerr == nil {
			defer enter(t, g, c, "u")()
		}
		g.Emit(t.Context(), &quaymaster.Event{Kind: quaymaster.KindLogin, Conn: c, User: "u", Err: lerr})
	}
	g.Emit(t.Context(), &quaymaster.Event{Kind: quaymaster.KindDisconnect, Conn: c, Err: err})
	return ""
}

func repeat(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// How long each kind of connection is worth, and what is worth nothing.
func TestPenalties(t *testing.T) {
	denied := fmt.Errorf("sshd: %w", auth.ErrDenied)
	for _, tt := range []struct {
		name   string
		err    error
		logins []error
		want   time.Duration
	}{
		{"no attempt", nil, nil, time.Second},
		{"lost", quaymaster.ErrConnLost, nil, time.Second},
		{"one failure", nil, repeat(1, denied), 5 * time.Second},
		{"five failures", nil, repeat(5, denied), 5 * time.Second},
		{"six failures", errors.New("too many failed logins"), repeat(6, denied), 5 * time.Second},
		{"thirteen failures", nil, repeat(13, denied), 15 * time.Second},
		{"failed, then in", nil, append(repeat(3, denied), nil), 0},
		{"in", nil, repeat(1, nil), 0},
		{"grace", quaymaster.ErrLoginTimeout, nil, 10 * time.Second},
		{"grace after a failure", fmt.Errorf("x: %w", quaymaster.ErrLoginTimeout), repeat(1, denied), 10 * time.Second},
		{"crash", fmt.Errorf("x: %w", quaymaster.ErrPanic), repeat(1, nil), 90 * time.Second},
		{"could not tell", nil, repeat(3, errors.New("directory is down")), 0},
		{"refused by another gate", nil, repeat(1, fmt.Errorf("geo: %w", quaymaster.ErrRefused)), 10 * time.Second},
		{"refused by this gate", nil, repeat(1, error(&limit.RefusedError{Reason: limit.ReasonMaxPerUser})), 0},
		{"shut down", quaymaster.ErrServerClosed, repeat(1, denied), 0},
		{"kicked", quaymaster.ErrKicked, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := quiet(&limit.Gate{Penalties: limit.Penalties{Min: -1}})
				assert.Empty(t, connection(t, g, "192.0.2.1", tt.err, tt.logins...))
				if tt.want == 0 {
					assert.Empty(t, g.Bans())
					return
				}
				require.Len(t, g.Bans(), 1)
				assert.Equal(t, netip.MustParsePrefix("192.0.2.1/32"), g.Bans()[0].Source)
				assert.Equal(t, tt.want, time.Until(g.Bans()[0].Until))
				assert.NotEmpty(t, g.Bans()[0].Reason)
				time.Sleep(tt.want - 1)
				assert.Equal(t, limit.ReasonBanned, try(t, g, from("192.0.2.1"), ""))
				time.Sleep(time.Nanosecond)
				assert.Empty(t, try(t, g, from("192.0.2.1"), ""))
				assert.Empty(t, g.Bans())
			})
		})
	}
}

// Penalties add up, run down, count from Min on, and end at Max.
func TestPenaltiesAccumulate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quiet(&limit.Gate{})
		for range 3 { // 15 seconds, which is not more than Min
			assert.Empty(t, connection(t, g, "192.0.2.1", nil, auth.ErrDenied))
		}
		assert.Empty(t, g.Bans())
		time.Sleep(5 * time.Second) // 10 are left
		assert.Empty(t, connection(t, g, "192.0.2.1", nil, auth.ErrDenied))
		assert.Empty(t, connection(t, g, "192.0.2.1", nil, auth.ErrDenied))
		assert.Equal(t, limit.ReasonBanned, connection(t, g, "192.0.2.1", nil, auth.ErrDenied))
		require.Len(t, g.Bans(), 1)
		assert.Equal(t, 20*time.Second, time.Until(g.Bans()[0].Until), "a refused attempt adds nothing")
		assert.Empty(t, try(t, g, from("192.0.2.2"), ""), "others are not meant")
		time.Sleep(19 * time.Second) // below Min, but a ban lasts to its end
		assert.Equal(t, limit.ReasonBanned, try(t, g, from("192.0.2.1"), ""))
		time.Sleep(time.Second)
		assert.Empty(t, connection(t, g, "192.0.2.1", nil, auth.ErrDenied))
		assert.Empty(t, g.Bans(), "a clean slate")

		open := make([]*quaymaster.Conn, 8)
		for i := range open {
			open[i] = from("192.0.2.7")
			enter(t, g, open[i], "")
		}
		for _, c := range open { // connections that were open before
			g.Emit(t.Context(), &quaymaster.Event{Kind: quaymaster.KindDisconnect, Conn: c, Err: quaymaster.ErrPanic})
		}
		assert.Equal(t, 10*time.Minute, time.Until(g.Bans()[0].Until), "Max")
	})
}

// A ban spoils the guesses on connections that were open before it, and
// leaves alone who is logged in.
func TestBanAtLogin(t *testing.T) {
	g := quiet(&limit.Gate{})
	c := from("192.0.2.1")
	enter(t, g, c, "")
	connection(t, g, "192.0.2.1", quaymaster.ErrPanic)
	_, err := g.Admit(t.Context(), c, "u")
	assert.Equal(t, limit.ReasonBanned, reasonOf(t, err))
	var refused *limit.RefusedError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, g.Bans()[0], *refused.Ban)
}

// A failed login on a connection about which the Gate was not asked.
func TestPenaltyWithoutAdmit(t *testing.T) {
	g := quiet(&limit.Gate{})
	for range 4 {
		g.Emit(t.Context(), &quaymaster.Event{Kind: quaymaster.KindLogin, Conn: from("2001:db8::1"), Err: auth.ErrDenied})
	}
	require.Len(t, g.Bans(), 1)
	assert.Equal(t, "2001:db8::/64", g.Bans()[0].Source.String())
	g.Emit(t.Context(), &quaymaster.Event{Kind: quaymaster.KindLogin})
	g.Emit(t.Context(), &quaymaster.Event{Kind: quaymaster.KindDisconnect, Conn: from("192.0.2.5")})
	g.Emit(t.Context(), &quaymaster.Event{Kind: "new kind", Conn: from("192.0.2.5"), Err: auth.ErrDenied})
	assert.Len(t, g.Bans(), 1)
}

func TestWebClientsNeedNoLogin(t *testing.T) {
	g := quiet(&limit.Gate{Penalties: limit.Penalties{Min: -1}})
	c := from("192.0.2.1")
	c.Protocol = "https"
	defer enter(t, g, c, "")()
	g.Emit(t.Context(), &quaymaster.Event{Kind: quaymaster.KindDisconnect, Conn: c})
	assert.Empty(t, g.Bans())
}

func TestExemptAndOff(t *testing.T) {
	for name, p := range map[string]limit.Penalties{
		"exempt": {Exempt: prefixes("192.0.2.0/24")}, "max": {Max: -1}, "sources": {MaxSources: -1}, "crash": {Crash: -1},
	} {
		g := quiet(&limit.Gate{Penalties: p})
		for range 5 {
			assert.Empty(t, connection(t, g, "192.0.2.1", quaymaster.ErrPanic), name)
		}
		assert.Empty(t, g.Bans(), name)
	}
}

func TestLift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quiet(&limit.Gate{})
		for _, ip := range []string{"192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8::1"} {
			connection(t, g, ip, quaymaster.ErrPanic)
			time.Sleep(time.Second)
		}
		connection(t, g, "192.0.2.3", nil, auth.ErrDenied) // no ban yet
		require.Len(t, g.Bans(), 4)
		assert.Equal(t, "192.0.2.1/32", g.Bans()[0].Source.String(), "in the order in which they end")
		assert.Zero(t, g.Lift(netip.Prefix{}))
		assert.Zero(t, g.Lift(netip.MustParsePrefix("203.0.113.0/24")))
		assert.Equal(t, 2, g.Lift(netip.MustParsePrefix("192.0.2.0/24")))
		assert.Equal(t, 1, g.Lift(netip.MustParsePrefix("2001:db8::77/128")), "the source that it is in")
		assert.Equal(t, 1, g.Lift(netip.MustParsePrefix("::ffff:198.51.100.0/120")))
		assert.Empty(t, g.Bans())
		assert.Empty(t, try(t, g, from("192.0.2.1"), ""))
	})
}

// The table does not grow with the number of attackers, and keeps the longest
// bans.
func TestPenaltiesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quiet(&limit.Gate{Penalties: limit.Penalties{MaxSources: 100, Min: -1}})
		connection(t, g, "2001:db8::1", quaymaster.ErrPanic)
		connection(t, g, "192.0.2.1", quaymaster.ErrPanic)
		for i := range 1000 {
			connection(t, g, fmt.Sprintf("10.0.%d.%d", i/250, i%250), nil)
		}
		assert.Len(t, g.Bans(), 101, "each family has its own room")
		assert.Equal(t, limit.ReasonBanned, try(t, g, from("192.0.2.1"), ""))
		time.Sleep(time.Minute)
		assert.Len(t, g.Bans(), 2, "the rest has run down")
	})
}

func TestGateIsTwice(t *testing.T) {
	g := &limit.Gate{}
	var _ quaymaster.Gate = g
	quaymaster.Sinks(g).Emit(context.Background(), &quaymaster.Event{Kind: quaymaster.KindConnect, Conn: from("192.0.2.1")})
}
