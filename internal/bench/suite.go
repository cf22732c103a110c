package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// suite is a set of cases that the same peers go through.
type suite struct {
	name  string
	peers []*peer // ours is the first
	cases func(sizes) []*benchCase
	// setup makes what all servers and clients of the suite need.
	setup func(ctx context.Context, r *rig) error
	// versions tells which programs take part besides ours, a line each.
	versions func(ctx context.Context, r *rig) []string
}

// sizes is how much the cases of a run move; -size shrinks all of it.
type sizes struct {
	big     int64 // one large file
	part    int64 // one of several at the same time
	small   int   // number of small files
	few     int   // of those that go through one connection
	entries int   // in the large directory
	ours    int   // idle sessions on our server
	theirs  int   // and on others, which have processes for them
}

const (
	smallFile = 4 << 10 // bytes
	clients   = 8       // of the parallel cases
)

// sizesFor derives everything from the size of the large file: at 1 GiB the
// numbers are those that the targets are for.
func sizesFor(big byteSize) sizes {
	share := func(n int) int { return max(clients, int(min(float64(big)/(1<<30), 1)*float64(n))) }
	return sizes{
		big:     int64(big),
		part:    max(1, int64(big)/4),
		small:   share(10_000),
		few:     share(2000),
		entries: share(100_000),
		ours:    share(2000),
		theirs:  share(100),
	}
}

// benchCase is one thing to measure.
type benchCase struct {
	name    string // such as "get/aes128-gcm"
	about   string // one line
	metrics []metric
	runs    int           // at most so many rounds; 0 is as the flag says
	limit   time.Duration // for one measurement; 0 is two minutes

	// skip says why ours can't be measured; "" if it can.
	skip func() string
	// prepare makes the files, once. It may be nil.
	prepare func(ctx context.Context, r *rig) error
	// measure does the work once with s and returns one value for each metric
	// but serverCPU and clientCPU. When check is full, it compares contents too.
	// errNotOffered leaves a peer out of the case.
	measure func(ctx context.Context, s *server, check checking) (values, error)
	// secure has the servers offer TLS, where they can also do without.
	secure bool
	// reference names the peer that ratios and targets are about; "" is the best
	// of the others, by the median of each metric.
	reference string
	// fresh starts a new server for each measurement, where memory counts.
	fresh bool
}

// errNotOffered means that a server lacks what a case is about.
var errNotOffered = errors.New("not offered")

// checking says how thoroughly a measurement verifies what was moved.
type checking int

const (
	checkSize checking = iota
	checkFull          // contents, in the warm-up, which is not counted
)

// values are what one measurement gave, by the name of the metric.
type values map[string]float64

// work, if a measurement gives it, is what CPU seconds are divided by, such as
// the number of GiB moved.
const work = "work"

// metric is one number that a case gives.
type metric struct {
	name   string
	unit   unit
	target target
}

// Metrics that the runner takes itself: user and system time of the server's
// processes, and of this program with the clients that it started.
const (
	serverCPU = "server CPU"
	clientCPU = "client CPU"
)

// unit is how a number is written.
type unit struct {
	suffix string
	digits int // after the point
}

var (
	seconds   = unit{"s", 2}
	perSecond = unit{"/s", 0}
	cpuPerGiB = unit{"s/GiB", 2}
	millis    = unit{"ms", 2}
	millisOf  = unit{"ms each", 2}
	kib       = unit{"KiB", 0}
	mib       = unit{"MiB", 1}
)

// better reports whether a is a better value than b.
func (u unit) better(a, b float64) bool {
	if u == perSecond {
		return a > b
	}
	return a < b
}

func (u unit) text(v float64) string { return fmt.Sprintf("%.*f %s", u.digits, v, u.suffix) }

// target is what we want to reach: a bound on the ratio of ours to the peer's,
// or on our own value. The zero target is none.
type target struct {
	kind  targetKind
	value float64
}

type targetKind int

const (
	noTarget targetKind = iota
	ratioAtMost
	ratioAtLeast
	oursAtMost
)

// met reports whether the target is reached. A ratio of zero is none.
func (t target) met(ours, ratio float64) bool {
	switch t.kind {
	case ratioAtMost:
		return ratio > 0 && ratio <= t.value
	case ratioAtLeast:
		return ratio >= t.value
	case oursAtMost:
		return ours <= t.value
	}
	return true
}

func (t target) text(u unit) string {
	switch t.kind {
	case ratioAtMost:
		return fmt.Sprintf("≤ %.2f", t.value)
	case ratioAtLeast:
		return fmt.Sprintf("≥ %.2f", t.value)
	case oursAtMost:
		return "≤ " + u.text(t.value)
	}
	return ""
}
