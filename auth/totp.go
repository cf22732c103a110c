package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// TOTP is an Authenticator that asks for a one-time code (RFC 6238) after
// everything that Auth wants was right. A client that comes by
// keyboard-interactive is asked for the code in the same dialogue, in a
// request of its own, because some clients answer one that has a single prompt
// with the password that they know. Others get a *Partial that asks for
// keyboard-interactive.
//
// In a dialogue the code is asked for whatever Auth says, so that neither the
// question nor its absence tells whether the user exists or the password was
// right. After another method a code is asked for only when that was right, as
// SSH's partial success has it. TOTP goes around Chain and Require: below them
// it would ask once more for every factor that they want.
//
// A code is good once, and so are those before it. After five wrong ones in a
// row, by anybody who had the other factors, all codes of that user are refused
// for 30 seconds, and for twice as long after each further one, up to 15
// minutes.
//
// The fields must not change after the first use. It is safe for concurrent
// use, but recognises a login by the Conn pointer of its requests; without one
// it takes codes in dialogues only.
type TOTP struct {
	// Auth proves the factors before the code. Required.
	Auth Authenticator
	// Key returns the key of a user by the name in Auth's Identity. A nil key
	// without an error means that this user needs no code, which a dialogue then
	// shows to who knows the password: a store that can't tell must return an
	// error. Required.
	Key func(ctx context.Context, user string) (*TOTPKey, error)
	// Used remembers which codes were used. Nil means the memory of this
	// process, which is not enough for several servers or quick restarts.
	Used UsedSteps
	// Skew is by how many periods a client's clock may be off, either way.
	// Zero means 1, negative none.
	Skew int

	own     memorySteps
	guesses guesses
	logins  logins[awaited]
}

// UsedSteps remembers the last time step whose code each user has used. It
// must be safe for concurrent use.
type UsedSteps interface {
	// Use notes step if it is later than all that were noted for user, and
	// reports whether it was: of two calls at the same time, by whichever
	// server, only one gets true.
	Use(ctx context.Context, user string, step uint64) (fresh bool, err error)
}

// awaited is a login for which only an Interactive is missing: the code, or a
// new password.
type awaited struct {
	user   string
	passed int // length of Passed that this belongs to
	id     *Identity
}

func (a awaited) belongsTo(r *Request) bool {
	return a.id != nil && a.user == r.User && a.passed == len(r.Passed) && a.passed > 0
}

var (
	_ Authenticator = (*TOTP)(nil)
	_ Offerer       = (*TOTP)(nil)
)

// Authenticate implements Authenticator.
func (t *TOTP) Authenticate(ctx context.Context, r *Request) (*Identity, error) {
	if t.Auth == nil || t.Key == nil {
		return nil, errors.New("auth: TOTP without Auth or Key")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	dialogue, interactive := r.Cred.(Interactive)
	if login, ok := t.logins.get(r.Conn); ok && login.belongsTo(r) {
		if !interactive {
			return nil, ErrDenied
		}
		return t.finish(ctx, dialogue, login.id, nil)
	}
	id, err := ask(ctx, t.Auth, r)
	if interactive && (err == nil || errors.Is(err, ErrDenied)) {
		return t.finish(ctx, dialogue, id, err)
	}
	if err != nil {
		return nil, err
	}
	if isQuery(r) {
		return nil, &Partial{Next: []Method{MethodPublicKey}}
	}
	key, err := t.key(ctx, id.User)
	if err != nil {
		return nil, err
	}
	if key == nil {
		return id, nil
	}
	t.logins.put(r.Conn, awaited{r.User, len(r.Passed) + 1, id})
	return nil, &Partial{Next: []Method{MethodInteractive}}
}

// finish asks for the code that id needs. Without an id it asks all the same
// and returns why there is none.
func (t *TOTP) finish(ctx context.Context, dialogue Interactive, id *Identity, why error) (*Identity, error) {
	var key *TOTPKey
	if id != nil {
		if key, why = t.key(ctx, id.User); why == nil && key == nil {
			return id, nil
		}
	}
	code, err := askCode(ctx, dialogue)
	if why == nil && err == nil {
		err = t.verify(ctx, id.User, key, code)
	}
	if err = cmp.Or(why, err); err != nil {
		return nil, err
	}
	return id, nil
}

func (t *TOTP) key(ctx context.Context, user string) (*TOTPKey, error) {
	key, err := t.Key(ctx, user)
	if err == nil && key != nil {
		err = key.check()
	}
	if err != nil {
		return nil, fmt.Errorf("auth: TOTP key of %q: %w", user, cannotTell(err))
	}
	return key, nil
}

// cannotTell makes sure that err is no verdict about the client: a store that
// failed says nothing about it.
func cannotTell(err error) error {
	var p *Partial
	if errors.Is(err, ErrDenied) || errors.As(err, &p) {
		return errors.New(err.Error())
	}
	return err
}

// askCode shows what is typed: clients take a single prompt without echo for
// one about the password. A code that was used is of no use to who saw it.
func askCode(ctx context.Context, c Interactive) (string, error) {
	if c.Ask == nil {
		return "", ErrDenied
	}
	answers, err := c.Ask(ctx, "", "", []Question{{Text: "Verification code: ", Echo: true}})
	if err != nil {
		return "", fmt.Errorf("auth: ask for the code: %w", err)
	}
	if len(answers) != 1 {
		return "", ErrDenied
	}
	return answers[0], nil
}

func (t *TOTP) verify(ctx context.Context, user string, key *TOTPKey, code string) error {
	now := time.Now()
	if !t.guesses.begin(user, now) {
		return denied("too many wrong codes")
	}
	step, ok := key.verify(code, now, t.skew())
	if !ok {
		return denied("wrong code")
	}
	var used UsedSteps = &t.own
	if t.Used != nil {
		used = t.Used
	}
	fresh, err := used.Use(ctx, user, step)
	if err != nil {
		return fmt.Errorf("auth: note a used code: %w", cannotTell(err))
	}
	if !fresh {
		return denied("code was used before")
	}
	t.guesses.end(user)
	return nil
}

func (t *TOTP) skew() uint64 {
	switch {
	case t.Skew == 0:
		return 1
	case t.Skew < 0:
		return 0
	}
	return uint64(min(t.Skew, 10)) // more would make guessing easy
}

// Offers implements Offerer: what Auth can begin with.
func (t *TOTP) Offers() []Method {
	if t.Auth == nil {
		return nil
	}
	return slices.Clone(Offers(t.Auth))
}

// memorySteps is a UsedSteps that forgets when the process ends.
type memorySteps struct {
	mu   sync.Mutex // guards last
	last map[string]uint64
}

func (m *memorySteps) Use(_ context.Context, user string, step uint64) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if last, ok := m.last[user]; ok && step <= last {
		return false, nil
	}
	if m.last == nil {
		m.last = make(map[string]uint64)
	}
	m.last[user] = step
	return true, nil
}
