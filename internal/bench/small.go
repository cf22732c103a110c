package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// smallContent is what small files hold.
func smallContent() []byte {
	content := make([]byte, smallFile)
	for i := range content {
		content[i] = byte(i * 7)
	}
	return content
}

// phase does one thing to all small files.
type phase struct {
	metric string
	work   func() error
	left   int // files when it is over
}

// inPhases has one phase follow the other, so that each has a rate of its own.
// The files are in the directory "small".
func inPhases(s *server, n int, phases []phase) (values, error) {
	v := values{}
	for _, p := range phases {
		begin := time.Now()
		if err := p.work(); err != nil {
			return nil, fmt.Errorf("%s: %w", p.metric, err)
		}
		v[p.metric] = float64(n) / time.Since(begin).Seconds()
		left, err := os.ReadDir(filepath.Join(s.rig.root, "small"))
		if err != nil {
			return nil, err
		}
		if len(left) != p.left {
			return nil, fmt.Errorf("%d files after %s, want %d", len(left), p.metric, p.left)
		}
	}
	return v, nil
}

// listFunc reads a directory and returns how many files it saw.
type listFunc func(dir string) (entries int, err error)

// listingCase reads a large directory by what dial returns.
func listingCase(z sizes, c *benchCase, dial func(ctx context.Context, s *server) (sessions, listFunc, error)) *benchCase {
	c.about = fmt.Sprintf("a directory of %d files, %s; memory is the server's peak above that with the session idle", z.entries, c.about)
	c.metrics = []metric{{"time", seconds, target{}}, {serverCPU, seconds, target{}}, {"memory", mib, target{}}}
	c.fresh = true
	c.prepare = func(_ context.Context, r *rig) error { return r.manyFiles(z.entries) }
	c.measure = func(ctx context.Context, s *server, _ checking) (v values, err error) {
		open, list, err := dial(ctx, s)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, open.close()) }()
		idle, err := s.settledRSS(ctx)
		if err != nil {
			return nil, err
		}
		if err := resetPeaks(s.pid()); err != nil {
			return nil, err
		}
		begin := time.Now()
		entries, err := list(s.prefix + "many")
		took := time.Since(begin)
		if err != nil {
			return nil, err
		}
		if entries != z.entries {
			return nil, fmt.Errorf("%d entries, want %d", entries, z.entries)
		}
		peak, err := treeMemory(s.pid(), "status", "VmHWM")
		return values{"time": took.Seconds(), "memory": float64(peak-idle) / 1024}, err
	}
	return c
}
