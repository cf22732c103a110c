package ftp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/internal/serve"
	"github.com/quaymaster/quaymaster/internal/session"
	"github.com/quaymaster/quaymaster/vfs"
)

var errTooManyTries = errors.New("too many failed logins")

// login maps USER, PASS and ACCT to auth.Authenticator.
type login struct {
	user   string            // of USER; "": none
	passed []auth.Credential // factors proven so far
	wanted []auth.Method     // that may come next
	failed int
	end    []func() // releases what the login took
	timer  *time.Timer
	// broken ends the connection: after too many failures, or when the client
	// went away in the middle of a login.
	broken error
}

func (l *login) stopTimer() {
	if l.timer != nil {
		l.timer.Stop()
	}
}

// startTimer bounds the time to the login.
func (c *conn) startTimer() {
	if limit := serve.OrDefault(c.srv.HandshakeTimeout, defaultHandshakeTimeout); limit > 0 {
		c.login.timer = time.AfterFunc(limit, func() { c.nc.End(quaymaster.ErrLoginTimeout) })
	}
}

// userCommand is USER. A client certificate that Auth takes logs in by itself:
// RFC 4217 section 10, RFC 2228.
func (c *conn) userCommand(ctx context.Context, arg string) *reply {
	if c.session != nil {
		return say(codeNotLoggedIn, "Can't change to another user, use REIN.")
	}
	if c.srv.mustTLS() && c.tls == nil {
		return say(codeNotLoggedIn, "Please use AUTH TLS first: this server takes no logins in the clear.")
	}
	l := &c.login
	l.user, l.passed, l.wanted = arg, nil, auth.Offers(c.srv.Auth)
	if auth.CheckUser(arg) == nil && c.info.TLS != nil && len(c.info.TLS.PeerCertificates) > 0 && slices.Contains(l.wanted, auth.MethodClientCert) {
		r := c.attempt(ctx, auth.ClientCert{Chain: c.info.TLS.PeerCertificates}, codeAuthorized)
		if r.code != codeNotLoggedIn {
			return r
		}
		// A certificate that does not do is no attempt: clients send it
		// whatever they log in with.
	}
	return say(codeNeedPassword, "Password please.")
}

// pass is PASS: a password, or the answer to the questions of a second factor.
func (c *conn) pass(ctx context.Context, arg string) *reply {
	l := &c.login
	if c.session != nil {
		return say(codeSuperfluous, "Already logged in.")
	}
	if l.user == "" {
		return say(codeSequence, "USER first.")
	}
	if arg == "" && l.user != "anonymous" && l.user != "ftp" { // whatever Auth would say
		return c.deny(ctx, auth.MethodPassword, auth.ErrDenied)
	}
	r := c.attempt(ctx, auth.Password(arg), codeLoggedIn)
	if r.code == codeNeedAccount && l.broken == nil {
		r = c.interactive(ctx)
	}
	return r
}

// acct is ACCT outside of a login that asks for it.
func (c *conn) acct(context.Context, string) *reply {
	if c.session == nil {
		return say(codeSequence, "USER and PASS first.")
	}
	return say(codeSuperfluous, "No account needed.")
}

// interactive has the Authenticator ask its questions. Each is a 332, which the
// client answers by ACCT.
func (c *conn) interactive(ctx context.Context) *reply {
	ask := func(ctx context.Context, name, instruction string, questions []auth.Question) ([]string, error) {
		var answers []string
		for _, q := range questions {
			text := strings.Join(strings.Fields(name+" "+instruction+" "+q.Text), " ")
			if err := c.send(say(codeNeedAccount, "%s Answer with ACCT.", text)); err != nil {
				return nil, err
			}
			line, err := c.readLine()
			if err != nil {
				c.login.broken = err
				return nil, err
			}
			cmd := parseCommand(line)
			if cmd.verb != "ACCT" || badArgument(cmd.arg) {
				c.queue = append([]string{line}, c.queue...)
				return nil, fmt.Errorf("%w: no answer", auth.ErrDenied)
			}
			answers = append(answers, cmd.arg)
		}
		return answers, ctx.Err()
	}
	return c.attempt(ctx, auth.Interactive{Ask: ask}, codeLoggedIn)
}

