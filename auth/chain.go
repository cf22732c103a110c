package auth

import (
	"context"
	"errors"
	"slices"
)

// Chain returns an Authenticator that asks several, in order. The first that
// lets in, or wants another factor, decides; ErrDenied goes on to the next. An
// error that means "could not tell" goes on as well, but if nobody lets in then
// Chain returns it, and not ErrDenied: a password is not wrong because the
// directory that knows it is down.
//
// A login belongs to the authenticator that passed its first factor: only that
// one is asked about the others, and it sees in Passed no factor that another
// one passed. So two accounts of the same name in two directories never add up
// to one login. A user who wants to go on elsewhere connects again. Chain
// recognises a login by the Conn pointer of its requests; without one it can't
// go beyond a first factor. A login for which factors of different
// authenticators are wanted needs an Authenticator of its own.
//
// For a login that fails every authenticator is asked, so that the time does
// not tell which of them knows the user. Questions of an Interactive that
// several ask in the same words are shown once. An empty Chain denies; nil
// members panic.
func Chain(a ...Authenticator) Authenticator {
	if slices.Contains(a, nil) {
		panic("auth: Chain: nil Authenticator")
	}
	return &chain{members: slices.Clone(a)}
}

type chain struct {
	members []Authenticator
	logins  logins[ownership]
}

// ownership says whose the factors Passed[from:to] of a login are.
type ownership struct {
	user     string
	member   int
	from, to int
}

// Authenticate implements Authenticator.
func (c *chain) Authenticate(ctx context.Context, r *Request) (*Identity, error) {
	n := len(r.Passed)
	if own, ok := c.logins.get(r.Conn); ok && n > 0 && own.user == r.User && own.to == n {
		return c.askMember(ctx, r, own)
	}
	shared := *r
	if dialogue, ok := r.Cred.(Interactive); ok {
		shared.Cred = askOnce(dialogue)
	}
	var unsure []error
	for i := range c.members {
		// A Passed that this chain knows nothing about is no member's.
		id, err := c.askMember(ctx, &shared, ownership{user: r.User, member: i, from: n, to: n})
		if err == nil || partial(err) != nil {
			return id, err
		}
		if !errors.Is(err, ErrDenied) {
			unsure = append(unsure, err)
		}
	}
	if len(unsure) > 0 {
		return nil, errors.Join(unsure...)
	}
	return nil, ErrDenied
}

func (c *chain) askMember(ctx context.Context, r *Request, own ownership) (*Identity, error) {
	theirs := *r
	theirs.Passed = r.Passed[own.from:]
	id, err := ask(ctx, c.members[own.member], &theirs)
	// An Identity is noted, too: whoever asked may still want another factor.
	if (err == nil || partial(err) != nil) && !isQuery(r) {
		own.to = len(r.Passed) + 1
		c.logins.put(r.Conn, own)
	}
	return id, err
}

// Offers implements Offerer.
func (c *chain) Offers() []Method {
	var out []Method
	for _, a := range c.members {
		out = appendNew(out, Offers(a)...)
	}
	return out
}

// appendNew appends the methods that are not yet in list.
func appendNew(list []Method, methods ...Method) []Method {
	for _, m := range methods {
		if !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	return list
}
