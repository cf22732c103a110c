package auth

import (
	"context"
	"errors"
	"slices"
)

// errContract is an answer that Authenticator does not allow.
var errContract = errors.New("auth: authenticator gave no usable answer")

// ask calls a and holds it to its contract: either an Identity with a user and
// a Home, or an error, and a *Partial that names a method.
func ask(ctx context.Context, a Authenticator, r *Request) (*Identity, error) {
	id, err := a.Authenticate(ctx, r)
	if err != nil {
		if p := partial(err); p != nil && len(p.Next) == 0 {
			return nil, errContract
		}
		return nil, err
	}
	// An expired password is found at the very end, after all factors.
	if err := id.Check(); err != nil && !errors.Is(err, ErrPasswordExpired) {
		return nil, err
	}
	return id, nil
}

// partial returns the *Partial in err, or nil. What also matches ErrDenied is
// no success.
func partial(err error) *Partial {
	var p *Partial
	if errors.Is(err, ErrDenied) || !errors.As(err, &p) {
		return nil
	}
	return p
}

// isQuery tells whether r asks about a public key that nobody proved.
func isQuery(r *Request) bool {
	key, ok := r.Cred.(PublicKey)
	return ok && !key.Proven
}

// askOnce returns c with an Ask that shows the same questions only once and
// repeats the answers after that.
func askOnce(c Interactive) Interactive {
	type round struct {
		name, instruction string
		questions         []Question
		answers           []string
	}
	var rounds []round
	inner := c.Ask
	if inner == nil {
		return c
	}
	return Interactive{Ask: func(ctx context.Context, name, instruction string, q []Question) ([]string, error) {
		for _, old := range rounds {
			if old.name == name && old.instruction == instruction && slices.Equal(old.questions, q) {
				return slices.Clone(old.answers), nil
			}
		}
		answers, err := inner(ctx, name, instruction, q)
		if err == nil {
			rounds = append(rounds, round{name, instruction, slices.Clone(q), slices.Clone(answers)})
		}
		return answers, err
	}}
}
