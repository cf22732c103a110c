package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	loginsFor     = 2 * time.Second      // one measurement
	statEvery     = 2 * time.Millisecond // of the latency case
	busyClients   = 4                    // that download meanwhile
	getsEach      = 2                    // files that each of them fetches
	fewestSamples = 100                  // that a 99th percentile can be taken of
)

// logins counts how many connections a second come in.
func logins() *benchCase {
	return &benchCase{
		name: "login",
		about: fmt.Sprintf("%d workers connect, log in with an Ed25519 key and close, for %v; x/crypto/ssh client, curve25519-sha256, aes128-gcm",
			clients, loginsFor),
		metrics: []metric{{"logins", perSecond, target{ratioAtLeast, 10}}, {serverCPU, unit{"ms each", 2}, target{}}, {clientCPU, unit{"ms each", 2}, target{}}},
		measure: func(ctx context.Context, s *server, _ checking) (values, error) {
			cfg, err := leanConfig(s.rig)
			if err != nil {
				return nil, err
			}
			begin := time.Now()
			var counts [clients]int
			err = inParallel(clients, clients, func(worker, _ int) error {
				for time.Since(begin) < loginsFor {
					l, err := login(ctx, s, cfg)
					if err != nil {
						return err
					}
					if err := l.hangUp(); err != nil {
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
		},
	}
}

// idleSessions measures what a session costs that does nothing. A server that
// has a process for each is asked for fewer, and for the share of memory that
// belongs to each (PSS), because they have most pages in common.
func idleSessions(z sizes) *benchCase {
	return &benchCase{
		name: "idle",
		about: fmt.Sprintf("memory of a session with an SFTP channel that does nothing: ours, growth of the resident set by %d sessions; "+
			"others, proportional set size of the processes of %d sessions", z.ours, z.theirs),
		metrics: []metric{{"memory", kib, target{oursAtMost, 56}}},
		fresh:   true,
		runs:    3,
		measure: func(ctx context.Context, s *server, _ checking) (v values, err error) {
			alone, err := s.settledRSS(ctx)
			if err != nil {
				return nil, err
			}
			n := z.ours
			if s.peer.name != ours {
				n = z.theirs
			}
			f, err := dialFleet(ctx, s, n)
			if err != nil {
				return nil, err
			}
			defer func() { err = errors.Join(err, f.close()) }()
			full, err := s.settledRSS(ctx)
			if err != nil {
				return nil, err
			}
			used := full - alone
			if s.peer.name != ours {
				if used, err = sessionsPSS(s.pid()); err != nil {
					return nil, err
				}
			}
			if s.snapshot != nil {
				err = s.snapshot() // with the sessions still there
			}
			return values{"memory": float64(used) / float64(n)}, err
		},
	}
}

// sessionsPSS is the memory of all processes that the server has for sessions.
func sessionsPSS(pid int) (int64, error) {
	all, err := treeMemory(pid, "smaps_rollup", "Pss")
	if err != nil {
		return 0, err
	}
	listener, err := memory(pid, "smaps_rollup", "Pss")
	return all - listener, err
}

// statLatency asks for attributes at a steady pace while others download.
func statLatency(z sizes) *benchCase {
	return &benchCase{
		name: "latency",
		about: fmt.Sprintf("time of a stat, one every %v from a lean client with aes128-gcm, while %d sftp clients download %d times %s each",
			statEvery, busyClients, getsEach, sizeText(z.part)),
		metrics: []metric{{"median", millis, target{}}, {"99th percentile", millis, target{}}},
		prepare: func(_ context.Context, r *rig) error {
			_, err := r.random(z.part)
			return err
		},
		measure: func(ctx context.Context, s *server, _ checking) (v values, err error) {
			name, err := s.rig.random(z.part)
			if err != nil {
				return nil, err
			}
			f, err := dialFleet(ctx, s, 1)
			if err != nil {
				return nil, err
			}
			defer func() { err = errors.Join(err, f.close()) }()
			samples, err := whileBusy(ctx, s, name, func() error { return f[0].statSize(s.prefix+name, z.part) })
			if err != nil {
				return nil, err
			}
			if len(samples) < fewestSamples {
				return nil, fmt.Errorf("only %d samples: the downloads are too short, take a larger -size", len(samples))
			}
			return values{"median": median(samples), "99th percentile": percentile(samples, 0.99)}, nil
		},
	}
}

// whileBusy times request again and again, in milliseconds, from when all
// downloads have begun to when the first of them ends.
func whileBusy(ctx context.Context, s *server, name string, request func() error) (samples []float64, err error) {
	ended := make(chan error, busyClients)
	for i := range busyClients {
		batch := ""
		for n := range getsEach {
			batch += fmt.Sprintf("get %s%s busy-%d-%d\n", s.prefix, name, i, n)
		}
		go func() {
			_, err := s.sftp(ctx, batch, "")
			ended <- err
		}()
	}
	running := busyClients
	defer func() {
		for ; running > 0; running-- {
			err = errors.Join(err, <-ended)
		}
		for i := range busyClients {
			for n := range getsEach {
				err = errors.Join(err, os.Remove(filepath.Join(s.rig.local, fmt.Sprintf("busy-%d-%d", i, n))))
			}
		}
	}()
	err = until(ctx, "downloads to begin", func() (bool, error) {
		for i := range busyClients {
			fi, err := os.Stat(filepath.Join(s.rig.local, fmt.Sprintf("busy-%d-0", i)))
			if err != nil || fi.Size() == 0 {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(statEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			running--
			return samples, err
		case <-tick.C:
		}
		begin := time.Now()
		if err := request(); err != nil {
			return nil, err
		}
		samples = append(samples, float64(time.Since(begin).Microseconds())/1000)
	}
}
