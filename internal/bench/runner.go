package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

const defaultLimit = 2 * time.Minute // of one measurement

// runner goes through the cases of a suite.
type runner struct {
	suite    *suite
	options  options
	rig      *rig
	progress io.Writer
}

func newRunner(s *suite, o options, progress io.Writer) (*runner, error) {
	if o.profile != "" {
		if err := os.MkdirAll(o.profile, 0o755); err != nil {
			return nil, err
		}
	}
	r, err := newRig(sizesFor(o.size))
	if err != nil {
		return nil, err
	}
	r.profiles, r.unpacked = o.profile, o.unpacked
	return &runner{suite: s, options: o, rig: r, progress: progress}, nil
}

func (r *runner) close() error { return r.rig.close() }

// runAll measures every case that was asked for. A case that fails does not
// keep the others from running.
func (r *runner) runAll(ctx context.Context) (*report, error) {
	if err := r.suite.setup(ctx, r.rig); err != nil {
		return nil, err
	}
	rep := &report{suite: r.suite, options: r.options, tmpfs: r.rig.tmpfs, began: time.Now(), load: loadAverage()}
	rep.absent = r.leaveOut()
	rep.versions = r.suite.versions(ctx, r.rig)
	for _, c := range r.suite.cases(r.rig.sizes) {
		if !r.options.cases.MatchString(c.name) {
			continue
		}
		fmt.Fprintf(r.progress, "%s: %s\n", c.name, c.about)
		res := r.runCase(ctx, c)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		switch {
		case res.err != nil:
			fmt.Fprintf(r.progress, "  failed: %v\n", res.err)
		case res.skipped != "":
			fmt.Fprintf(r.progress, "  skipped: %s\n", res.skipped)
		}
		rep.results = append(rep.results, res)
	}
	if len(rep.results) == 0 {
		return nil, errors.New("no case has such a name; see -list")
	}
	rep.took = time.Since(rep.began)
	return rep, nil
}

// leaveOut drops the peers that can't run here, and says why.
func (r *runner) leaveOut() (why []string) {
	r.suite.peers = slices.DeleteFunc(r.suite.peers, func(p *peer) bool {
		if p.find == nil {
			return false
		}
		err := p.find(r.rig)
		if err != nil {
			why = append(why, fmt.Sprintf("%s was left out: %v", p.title, err))
		}
		return err != nil
	})
	for _, text := range why {
		fmt.Fprintln(r.progress, text)
	}
	return why
}

// result is what a case gave: for each peer one values for each round.
type result struct {
	c       *benchCase
	rounds  map[string][]values // by the name of the peer; none if it lacks what the case needs
	skipped string
	err     error
}

// runCase has servers of its own, so that no case finds the memory of another.
func (r *runner) runCase(ctx context.Context, c *benchCase) *result {
	res := &result{c: c, rounds: map[string][]values{}}
	if c.skip != nil {
		if res.skipped = c.skip(); res.skipped != "" {
			return res
		}
	}
	if c.prepare != nil {
		if res.err = c.prepare(ctx, r.rig); res.err != nil {
			return res
		}
	}
	res.err = r.rounds(ctx, res)
	return res
}

// rounds warms up and measures.
func (r *runner) rounds(ctx context.Context, res *result) error {
	f := &field{runner: r, c: res.c, peers: slices.Clone(r.suite.peers), running: map[*peer]*server{}}
	defer f.stop()
	for _, p := range r.suite.peers {
		_, err := f.measure(ctx, p, checkFull)
		if errors.Is(err, errNotOffered) && p.name != ours {
			f.peers = slices.DeleteFunc(f.peers, func(q *peer) bool { return q == p })
			continue
		}
		if err != nil {
			return err
		}
	}
	runs := r.options.runs
	if res.c.runs > 0 {
		runs = min(runs, res.c.runs)
	}
	for round := range runs {
		for _, i := range order(len(f.peers), round) {
			v, err := f.measure(ctx, f.peers[i], checkSize)
			if err != nil {
				return err
			}
			name := f.peers[i].name
			res.rounds[name] = append(res.rounds[name], v)
			fmt.Fprintf(r.progress, "  %d/%d %-9s", round+1, runs, name)
			for _, m := range res.c.metrics {
				fmt.Fprintf(r.progress, "  %s %s", m.name, m.unit.text(v[m.name]))
			}
			fmt.Fprintln(r.progress)
		}
	}
	return nil
}

// field is the servers of one case.
type field struct {
	runner  *runner
	c       *benchCase
	peers   []*peer
	running map[*peer]*server // nil: not now
}

// measure takes one measurement of a peer, whose server it starts if need be.
func (f *field) measure(ctx context.Context, p *peer, check checking) (v values, err error) {
	if f.running[p] == nil {
		if f.running[p], err = p.start(ctx, f.runner.rig, f.c); err != nil {
			return nil, fmt.Errorf("start %s: %w", p.name, err)
		}
	}
	v, err = one(ctx, f.c, f.running[p], check)
	if err == nil && f.c.fresh {
		f.running[p].stop()
		f.running[p] = nil
	}
	return v, err
}

func (f *field) stop() {
	for _, s := range f.running {
		if s != nil {
			s.stop()
		}
	}
}

// one measures once, and takes the server's CPU time.
func one(ctx context.Context, c *benchCase, s *server, check checking) (values, error) {
	limit := c.limit
	if limit == 0 {
		limit = defaultLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	v, err := timed(ctx, c, s, check)
	if err != nil {
		return nil, s.withLog(fmt.Errorf("%s: %w", s.peer.name, err))
	}
	for _, m := range c.metrics {
		if _, ok := v[m.name]; !ok {
			return nil, fmt.Errorf("%s gives no %q", c.name, m.name)
		}
	}
	return v, nil
}

// timed is one measurement with the CPU seconds around it.
func timed(ctx context.Context, c *benchCase, s *server, check checking) (values, error) {
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	before, err := cpuSince(s, cpuTimes{})
	if err != nil {
		return nil, err
	}
	v, err := c.measure(ctx, s, check)
	if err != nil {
		return nil, err
	}
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	used, err := cpuSince(s, before)
	amount := 1.0
	if n := v[work]; n > 0 {
		amount = n
	}
	v[serverCPU], v[clientCPU] = used.server/amount, used.client/amount
	return v, err
}

// cpuTimes are CPU seconds.
type cpuTimes struct{ server, client float64 }

func cpuSince(s *server, before cpuTimes) (used cpuTimes, err error) {
	if used.server, err = treeCPU(s.pid()); err != nil {
		return used, err
	}
	self, err := readStat(os.Getpid()) // clients are reaped when they are done
	used.client = self.cpuSeconds()
	return cpuTimes{used.server - before.server, used.client - before.client}, err
}
