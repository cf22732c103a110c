package limit

import (
	"context"
	"runtime"
	"sync"
	"weak"

	"github.com/quaymaster/quaymaster/auth"
)

// Rates are speeds in bytes per second, one for each direction. Zero or less
// means no limit.
type Rates struct{ Upload, Download int64 }

func (r Rates) none() bool { return r.Upload <= 0 && r.Download <= 0 }

// Throttle is an Authenticator that limits the speed of whom another lets in,
// through Identity.Pace. Sessions that share a limit take turns, so that each
// gets its part however many requests it has under way. Its fields must not
// change once it is in use. It is safe for concurrent use.
type Throttle struct {
	Auth auth.Authenticator // required

	// PerSession holds for each login, PerUser for all logins of one user
	// together, and Total for everybody who logs in through this Throttle.
	PerSession, PerUser, Total Rates

	// Account, if not nil, returns what holds for id in the place of
	// PerSession and PerUser. A user's newest login decides about PerUser.
	Account func(id *auth.Identity) (perSession, perUser Rates)

	once  sync.Once
	total *buckets // nil: no limit

	mu    sync.Mutex // guards users
	users map[string]weak.Pointer[buckets]
}

var (
	_ auth.Authenticator = (*Throttle)(nil)
	_ auth.Offerer       = (*Throttle)(nil)
)

// Offers implements auth.Offerer.
func (t *Throttle) Offers() []auth.Method { return auth.Offers(t.Auth) }

// Authenticate implements auth.Authenticator.
func (t *Throttle) Authenticate(ctx context.Context, r *auth.Request) (*auth.Identity, error) {
	id, err := t.Auth.Authenticate(ctx, r)
	if err != nil || id == nil {
		return id, err
	}
	if key, ok := r.Cred.(auth.PublicKey); ok && !key.Proven {
		return id, nil // a mere question
	}
	p := t.pacerFor(id)
	if p == nil {
		return id, nil
	}
	paced := *id // id may be everybody's
	paced.Pace = p
	if id.Pace != nil {
		paced.Pace = both{id.Pace, p}
	}
	return &paced, nil
}

// pacerFor returns nil when nothing limits id.
func (t *Throttle) pacerFor(id *auth.Identity) *pacer {
	t.once.Do(func() {
		if !t.Total.none() {
			t.total = newBuckets(t.Total)
		}
	})
	perSession, perUser := t.PerSession, t.PerUser
	if t.Account != nil {
		perSession, perUser = t.Account(id)
	}
	var all []*buckets
	if !perSession.none() {
		all = append(all, newBuckets(perSession))
	}
	if !perUser.none() {
		all = append(all, t.userBuckets(id.User, perUser))
	}
	if t.total != nil {
		all = append(all, t.total)
	}
	if all == nil {
		return nil
	}
	return newPacer(all)
}

// userBuckets returns those that all sessions of user share, and which live as
// long as one of the sessions does.
func (t *Throttle) userBuckets(user string, r Rates) *buckets {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b := t.users[user].Value(); b != nil {
		b.set(r)
		return b
	}
	if t.users == nil {
		t.users = make(map[string]weak.Pointer[buckets])
	}
	b := newBuckets(r)
	t.users[user] = weak.Make(b)
	runtime.AddCleanup(b, t.forget, user)
	return b
}

// forget drops user unless there are new buckets by now.
func (t *Throttle) forget(user string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.users[user].Value() == nil {
		delete(t.users, user)
	}
}

// both is a Pacer of two.
type both [2]auth.Pacer

func (b both) Wait(ctx context.Context, d auth.Direction, n int64) error {
	if err := b[0].Wait(ctx, d, n); err != nil {
		return err
	}
	return b[1].Wait(ctx, d, n)
}