// attempt asks the Authenticator about one factor.
func (c *conn) attempt(ctx context.Context, cred auth.Credential, success code) *reply {
	start := time.Now()
	l := &c.login
	if err := auth.CheckUser(l.user); err != nil {
		return c.deny(ctx, cred.Method(), err)
	}
	if !slices.Contains(l.wanted, cred.Method()) {
		return c.deny(ctx, cred.Method(), errors.New("method not offered"))
	}
	id, err := c.srv.Auth.Authenticate(ctx, &auth.Request{
		Conn: c.info, User: l.user, Cred: cred, Passed: slices.Clone(l.passed),
	})
	var partial *auth.Partial
	switch {
	case errors.As(err, &partial):
		return c.goOn(ctx, cred, partial)
	case err != nil:
		return c.deny(ctx, cred.Method(), err)
	case id.Check() != nil:
		return c.deny(ctx, cred.Method(), id.Check())
	}
	if err := c.enter(ctx, id); err != nil {
		return c.deny(ctx, cred.Method(), err)
	}
	c.emit(ctx, &quaymaster.Event{Kind: quaymaster.KindLogin, User: id.User, Target: string(cred.Method()), Elapsed: time.Since(start)})
	return say(success, "Logged in.")
}

// goOn records a factor and asks for the next.
func (c *conn) goOn(ctx context.Context, cred auth.Credential, partial *auth.Partial) *reply {
	l := &c.login
	l.passed, l.wanted = append(l.passed, cred), partial.Next
	switch {
	case slices.Contains(partial.Next, auth.MethodPassword):
		return say(codeNeedPassword, "Password please.")
	case slices.Contains(partial.Next, auth.MethodInteractive):
		return say(codeNeedAccount, "One more answer, by ACCT.")
	}
	return c.deny(ctx, cred.Method(), errors.New("no further method is possible"))
}

// deny records a failed attempt. The client learns nothing but that it failed.
func (c *conn) deny(ctx context.Context, method auth.Method, err error) *reply {
	l := &c.login
	if method == auth.MethodClientCert {
		c.log.Debug("client certificate does not log in", "user", l.user, "error", err)
		return say(codeNotLoggedIn, "Login failed.")
	}
	c.emit(ctx, &quaymaster.Event{Kind: quaymaster.KindLogin, User: l.user, Target: string(method), Err: err})
	if !errors.Is(err, auth.ErrDenied) {
		c.log.Warn("login could not be decided", "user", l.user, "error", err)
	}
	l.user, l.passed = "", nil
	if l.failed++; l.failed >= cmp.Or(c.srv.MaxAuthTries, defaultMaxAuthTries) && l.broken == nil {
		l.broken = errTooManyTries
		return say(codeNotAvailable, "Too many failed logins, goodbye.")
	}
	return say(codeNotLoggedIn, "Login failed.")
}

// enter begins the session of id, if there is room for one more.
func (c *conn) enter(ctx context.Context, id *auth.Identity) error {
	release, err := c.srv.logins.Take(id.User, id.Limits.Sessions)
	if err != nil {
		return err
	}
	c.login.end = append(c.login.end, release)
	release, err = c.admit(ctx, id.User)
	if err != nil {
		c.leave()
		return err
	}
	c.login.end = append(c.login.end, release)
	s := session.New(ctx, session.Config{
		Conn: c.info, Identity: id, Sink: c.srv.Sink, Logger: c.log,
		Partial: c.srv.Partial, Leases: &c.srv.leases,
	})
	c.fsys, err = s.FS(ctx, c.info)
	if err == nil {
		err = c.begin(ctx)
	}
	if err != nil {
		s.Close(err)
		c.leave()
		return fmt.Errorf("home: %w", err)
	}
	c.session = s
	c.log = c.base.With("user", id.User)
	c.login.passed, c.login.failed = nil, 0
	c.login.stopTimer()
	if id.Limits.Lifetime > 0 {
		t := time.AfterFunc(id.Limits.Lifetime, func() { c.nc.End(quaymaster.ErrLifetime) })
		c.login.end = append(c.login.end, func() { t.Stop() })
	}
	return nil
}

// begin finds the directory in which the session starts.
func (c *conn) begin(ctx context.Context) error {
	c.owners.FS = c.fsys
	if c.cwd == "." {
		return nil
	}
	fi, err := c.fsys.Stat(ctx, c.cwd)
	if err == nil && !fi.IsDir() {
		err = vfs.ErrNotDir
	}
	return err
}

// leave undoes what enter took.
func (c *conn) leave() {
	for _, f := range c.login.end {
		f()
	}
	c.login.end = nil
}

// logout ends the session, if there is one.
func (c *conn) logout(cause error) {
	if c.session != nil {
		c.session.Close(cause)
		c.session, c.fsys, c.log = nil, nil, c.base
	}
	c.leave()
}

// rein is REIN: everything but TLS is as after the greeting. Transfers have
// ended, because commands wait for them. Who was not logged in gets neither more
// time nor more tries.
func (c *conn) rein(context.Context, string) *reply {
	again := login{failed: c.login.failed, timer: c.login.timer}
	in := c.session != nil
	c.logout(nil)
	c.reset()
	c.login = again
	if in {
		c.startTimer()
	}
	return say(codeReady, "Ready for a new user.")
}

func (c *conn) quitCommand(context.Context, string) *reply {
	c.quit = true
	return say(codeBye, "Goodbye.")
}
