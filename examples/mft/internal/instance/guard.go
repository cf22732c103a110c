package instance

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/limit"

	"github.com/quaymaster/quaymaster/examples/mft/internal/account"
	"github.com/quaymaster/quaymaster/examples/mft/internal/config"
)

// gate returns the one Gate of all services with that policy.
func (b *builder) gate(p *config.Policy) *limit.Gate {
	if g := b.gates[p.ID]; g != nil {
		return g
	}
	g := &limit.Gate{
		MaxConns: int(p.MaxConns), MaxPerSource: int(p.MaxConnsPerSource), MaxPerUser: int(p.MaxSessions),
		Startups: limit.Startups{
			Start: p.Startups.Start, Rate: p.Startups.Rate, Full: orOff(p.Startups.Full),
			PerSource: orOff(int(p.StartupsPerSource)),
		},
		Penalties: limit.Penalties{
			AuthFail: orOff(p.PenaltyFailed), NoAuth: orOff(p.PenaltyNone),
			GraceExceeded: orOff(p.PenaltyTimeout), Crash: orOff(p.PenaltyCrash),
			Min: orOff(p.PenaltyMin), Max: orOff(p.PenaltyMax), Exempt: p.Exempt,
		},
		Logger: b.log.With("security_policy", cmp.Or(p.Name, p.ID)),
	}
	b.gates[p.ID] = g
	return g
}

// orOff turns the 0 of the configuration into what means "off" to limit.
func orOff[T int | time.Duration](n T) T {
	if n == 0 {
		return -1
	}
	return n
}

// guard is the Gate of one service.
type guard struct {
	rules  config.Rules
	policy *limit.Gate // of all services with the policy
	own    *limit.Gate // counts only
}

func newGuard(p *config.Policy, policy *limit.Gate, s *config.Service) *guard {
	return &guard{rules: p.Source, policy: policy, own: &limit.Gate{
		MaxConns:  int(s.MaxConns),
		Startups:  limit.Startups{Full: -1, PerSource: -1},
		Penalties: limit.Penalties{Max: -1},
	}}
}

// Admit implements quaymaster.Gate.
func (g *guard) Admit(ctx context.Context, c *quaymaster.Conn, user string) (release func(), err error) {
	if addr := remote(c); user == "" && !g.rules.Admit(addr) {
		var source netip.Prefix
		if addr.IsValid() {
			source = netip.PrefixFrom(addr, addr.BitLen())
		}
		return nil, &limit.RefusedError{Reason: limit.ReasonNotAllowed, Source: source}
	}
	leave, err := g.policy.Admit(ctx, c, user)
	if err != nil {
		return nil, err
	}
	leaveOwn, err := g.own.Admit(ctx, c, user)
	if err != nil {
		leave()
		return nil, err
	}
	return func() { leaveOwn(); leave() }, nil
}

// remote is the client's address as auth sees it.
func remote(c *quaymaster.Conn) netip.Addr { return (&auth.Request{Conn: c}).Remote() }

// throttle puts the speed limits of s around logins.
func throttle(logins auth.Authenticator, s *config.Service) auth.Authenticator {
	user := limit.Rates{Upload: int64(s.UploadPerUser), Download: int64(s.DownloadPerUser)}
	session := limit.Rates{Upload: int64(s.UploadPerSession), Download: int64(s.DownloadPerSession)}
	return &limit.Throttle{
		Auth:  logins,
		Total: limit.Rates{Upload: int64(s.Upload), Download: int64(s.Download)},
		Account: func(id *auth.Identity) (perSession, perUser limit.Rates) {
			perSession, perUser = session, user
			if a := account.Account(id); a != nil {
				override(&perUser, a.Upload, a.Download)
				override(&perSession, a.UploadPerSession, a.DownloadPerSession)
			}
			return perSession, perUser
		},
	}
}

// override puts what an account has of its own in the place of the service's.
func override(r *limit.Rates, upload, download config.OwnRate) {
	r.Upload = int64(upload.Or(config.Rate(r.Upload)))
	r.Download = int64(download.Or(config.Rate(r.Download)))
}

// proxies returns what takes the clients' addresses from the proxies of s; nil
// when it has none.
func (b *builder) proxies(s *config.Service) func(net.Listener) net.Listener {
	if len(s.Proxies) == 0 {
		return nil
	}
	log := b.log.With("service", s.Name)
	return func(l net.Listener) net.Listener {
		return &limit.ProxyListener{Listener: l, Trusted: s.Proxies, RefuseOthers: s.ProxiesOnly, Logger: log}
	}
}
