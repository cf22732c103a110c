package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
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
		prepare: func(_ context.Context, r *rig) error { return os.MkdirAll(filepath.Join(r.root, "small"), 0o755) },
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
	dir := filepath.Join(s.rig.root, "small")
	content := make([]byte, smallFile)
	for i := range content {
		content[i] = byte(i * 7)
	}
	name := func(i int) string { return fmt.Sprintf("%ssmall/%06d", s.prefix, i) }
	v := values{}
	for _, phase := range []struct {
		metric string
		work   func(l *lean, i int) error
		left   int // files when it is over
	}{
		{"put", func(l *lean, i int) error { return l.writeWhole(name(i), content) }, n},
		{"stat", func(l *lean, i int) error { return l.statSize(name(i), smallFile) }, n},
		{"get", func(l *lean, i int) error { return l.readWhole(name(i), content) }, n},
		{"remove", func(l *lean, i int) error { return l.remove(name(i)) }, 0},
	} {
		took, err := f.each(n, phase.work)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", phase.metric, err)
		}
		v[phase.metric] = float64(n) / took.Seconds()
		left, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		if len(left) != phase.left {
			return nil, fmt.Errorf("%d files after %s, want %d", len(left), phase.metric, phase.left)
		}
	}
	return v, nil
}

// listing reads a large directory. The server's memory must not grow with it.
func listing(z sizes) *benchCase {
	return &benchCase{
		name:  "listing",
		about: fmt.Sprintf("a directory of %d files, lean client, aes128-gcm; memory is the server's peak above that with the session idle", z.entries),
		metrics: []metric{
			{"time", seconds, target{ratioAtMost, 0.60}}, {serverCPU, seconds, target{}}, {"memory", mib, target{oursAtMost, 16}},
		},
		fresh: true,
		prepare: func(_ context.Context, r *rig) error {
			dir := filepath.Join(r.root, "many")
			if err := os.Mkdir(dir, 0o755); err != nil {
				return err
			}
			for i := range z.entries {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file-%07d", i)), nil, 0o644); err != nil {
					return err
				}
			}
			return nil
		},
		measure: func(ctx context.Context, s *server, check checking) (v values, err error) {
			f, err := dialFleet(ctx, s, 1)
			if err != nil {
				return nil, err
			}
			defer func() { err = errors.Join(err, f.close()) }()
			idle, err := s.settledRSS(ctx)
			if err != nil {
				return nil, err
			}
			if err := resetPeaks(s.pid()); err != nil {
				return nil, err
			}
			took, err := list(f[0], s.prefix+"many", z.entries)
			if err != nil {
				return nil, err
			}
			peak, err := treeMemory(s.pid(), "status", "VmHWM")
			return values{"time": took.Seconds(), "memory": float64(peak-idle) / 1024}, err
		},
	}
}

func list(l *lean, dir string, want int) (time.Duration, error) {
	begin := time.Now()
	h, err := l.opendir(dir)
	if err != nil {
		return 0, err
	}
	entries := 0
	for err == nil {
		var n int
		n, err = l.readdir(h)
		entries += n
	}
	if err != io.EOF {
		return 0, err
	}
	if err := l.closeHandle(h); err != nil {
		return 0, err
	}
	took := time.Since(begin)
	if entries != want {
		return 0, fmt.Errorf("%d entries, want %d", entries, want)
	}
	return took, nil
}
