package sshd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
)

var (
	errTooManyTries   = errors.New("too many failed logins")
	errTooManyKeys    = errors.New("too many public keys offered")
	errUserChanged    = errors.New("user name changed after a factor was accepted")
	errMethodUnwanted = errors.New("method not offered")
)

// login maps SSH user authentication (RFC 4252) to auth.Authenticator. It
// belongs to one connection, whose handshake runs on one goroutine.
type login struct {
	c       *conn
	ctx     context.Context
	user    string            // for whom passed was passed
	passed  []auth.Credential // factors proven so far
	wanted  []auth.Method     // that may come next
	failed  int
	queries int
	end     []func() // releases what the login took
}

// permKey is where the identity travels in ssh.Permissions, from the callback
// that let the client in to the connection.
type permKey struct{}

func identityOf(p *ssh.Permissions) (*auth.Identity, bool) {
	if p == nil {
		return nil, false
	}
	id, ok := p.ExtraData[permKey{}].(*auth.Identity)
	return id, ok
}

// begin puts the callbacks into cfg, which is the connection's own.
func (l *login) begin(ctx context.Context, c *conn, cfg *ssh.ServerConfig) {
	l.c, l.ctx, l.wanted = c, ctx, auth.Offers(c.srv.Auth)
	first := l.callbacks()
	cfg.PasswordCallback = first.PasswordCallback
	cfg.PublicKeyCallback = first.PublicKeyCallback
	cfg.KeyboardInteractiveCallback = first.KeyboardInteractiveCallback
	// Only here is a key proven. PublicKeyCallback also runs for questions.
	cfg.VerifiedPublicKeyCallback = l.provenKey
}

// release undoes what the login took.
func (l *login) release() {
	for _, f := range l.end {
		f()
	}
}

// callbacks returns those of the wanted methods; x/crypto/ssh derives from
// them what it offers to the client.
func (l *login) callbacks() ssh.ServerAuthCallbacks {
	var cb ssh.ServerAuthCallbacks
	for _, m := range l.wanted {
		switch m {
		case auth.MethodPassword:
			cb.PasswordCallback = l.password
		case auth.MethodPublicKey:
			cb.PublicKeyCallback = l.offeredKey
		case auth.MethodInteractive:
			cb.KeyboardInteractiveCallback = l.interactive
		}
	}
	return cb
}

func (l *login) password(meta ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
	if len(password) == 0 { // refused whatever the Authenticator would say
		return nil, l.deny(meta, auth.MethodPassword, auth.ErrDenied)
	}
	return l.attempt(meta, auth.Password(password), nil)
}

func (l *login) interactive(meta ssh.ConnMetadata, challenge ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
	ask := func(ctx context.Context, name, instruction string, questions []auth.Question) ([]string, error) {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		texts, echos := make([]string, len(questions)), make([]bool, len(questions))
		for i, q := range questions {
			texts[i], echos[i] = q.Text, q.Echo
		}
		answers, err := challenge(name, instruction, texts, echos)
		if err == nil && len(answers) != len(questions) {
			err = errors.New("wrong number of answers")
		}
		return answers, err
	}
	return l.attempt(meta, auth.Interactive{Ask: ask}, nil)
}

// offeredKey answers whether a key would do. It lets nobody in and records
// nothing but the number of questions.
func (l *login) offeredKey(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	if l.queries++; l.queries > cmp.Or(l.c.srv.MaxKeyQueries, defaultMaxKeyQueries) {
		l.c.nc.End(errTooManyKeys)
		return nil, errTooManyKeys
	}
	cred, perms, err := credentialOf(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", auth.ErrDenied, err)
	}
	r, err := l.request(meta, cred)
	if err != nil {
		return nil, err
	}
	_, err = l.c.srv.Auth.Authenticate(l.ctx, r)
	var partial *auth.Partial
	if err != nil && !errors.As(err, &partial) {
		return nil, l.clientError(err)
	}
	if partial != nil && partial.NoTouch {
		perms.Extensions = map[string]string{noTouch: ""}
	}
	return perms, nil
}

// noTouch is the extension by which x/crypto/ssh, as OpenSSH, is told to let
// signatures of security keys pass that say nothing of a touch.
const noTouch = "no-touch-required"

// touchChecked tells whether x/crypto/ssh refused a signature without user
// presence. It does so unless one of these says otherwise, and does not tell
// what the signature said; nor does it tell about user verification.
func touchChecked(cred auth.PublicKey, perms *ssh.Permissions) bool {
	if _, off := perms.Extensions[noTouch]; off {
		return false
	}
	if cred.Cert == nil {
		return true
	}
	_, off := cred.Cert.Extensions[noTouch]
	return !off
}

