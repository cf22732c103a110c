package auth

import (
	"context"
	"slices"

	"github.com/quaymaster/quaymaster/vfs"
)

// Require returns an Authenticator that lets in only who passed a factor of
// each of the methods, in that order, as a says of each; if a wants still more,
// then that, too. A method that is not due is denied without asking a, so that
// a password can't be guessed by someone who lacks the key before it. The same
// key, password or token counts once.
//
// All Identities that a gave on the way must name one user. The login gets the
// last one, narrowed by the others: every Permit has to agree, the smaller
// limits hold, and there is one ForceCommand or two equal ones; else it is
// denied.
//
// Require recognises a login by the Conn pointer of its requests; without one
// nobody gets past the first of two methods. It trusts what it noted itself
// about earlier factors, and not Passed alone. An unproven public key never
// gets an Identity. Require panics if a is nil or no method is given.
func Require(a Authenticator, methods ...Method) Authenticator {
	if a == nil || len(methods) == 0 {
		panic("auth: Require: no Authenticator or no methods")
	}
	return &require{inner: a, methods: slices.Clone(methods)}
}

type require struct {
	inner   Authenticator
	methods []Method
	logins  logins[progress]
}

// progress is how far a login got.
type progress struct {
	user   string
	passed int       // length of Passed that this belongs to
	stage  int       // how many of the methods are done
	wanted []Method  // what the inner authenticator wants next; nil: it let in
	sum    *Identity // of all Identities so far; nil: none yet
}

// Authenticate implements Authenticator.
func (q *require) Authenticate(ctx context.Context, r *Request) (*Identity, error) {
	if r.Cred == nil || reused(r) {
		return nil, ErrDenied
	}
	p, ok := q.logins.get(r.Conn)
	if !ok || p.user != r.User || p.passed != len(r.Passed) || p.passed == 0 {
		p = progress{user: r.User}
		if len(r.Passed) > 0 {
			return nil, ErrDenied // factors that were not passed here
		}
	}
	m := r.Cred.Method()
	due := p.stage < len(q.methods) && q.methods[p.stage] == m
	if !due && !slices.Contains(p.wanted, m) {
		return nil, ErrDenied
	}
	id, err := ask(ctx, q.inner, r)
	more := partial(err)
	if err != nil && more == nil {
		return nil, err
	}
	if isQuery(r) {
		return nil, &Partial{Next: []Method{MethodPublicKey}, NoTouch: more != nil && more.NoTouch}
	}
	if due {
		p.stage++
	}
	return q.advance(r, p, id, more)
}

// advance notes a factor that was right: id or more is what a said about it.
func (q *require) advance(r *Request, p progress, id *Identity, more *Partial) (*Identity, error) {
	if id != nil {
		sum, err := narrow(id, p.sum)
		if err != nil {
			return nil, err
		}
		p.sum, p.wanted = sum, nil
	} else {
		p.wanted = slices.Clone(more.Next)
	}
	if id != nil && p.stage == len(q.methods) {
		return p.sum, nil
	}
	next := slices.Clone(p.wanted)
	if p.stage < len(q.methods) {
		next = appendNew(next, q.methods[p.stage])
	}
	p.passed = len(r.Passed) + 1
	q.logins.put(r.Conn, p)
	return nil, &Partial{Next: next}
}

// Offers implements Offerer.
func (q *require) Offers() []Method {
	if m := q.methods[0]; slices.Contains(Offers(q.inner), m) {
		return []Method{m}
	}
	return nil
}

// narrow returns id with the restrictions of both; earlier may be nil.
func narrow(id, earlier *Identity) (*Identity, error) {
	sum := *id
	if earlier == nil {
		return &sum, nil
	}
	if earlier.User != id.User {
		return nil, ErrDenied
	}
	var err error
	if sum.ForceCommand, err = bothCommands(id.ForceCommand, earlier.ForceCommand); err != nil {
		return nil, err
	}
	sum.Permit = bothPermit(id.Permit, earlier.Permit)
	sum.Limits = bothLimits(id.Limits, earlier.Limits)
	if earlier.expired != nil {
		return Expired(&sum, earlier.expired.old), nil
	}
	return &sum, nil
}

func bothPermit(a, b vfs.Check) vfs.Check {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	return func(ctx context.Context, op *vfs.Op) error {
		if err := a(ctx, op); err != nil {
			return err
		}
		return b(ctx, op)
	}
}

func bothLimits(a, b Limits) Limits {
	return Limits{
		Sessions:    smaller(a.Sessions, b.Sessions),
		Idle:        smaller(a.Idle, b.Idle),
		Lifetime:    smaller(a.Lifetime, b.Lifetime),
		MaxFileSize: smaller(a.MaxFileSize, b.MaxFileSize),
	}
}

// smaller takes 0 for "no limit".
func smaller[T ~int | ~int64](a, b T) T {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
