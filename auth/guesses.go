package auth

import (
	"sync"
	"time"
)

const (
	freeGuesses  = 5
	firstPenalty = 30 * time.Second
	maxPenalty   = 15 * time.Minute
	forgetAfter  = 24 * time.Hour
)

// guesses slows down who guesses codes (RFC 4226 section 7.3). Only users whose
// other factors were right get here, so that strangers can neither lock out a
// user nor fill the memory. The zero value is ready.
type guesses struct {
	mu sync.Mutex // guards m
	m  map[string]guess
}

type guess struct {
	wrong int       // in a row
	last  time.Time // when
}

// begin reports whether user may try now. The try counts as wrong until end is
// called, so that many at the same time do not get more than one after the
// other.
func (g *guesses) begin(user string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.m[user]
	if now.Sub(e.last) > forgetAfter {
		e = guess{}
	}
	if now.Before(e.last.Add(e.penalty())) {
		return false
	}
	if g.m == nil {
		g.m = make(map[string]guess)
	}
	g.m[user] = guess{e.wrong + 1, now}
	return true
}

// end notes that user was right.
func (g *guesses) end(user string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.m, user)
}

// penalty is the time that must pass after the last wrong one.
func (e guess) penalty() time.Duration {
	if e.wrong < freeGuesses {
		return 0
	}
	return min(firstPenalty<<min(e.wrong-freeGuesses, 10), maxPenalty)
}
