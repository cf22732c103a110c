package limit

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
)

// failuresPerPenalty is how many wrong credentials one connection may offer
// for one penalty: those that OpenSSH takes before it hangs up.
const failuresPerPenalty = 6

// Emit implements quaymaster.Sink: it looks for what Penalties punishes.
func (g *Gate) Emit(_ context.Context, e *quaymaster.Event) {
	if e.Conn == nil || g.setUp() != nil {
		return
	}
	if ban := g.judge(e); ban != nil {
		log := g.Logger
		if log == nil {
			log = slog.Default()
		}
		log.Warn("source banned", "source", ban.Source, "until", ban.Until, "reason", ban.Reason)
	}
}

// judge returns the ban that begins by e, or nil.
func (g *Gate) judge(e *quaymaster.Event) *Ban {
	g.mu.Lock()
	defer g.mu.Unlock()
	var d time.Duration
	var reason string
	switch e.Kind {
	case quaymaster.KindConnect:
		d, reason = g.refusedElsewhere(e.Err)
	case quaymaster.KindLogin:
		d, reason = g.login(e)
	case quaymaster.KindDisconnect:
		d, reason = g.disconnect(e)
	}
	if d <= 0 {
		return nil
	}
	return g.punish(addrOf(e.Conn), d, reason)
}

// refusedElsewhere is about what another Gate said. A client that this one
// turned away has its penalty, or has done nothing wrong.
func (g *Gate) refusedElsewhere(err error) (time.Duration, string) {
	var own *RefusedError
	if !errors.Is(err, quaymaster.ErrRefused) || errors.As(err, &own) {
		return 0, ""
	}
	return g.cfg.penalties.Refused, "was refused"
}

// login notes an attempt. Only a wrong credential speaks against the client:
// one that could not be checked does not.
func (g *Gate) login(e *quaymaster.Event) (time.Duration, string) {
	a := g.byID[e.Conn.ID]
	if a == nil { // nobody asked the Gate about the connection: punish at once
		a = &admitted{failures: failuresPerPenalty - 1}
	}
	a.tried = true
	if e.Err == nil {
		a.loggedIn, a.failures = true, 0
		return 0, ""
	}
	if !errors.Is(e.Err, auth.ErrDenied) {
		return g.refusedElsewhere(e.Err)
	}
	if a.failures++; a.failures < failuresPerPenalty {
		return 0, ""
	}
	a.failures = 0
	return g.cfg.penalties.AuthFail, "failed logins"
}

// disconnect judges a connection as a whole.
func (g *Gate) disconnect(e *quaymaster.Event) (time.Duration, string) {
	p := &g.cfg.penalties
	a := g.byID[e.Conn.ID]
	switch {
	case errors.Is(e.Err, quaymaster.ErrPanic):
		return p.Crash, "caused a panic"
	case a == nil || a.loggedIn || errors.Is(e.Err, quaymaster.ErrServerClosed) || errors.Is(e.Err, quaymaster.ErrKicked):
		return 0, ""
	case errors.Is(e.Err, quaymaster.ErrLoginTimeout):
		return p.GraceExceeded, "did not log in in time"
	case a.failures > 0:
		return p.AuthFail, "failed logins"
	case a.tried || !a.startup:
		return 0, ""
	}
	return p.NoAuth, "did not try to log in"
}
