package limit

import (
	"cmp"
	"container/heap"
	"net/netip"
	"time"
)

// Penalties bans sources for a while after what looks like an attack, as
// PerSourcePenalties of OpenSSH does, with its figures as defaults. Each
// offence adds its time to what is left of the source's earlier ones, up to
// Max; a source is banned from the moment when that is more than Min, until it
// has run down. Zero fields have the default, negative ones are off.
type Penalties struct {
	// AuthFail is for a connection that ends without a login after a wrong
	// credential: 5 seconds. One that goes on guessing counts again after each
	// six failures.
	AuthFail time.Duration
	// NoAuth is for a connection that ends without any attempt: 1 second. To
	// offer public keys and sign with none is no attempt. It is not applied to
	// HTTP.
	NoAuth time.Duration
	// GraceExceeded is for a connection that uses up the time for the login
	// (quaymaster.ErrLoginTimeout): 10 seconds.
	GraceExceeded time.Duration
	// Refused is for a client that another Gate turned away: 10 seconds.
	Refused time.Duration
	// Crash is for a connection that makes a handler or a back end panic
	// (quaymaster.ErrPanic): 90 seconds.
	Crash time.Duration

	Min time.Duration // 15 seconds; negative: banned at once
	Max time.Duration // 10 minutes; negative: no penalties at all

	// MaxSources is how many sources are remembered, of IPv4 and of IPv6 each:
	// 65536. Beyond that the penalty that ends first is forgotten. Negative:
	// no penalties at all.
	MaxSources int

	// Exempt lists networks that are never punished: monitors, and proxies
	// that probe whether the port is open.
	Exempt []netip.Prefix
}

func (p Penalties) orDefault() Penalties {
	p.AuthFail = cmp.Or(p.AuthFail, 5*time.Second)
	p.NoAuth = cmp.Or(p.NoAuth, time.Second)
	p.GraceExceeded = cmp.Or(p.GraceExceeded, 10*time.Second)
	p.Refused = cmp.Or(p.Refused, 10*time.Second)
	p.Crash = cmp.Or(p.Crash, 90*time.Second)
	p.Min = cmp.Or(p.Min, 15*time.Second)
	p.Max = cmp.Or(p.Max, 10*time.Minute)
	p.MaxSources = cmp.Or(p.MaxSources, 65536)
	return p
}

func (p Penalties) off() bool { return p.Max < 0 || p.MaxSources < 0 }

// penalty is what a source has to serve.
type penalty struct {
	Ban
	active bool
	index  int // in the heap
}

// penaltyTable holds the penalties of one address family. Nothing runs while
// it is not asked: what is over goes at the next look.
type penaltyTable struct {
	bySource map[netip.Prefix]*penalty
	byEnd    endHeap
}

// find returns the penalty that source has to serve, or nil.
func (t *penaltyTable) find(source netip.Prefix, now time.Time) *penalty {
	t.expire(now)
	return t.bySource[source]
}

func (t *penaltyTable) expire(now time.Time) {
	for len(t.byEnd) > 0 && !t.byEnd[0].Until.After(now) {
		t.drop(t.byEnd[0])
	}
}

func (t *penaltyTable) drop(p *penalty) {
	heap.Remove(&t.byEnd, p.index)
	delete(t.bySource, p.Source)
}

// add punishes source and tells whether a ban began by it.
func (t *penaltyTable) add(source netip.Prefix, d time.Duration, reason string, now time.Time, cfg *Penalties) (p *penalty, began bool) {
	p = t.find(source, now)
	if p == nil {
		if t.bySource == nil {
			t.bySource = make(map[netip.Prefix]*penalty)
		}
		p = &penalty{Ban: Ban{Source: source, Until: now}}
		t.bySource[source] = p
		heap.Push(&t.byEnd, p)
	}
	p.Reason = reason
	p.Until = p.Until.Add(d)
	if latest := now.Add(cfg.Max); p.Until.After(latest) {
		p.Until = latest
	}
	if !p.active && p.Until.Sub(now) > cfg.Min {
		p.active, began = true, true
	}
	heap.Fix(&t.byEnd, p.index)
	for len(t.byEnd) > cfg.MaxSources {
		t.drop(t.byEnd[0])
	}
	return p, began
}

// endHeap orders penalties by their end, for container/heap.
type endHeap []*penalty

func (h endHeap) Len() int           { return len(h) }
func (h endHeap) Less(i, j int) bool { return h[i].Until.Before(h[j].Until) }

func (h endHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *endHeap) Push(x any) {
	p := x.(*penalty)
	p.index = len(*h)
	*h = append(*h, p)
}

func (h *endHeap) Pop() any {
	last := len(*h) - 1
	p := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return p
}
