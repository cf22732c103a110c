package limit

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"github.com/quaymaster/quaymaster/auth"
)

// Bytes that pass at once: what a bucket gives in an eighth of a second, in
// these bounds. So a wait is short enough to take turns, and long enough for a
// timer.
const (
	minBurst = 512
	maxBurst = 4 << 20
)

// buckets are the limits of both directions, by auth.Direction.
type buckets [2]*rate.Limiter

func newBuckets(r Rates) *buckets {
	b := &buckets{}
	for d, bytes := range r.byDirection() {
		b[d] = rate.NewLimiter(limitOf(bytes), burstOf(bytes))
	}
	return b
}

func (r Rates) byDirection() [2]int64 {
	return [2]int64{auth.Upload: r.Upload, auth.Download: r.Download}
}

func limitOf(bytes int64) rate.Limit {
	if bytes <= 0 {
		return rate.Inf
	}
	return rate.Limit(bytes)
}

func burstOf(bytes int64) int {
	if bytes <= 0 {
		return maxBurst
	}
	return int(min(max(bytes/8, minBurst), maxBurst))
}

// set changes the limits, also for sessions that are under way.
func (b *buckets) set(r Rates) {
	for d, bytes := range r.byDirection() {
		if limit := limitOf(bytes); b[d].Limit() != limit {
			b[d].SetLimit(limit)
			b[d].SetBurst(burstOf(bytes))
		}
	}
}

// pacer is the auth.Pacer of one session. In each direction one request at a
// time waits, for one burst: so the sessions that share a limit take turns.
type pacer struct {
	limits []*buckets // of the session, the user, the server; as far as there are any
	turn   [2]chan struct{}
}

func newPacer(limits []*buckets) *pacer {
	return &pacer{limits, [2]chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1)}}
}

// Wait implements auth.Pacer.
func (p *pacer) Wait(ctx context.Context, d auth.Direction, n int64) error {
	for n > 0 {
		m, err := p.step(ctx, d, n)
		if err != nil {
			return err
		}
		n -= m
	}
	return nil
}

// step passes at most n bytes, and returns how many.
func (p *pacer) step(ctx context.Context, d auth.Direction, n int64) (int64, error) {
	select {
	case p.turn[d] <- struct{}{}:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	defer func() { <-p.turn[d] }()
	for _, b := range p.limits {
		n = min(n, int64(b[d].Burst()))
	}
	for _, b := range p.limits {
		if err := wait(ctx, b[d], n); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// wait takes n bytes from l. Unlike l.WaitN it bears a burst that has become
// less than n.
func wait(ctx context.Context, l *rate.Limiter, n int64) error {
	for n > 0 {
		m := min(n, int64(l.Burst()))
		r := l.ReserveN(time.Now(), int(m))
		if !r.OK() { // the burst changed meanwhile
			continue
		}
		n -= m
		delay := r.Delay()
		if delay <= 0 {
			continue
		}
		t := time.NewTimer(delay)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			r.Cancel()
			return context.Cause(ctx)
		}
	}
	return nil
}
