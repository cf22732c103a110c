package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/quaymaster/quaymaster/vfs"
)

// ErrPasswordExpired means that all factors were right, but that the password
// must be changed before the user is let in. See PasswordChange.
var ErrPasswordExpired = errors.New("auth: password expired")

// expired is what an Identity becomes once its password was changed.
type expired struct {
	old  Password
	home func(context.Context) (vfs.FS, error)
}

// Expired returns a copy of id for an Authenticator whose user must change the
// password first. It passes through other Authenticators as a success, so that
// all factors are asked for before; but its Check, and its Home for who does
// not call that, fail with ErrPasswordExpired until PasswordChange put it
// right. old is the password that expired, "" if it is no longer known.
func Expired(id *Identity, old Password) *Identity {
	if id.expired != nil {
		return id
	}
	out := *id
	out.expired = &expired{old, id.Home}
	out.Home = func(context.Context) (vfs.FS, error) { return nil, ErrPasswordExpired }
	return &out
}

// Check returns why nobody must be let in as id: it is nil or not complete, or
// it matches ErrPasswordExpired. Servers call it before a login succeeds.
func (id *Identity) Check() error {
	switch {
	case id == nil || id.User == "" || id.Home == nil:
		return errContract
	case id.expired != nil:
		return ErrPasswordExpired
	}
	return nil
}

// PolicyError says why a new password is not good enough. PasswordChange shows
// Text to the user, who may choose another one.
type PolicyError struct{ Text string }

func (e *PolicyError) Error() string { return "auth: password refused: " + e.Text }

// PasswordChange is an Authenticator that lets users whose password has expired
// change it while they log in. It must be the outermost one, so that it acts
// only when all factors were right.
//
// A client that comes by keyboard-interactive is asked for the new password,
// twice, in the same dialogue; others get a *Partial that asks for
// keyboard-interactive. One that has no such method can't log in any more.
// Whoever fails three times to choose a password is denied.
//
// The fields must not change after the first use. It is safe for concurrent
// use, but recognises a login by the Conn pointer of its requests; without one
// it works in dialogues only.
type PasswordChange struct {
	// Auth decides about all else. Required.
	Auth Authenticator
	// Change stores the new password of a user, by the name in the Identity. A
	// *PolicyError lets the user choose again, another error ends the login.
	// The old password is "" if it was given in a dialogue that is over; it was
	// verified in any case. A new one that is empty, too long or the same is
	// refused before. Required.
	Change func(ctx context.Context, user string, old, new Password) error

	logins logins[awaited]
}

var (
	_ Authenticator = (*PasswordChange)(nil)
	_ Offerer       = (*PasswordChange)(nil)
)

// Authenticate implements Authenticator.
func (p *PasswordChange) Authenticate(ctx context.Context, r *Request) (*Identity, error) {
	if p.Auth == nil || p.Change == nil {
		return nil, errors.New("auth: PasswordChange without Auth or Change")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	dialogue, interactive := r.Cred.(Interactive)
	if login, ok := p.logins.get(r.Conn); ok && login.belongsTo(r) {
		if !interactive {
			return nil, ErrDenied
		}
		return p.change(ctx, dialogue, login.id)
	}
	id, err := ask(ctx, p.Auth, r)
	switch {
	case err != nil:
		return nil, err
	case isQuery(r):
		return nil, &Partial{Next: []Method{MethodPublicKey}}
	case id.expired == nil:
		return id, nil
	case interactive:
		return p.change(ctx, dialogue, id)
	}
	p.logins.put(r.Conn, awaited{r.User, len(r.Passed) + 1, id})
	return nil, &Partial{Next: []Method{MethodInteractive}}
}

// Offers implements Offerer: what Auth can begin with.
func (p *PasswordChange) Offers() []Method {
	if p.Auth == nil {
		return nil
	}
	return Offers(p.Auth)
}

// passwordTries is how often a user may fail to choose a new password.
const passwordTries = 3

// change has the user choose a new password.
func (p *PasswordChange) change(ctx context.Context, c Interactive, id *Identity) (*Identity, error) {
	instruction := "Your password has expired. Choose a new one."
	for range passwordTries {
		chosen, why, err := askNewPassword(ctx, c, instruction, id.expired.old)
		if err != nil {
			return nil, err
		}
		if why == "" {
			err = p.Change(ctx, id.User, id.expired.old, chosen)
			var policy *PolicyError
			if err == nil {
				out := *id
				out.Home, out.expired = id.expired.home, nil
				return &out, nil
			}
			if !errors.As(err, &policy) {
				return nil, fmt.Errorf("auth: change the password of %q: %w", id.User, cannotTell(err))
			}
			why = policy.Text
		}
		instruction = why + " Choose another one."
	}
	return nil, denied("no new password was chosen")
}

// askNewPassword returns what is typed twice, or why it can't be taken.
func askNewPassword(ctx context.Context, c Interactive, instruction string, old Password) (chosen Password, why string, err error) {
	if c.Ask == nil {
		return "", "", ErrDenied
	}
	answers, err := c.Ask(ctx, "Password change", instruction, []Question{
		{Text: "New password: "}, {Text: "New password again: "},
	})
	if err != nil {
		return "", "", fmt.Errorf("auth: ask for a new password: %w", err)
	}
	switch {
	case len(answers) != 2:
		return "", "", ErrDenied
	case answers[0] != answers[1]:
		return "", "The two are not the same.", nil
	case !usablePassword(answers[0]):
		return "", "That can't be a password.", nil
	case answers[0] == string(old):
		return "", "That is the old password.", nil
	}
	return Password(answers[0]), "", nil
}
