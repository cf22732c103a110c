package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const loginsFor = 2 * time.Second // one measurement

// sessions are open connections of clients.
type sessions interface{ close() error }

// closeAll ends sessions, some at a time. Those that never began are zero.
func closeAll[S interface {
	comparable
	sessions
}](all []S) error {
	return inParallel(min(len(all), clients), len(all), func(_, i int) error {
		var none S
		if all[i] == none {
			return nil
		}
		return all[i].close()
	})
}

// loginCase counts how many connections a second come in. prepare returns a
// function that makes one and ends it; what that does is in c.about.
func loginCase(c *benchCase, want target, prepare func(s *server) (once func(context.Context) error, err error)) *benchCase {
	c.about = fmt.Sprintf("%d workers, for %v: connect, %s", clients, loginsFor, c.about)
	c.metrics = []metric{{"logins", perSecond, want}, {serverCPU, millisOf, target{}}, {clientCPU, millisOf, target{}}}
	c.measure = func(ctx context.Context, s *server, _ checking) (values, error) {
		once, err := prepare(s)
		if err != nil {
			return nil, err
		}
		begin := time.Now()
		var counts [clients]int
		err = inParallel(clients, clients, func(worker, _ int) error {
			for time.Since(begin) < loginsFor {
				if err := once(ctx); err != nil {
					return err
				}
				counts[worker]++
			}
			return nil
		})
		took := time.Since(begin).Seconds()
		n := 0
		for _, c := range counts {
			n += c
		}
		return values{"logins": float64(n) / took, work: float64(n) / 1000}, err
	}
	return c
}

// idleCase measures what a session costs that does nothing. A server that has a
// process for each is asked for fewer, and for the share of memory that belongs
// to each (PSS), because they have most pages in common.
func idleCase(z sizes, c *benchCase, want target, dial func(ctx context.Context, s *server, n int) (sessions, error)) *benchCase {
	c.about = fmt.Sprintf("memory of %s that does nothing: ours, growth of the resident set by %d sessions; "+
		"others, proportional set size of the processes of %d sessions", c.about, z.ours, z.theirs)
	c.metrics = []metric{{"memory", kib, want}}
	c.fresh, c.runs = true, 3
	c.measure = func(ctx context.Context, s *server, _ checking) (v values, err error) {
		alone, err := s.settledRSS(ctx)
		if err != nil {
			return nil, err
		}
		before, err := tree(s.pid())
		if err != nil {
			return nil, err
		}
		n := z.ours
		if s.peer.name != ours {
			n = z.theirs
		}
		open, err := dial(ctx, s, n)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, open.close()) }()
		full, err := s.settledRSS(ctx)
		if err != nil {
			return nil, err
		}
		used := full - alone
		if s.peer.name != ours {
			if used, err = sessionsPSS(s.pid(), before); err != nil {
				return nil, err
			}
		}
		if s.snapshot != nil {
			err = s.snapshot() // with the sessions still there
		}
		return values{"memory": float64(used) / float64(n)}, err
	}
	return c
}

// sessionsPSS is the memory of all processes that the server has for sessions:
// those that were not there before.
func sessionsPSS(pid int, before map[int]procStat) (int64, error) {
	sum, err := treeMemory(pid, "smaps_rollup", "Pss")
	for listener := range before {
		n, missing := memory(listener, "smaps_rollup", "Pss")
		sum, err = sum-n, errors.Join(err, missing)
	}
	return sum, err
}
