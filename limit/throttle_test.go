package limit_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/auth/authtest"
	"github.com/quaymaster/quaymaster/limit"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// accounts lets everybody in whose password is "p".
var accounts = auth.Func(func(_ context.Context, r *auth.Request) (*auth.Identity, error) {
	if key, ok := r.Cred.(auth.PublicKey); ok && !key.Proven {
		return &auth.Identity{User: r.User}, nil
	}
	if p, ok := r.Cred.(auth.Password); !ok || p != "p" {
		return nil, auth.ErrDenied
	}
	return &auth.Identity{User: r.User, Home: auth.Home(memfs.New())}, nil
})

func login(t testing.TB, a auth.Authenticator, user string) auth.Pacer {
	t.Helper()
	id, err := a.Authenticate(t.Context(), &auth.Request{User: user, Cred: auth.Password("p")})
	require.NoError(t, err)
	return id.Pace
}

// took runs f and returns how long it took.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// move passes n bytes in pieces, as the requests of a client are.
func move(t testing.TB, p auth.Pacer, d auth.Direction, n, piece int64) {
	for ; n > 0; n -= piece {
		assert.NoError(t, p.Wait(t.Context(), d, min(n, piece)))
	}
}

const (
	kib = 1 << 10
	mib = 1 << 20
)

// within allows for what passes at once, in the beginning.
func within(t *testing.T, want, got time.Duration) {
	t.Helper()
	assert.InDelta(t, want.Seconds(), got.Seconds(), want.Seconds()*.02+.13)
}

func TestThrottleRates(t *testing.T) {
	slow := limit.Rates{Upload: mib, Download: 2 * mib}
	for name, throttle := range map[string]*limit.Throttle{
		"session": {PerSession: slow},
		"user":    {PerUser: slow},
		"total":   {Total: slow},
		"slowest": {PerSession: limit.Rates{Upload: 8 * mib, Download: 9 * mib}, PerUser: slow, Total: limit.Rates{Download: 5 * mib}},
		"account": {PerSession: limit.Rates{Upload: 1, Download: 1}, Account: func(id *auth.Identity) (limit.Rates, limit.Rates) {
			assert.Equal(t, "u", id.User)
			return slow, limit.Rates{}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				throttle.Auth = accounts
				p := login(t, throttle, "u")
				within(t, 10*time.Second, took(func() { move(t, p, auth.Upload, 10*mib, 32*kib) }))
				within(t, 10*time.Second, took(func() { move(t, p, auth.Download, 20*mib, 256*kib) }))
			})
		})
	}
}

// The two directions don't wait for one another.
func TestThrottleDirections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := login(t, &limit.Throttle{Auth: accounts, PerSession: limit.Rates{Upload: mib, Download: mib}}, "u")
		within(t, 10*time.Second, took(func() {
			var wg sync.WaitGroup
			wg.Go(func() { move(t, p, auth.Upload, 10*mib, 32*kib) })
			wg.Go(func() { move(t, p, auth.Download, 10*mib, 32*kib) })
			wg.Wait()
		}))
	})
}

// A request larger than what passes at once must not fail.
func TestThrottleLargeRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := login(t, &limit.Throttle{Auth: accounts, PerSession: limit.Rates{Download: kib}}, "u")
		within(t, 256*time.Second, took(func() { move(t, p, auth.Download, 256*kib, 256*kib) }))
		assert.NoError(t, p.Wait(t.Context(), auth.Download, 0))
		assert.Zero(t, took(func() { move(t, p, auth.Upload, 1<<30, 1<<30) }), "no limit")
	})
}

// A session with many requests under way gets no more than one with a single
// one, and a user's sessions share.
func TestThrottleIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := &limit.Throttle{Auth: accounts, Total: limit.Rates{Download: mib}}
		var moved [2]atomic.Int64
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for session, requests := range []int{64, 1} {
			p := login(t, throttle, "u")
			for range requests {
				wg.Go(func() {
					for p.Wait(ctx, auth.Download, 32*kib) == nil {
						moved[session].Add(32 * kib)
					}
				})
			}
		}
		wg.Wait()
		greedy, modest := moved[0].Load(), moved[1].Load()
		assert.InDelta(t, 60*mib, greedy+modest, 4*mib)
		assert.InDelta(t, 1, float64(greedy)/float64(modest), .1)
	})
}

func TestThrottleSharesByUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := &limit.Throttle{Auth: accounts, PerUser: limit.Rates{Upload: mib}}
		a, b, other := login(t, throttle, "u"), login(t, throttle, "u"), login(t, throttle, "v")
		within(t, 10*time.Second, took(func() {
			var wg sync.WaitGroup
			for _, p := range []auth.Pacer{a, b} {
				wg.Go(func() { move(t, p, auth.Upload, 5*mib, 32*kib) })
			}
			wg.Go(func() { move(t, other, auth.Upload, 10*mib, 32*kib) })
			wg.Wait()
		}))
	})
}

// The newest login decides about the user's rate, and a wait that is under way
// survives a change.
func TestThrottleRateChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rate := int64(8 * mib)
		throttle := &limit.Throttle{Auth: accounts, Account: func(*auth.Identity) (_, user limit.Rates) {
			return limit.Rates{}, limit.Rates{Download: rate}
		}}
		p := login(t, throttle, "u")
		var wg sync.WaitGroup
		wg.Go(func() { move(t, p, auth.Download, 64*mib, 64*mib) })
		synctest.Wait()
		rate = mib
		login(t, throttle, "u")
		wg.Wait()
		within(t, 10*time.Second, took(func() { move(t, p, auth.Download, 10*mib, 256*kib) }))
	})
}

// The end of the context ends the wait at once, and gives back what was not
// used.
func TestThrottleCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := &limit.Throttle{Auth: accounts, Total: limit.Rates{Download: kib}}
		a, b := login(t, throttle, "a"), login(t, throttle, "b")
		gone := errors.New("session gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { assert.ErrorIs(t, a.Wait(ctx, auth.Download, mib), gone) })
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		cancel(gone)
		assert.Zero(t, took(wg.Wait))
		within(t, 10*time.Second, took(func() { move(t, b, auth.Download, 10*kib, kib) }))
	})
}

// Without limits there is no Pacer, so that nothing is asked.
func TestThrottleWithoutLimits(t *testing.T) {
	throttle := &limit.Throttle{Auth: accounts}
	assert.Nil(t, login(t, throttle, "u"))
	throttle = &limit.Throttle{Auth: accounts, PerSession: limit.Rates{Upload: -1}}
	assert.Nil(t, login(t, throttle, "u"))
	_, err := throttle.Authenticate(t.Context(), &auth.Request{User: "u", Cred: auth.Password("x")})
	assert.ErrorIs(t, err, auth.ErrDenied)
}

type offering struct{ auth.Authenticator }

func (offering) Offers() []auth.Method { return []auth.Method{auth.MethodToken} }

func TestThrottleForwards(t *testing.T) {
	shared := &auth.Identity{User: "u"}
	var asked int
	shared.Pace = pacerFunc(func() { asked++ })
	inner := auth.Func(func(context.Context, *auth.Request) (*auth.Identity, error) { return shared, nil })
	throttle := &limit.Throttle{Auth: offering{inner}, PerSession: limit.Rates{Upload: 1}}
	assert.Equal(t, []auth.Method{auth.MethodToken}, throttle.Offers())

	p := login(t, throttle, "u")
	assert.IsType(t, pacerFunc(nil), shared.Pace, "the identity of others is left alone")
	require.NoError(t, p.Wait(t.Context(), auth.Upload, 1))
	assert.Equal(t, 1, asked, "the inner Pacer is asked, too")

	id, err := throttle.Authenticate(t.Context(), &auth.Request{User: "u", Cred: auth.PublicKey{}})
	require.NoError(t, err)
	assert.Same(t, shared, id, "a mere question makes nothing")
}

type pacerFunc func()

func (f pacerFunc) Wait(context.Context, auth.Direction, int64) error { f(); return nil }

func TestThrottleConformance(t *testing.T) {
	hash, err := auth.HashPassword("right one")
	require.NoError(t, err)
	users := map[string]*auth.User{"u": {PasswordHash: hash, Home: auth.Home(memfs.New())}}
	rates := limit.Rates{Upload: mib, Download: mib}
	throttle := &limit.Throttle{Auth: &auth.Static{Users: users}, PerSession: rates, PerUser: rates, Total: rates}
	authtest.Test(t, throttle, authtest.Config{User: "u", Password: "right one"})
}

// What is kept for users goes with their last session.
func TestThrottleForgetsUsers(t *testing.T) {
	throttle := &limit.Throttle{Auth: accounts, PerUser: limit.Rates{Upload: mib}}
	kept := login(t, throttle, "kept")
	for range 1000 {
		login(t, throttle, t.Name()+time.Now().String())
	}
	require.Eventually(t, func() bool { runtime.GC(); return throttle.Users() == 1 }, 10*time.Second, time.Millisecond)
	runtime.KeepAlive(kept)
}

var discard = slog.New(slog.DiscardHandler)