// provenKey runs after x/crypto/ssh verified the signature with a key that
// offeredKey accepted.
func (l *login) provenKey(meta ssh.ConnMetadata, key ssh.PublicKey, perms *ssh.Permissions, _ string) (*ssh.Permissions, error) {
	cred, _, err := credentialOf(key)
	if err != nil {
		return nil, l.deny(meta, auth.MethodPublicKey, err)
	}
	cred.Proven = true
	cred.Presence = touchChecked(cred, perms)
	return l.attempt(meta, cred, perms)
}

// request checks the user name and describes the attempt.
func (l *login) request(meta ssh.ConnMetadata, cred auth.Credential) (*auth.Request, error) {
	user := meta.User()
	if err := auth.CheckUser(user); err != nil {
		return nil, err
	}
	if user != l.user {
		if len(l.passed) > 0 {
			return nil, errUserChanged
		}
		l.user = user
	}
	if !slices.Contains(l.wanted, cred.Method()) {
		return nil, errMethodUnwanted
	}
	return &auth.Request{Conn: l.c.info, User: user, Cred: cred, Passed: slices.Clone(l.passed)}, nil
}

// attempt asks the Authenticator about one proven factor. perms are those that
// the factor brings along.
func (l *login) attempt(meta ssh.ConnMetadata, cred auth.Credential, perms *ssh.Permissions) (*ssh.Permissions, error) {
	start := time.Now()
	r, err := l.request(meta, cred)
	if err != nil {
		return nil, l.deny(meta, cred.Method(), err)
	}
	id, err := l.c.srv.Auth.Authenticate(l.ctx, r)
	var partial *auth.Partial
	switch {
	case errors.As(err, &partial):
		if next := l.goOn(cred, partial); next != nil {
			return nil, next
		}
		return nil, l.deny(meta, cred.Method(), errors.New("no further method is possible"))
	case err != nil:
		return nil, l.deny(meta, cred.Method(), err)
	case id.Check() != nil:
		return nil, l.deny(meta, cred.Method(), id.Check())
	}
	if err := l.admit(id); err != nil {
		return nil, l.deny(meta, cred.Method(), err)
	}
	l.tell(id.User, cred.Method(), start, nil)
	out := &ssh.Permissions{ExtraData: map[any]any{permKey{}: id}}
	if perms != nil {
		out.CriticalOptions, out.Extensions = perms.CriticalOptions, perms.Extensions
	}
	return out, nil
}

// admit asks whether there is room for one more session of id.
func (l *login) admit(id *auth.Identity) error {
	release, err := l.c.srv.logins.Take(id.User, id.Limits.Sessions)
	if err != nil {
		return err
	}
	l.end = append(l.end, release)
	release, err = l.c.admit(l.ctx, id.User)
	if err != nil {
		return err
	}
	l.end = append(l.end, release)
	return nil
}

// goOn records a factor and returns the error with which x/crypto/ssh asks for
// the next; nil if SSH knows none of them.
func (l *login) goOn(cred auth.Credential, partial *auth.Partial) error {
	wanted := l.wanted
	l.wanted = partial.Next
	next := l.callbacks()
	if next.PasswordCallback == nil && next.PublicKeyCallback == nil && next.KeyboardInteractiveCallback == nil {
		l.wanted = wanted
		return nil
	}
	l.passed = append(l.passed, cred)
	return &ssh.PartialSuccessError{Next: next}
}

// deny records a failed attempt, and ends the connection after too many.
func (l *login) deny(meta ssh.ConnMetadata, method auth.Method, err error) error {
	l.tell(meta.User(), method, time.Time{}, err)
	if l.failed++; l.failed >= cmp.Or(l.c.srv.MaxAuthTries, defaultMaxAuthTries) {
		l.c.nc.End(errTooManyTries)
	}
	return l.clientError(err)
}

// clientError logs what is not simply a wrong credential. The client learns
// nothing but that it failed.
func (l *login) clientError(err error) error {
	if !errors.Is(err, auth.ErrDenied) {
		l.c.log.Warn("login could not be decided", "user", l.user, "error", err)
	}
	return auth.ErrDenied
}

func (l *login) tell(user string, method auth.Method, start time.Time, err error) {
	e := &quaymaster.Event{Kind: quaymaster.KindLogin, User: user, Target: string(method), Err: err}
	if !start.IsZero() {
		e.Elapsed = time.Since(start)
	}
	l.c.emit(l.ctx, e)
}
