package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// smallFiles puts, looks at, gets and removes many files. The phases follow
// each other, so that each has a rate of its own.
func smallFiles(z sizes) *benchCase {
	twice := target{ratioAtLeast, 2}
	return &benchCase{
		name: "small",
		about: fmt.Sprintf("%d files of %s, %d connections of a lean client, one request at a time on each, aes128-gcm: "+
			"put is open, write, close; get is open, read, close", z.small, sizeText(smallFile), clients),
		metrics: []metric{
			{"put", perSecond, twice}, {"stat", perSecond, target{}}, {"get", perSecond, twice}, {"remove", perSecond, target{}},
			{serverCPU, seconds, target{}}, {clientCPU, seconds, target{}},
		},
		prepare: func(_ context.Context, r *rig) error { return r.mkdir("small") },
		measure: func(ctx context.Context, s *server, check checking) (v values, err error) {
			f, err := dialFleet(ctx, s, clients)
			if err != nil {
				return nil, err
			}
			defer func() { err = errors.Join(err, f.close()) }()
			return small(f, s, z.small)
		},
	}
}

func small(f fleet, s *server, n int) (values, error) {
	content := smallContent()
	name := func(i int) string { return fmt.Sprintf("%ssmall/%06d", s.prefix, i) }
	each := func(work func(l *lean, i int) error) func() error {
		return func() error {
			return inParallel(len(f), n, func(worker, i int) error { return work(f[worker], i) })
		}
	}
	return inPhases(s, n, []phase{
		{"put", each(func(l *lean, i int) error { return l.writeWhole(name(i), content) }), n},
		{"stat", each(func(l *lean, i int) error { return l.statSize(name(i), smallFile) }), n},
		{"get", each(func(l *lean, i int) error { return l.readWhole(name(i), content) }), n},
		{"remove", each(func(l *lean, i int) error { return l.remove(name(i)) }), 0},
	})
}

// listing reads a large directory. The server's memory must not grow with it.
func listing(z sizes) *benchCase {
	c := listingCase(z, &benchCase{name: "listing", about: "lean client, aes128-gcm"},
		func(ctx context.Context, s *server) (sessions, listFunc, error) {
			f, err := dialFleet(ctx, s, 1)
			return f, func(dir string) (int, error) { return list(f[0], dir) }, err
		})
	c.metrics[0].target, c.metrics[2].target = target{ratioAtMost, 0.60}, target{oursAtMost, 16}
	return c
}

func list(l *lean, dir string) (entries int, err error) {
	h, err := l.opendir(dir)
	if err != nil {
		return 0, err
	}
	for err == nil {
		var n int
		n, err = l.readdir(h)
		entries += n
	}
	if err != io.EOF {
		return 0, err
	}
	return entries, l.closeHandle(h)
}
