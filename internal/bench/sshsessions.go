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
	statEvery     = 2 * time.Millisecond // of the latency case
	busyClients   = 4                    // that download meanwhile
	getsEach      = 2                    // files that each of them fetches
	fewestSamples = 100                  // that a 99th percentile can be taken of
)

// logins are by public key.
func logins() *benchCase {
	return loginCase(&benchCase{
		name:  "login",
		about: "log in with an Ed25519 key and close; x/crypto/ssh client, curve25519-sha256, aes128-gcm",
	}, target{ratioAtLeast, 10}, func(s *server) (func(context.Context) error, error) {
		cfg, err := leanConfig(s.rig)
		return func(ctx context.Context) error {
			l, err := login(ctx, s, cfg)
			if err != nil {
				return err
			}
			return l.hangUp()
		}, err
	})
}

func idleSessions(z sizes) *benchCase {
	return idleCase(z, &benchCase{name: "idle", about: "a session with an SFTP channel"}, target{oursAtMost, 56},
		func(ctx context.Context, s *server, n int) (sessions, error) { return dialFleet(ctx, s, n) })
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
