package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// bulkCase moves one large file.
func bulkCase(z sizes, name, about string, wall, cpu target) *benchCase {
	return &benchCase{
		name: name, about: about,
		metrics: []metric{{"time", seconds, wall}, {serverCPU, cpuPerGiB, cpu}},
		prepare: func(_ context.Context, r *rig) error {
			_, err := r.random(z.big)
			return err
		},
	}
}

// copying moves a file and returns the seconds that it took.
type copying func(ctx context.Context, from, to string) (float64, error)

// fetch measures a download of the large file.
func fetch(ctx context.Context, s *server, z sizes, check checking, get copying) (values, error) {
	name, err := s.rig.random(z.big)
	if err != nil {
		return nil, err
	}
	to := filepath.Join(s.rig.local, "got")
	t, err := get(ctx, s.prefix+name, to)
	if err != nil {
		return nil, err
	}
	return values{"time": t, work: gib(z.big)}, verify(to, filepath.Join(s.rig.root, name), check)
}

// send measures an upload of it.
func send(ctx context.Context, s *server, z sizes, check checking, put copying) (values, error) {
	name, err := s.rig.random(z.big)
	if err != nil {
		return nil, err
	}
	from := filepath.Join(s.rig.local, name)
	t, err := put(ctx, from, s.prefix+"put")
	if err != nil {
		return nil, err
	}
	return values{"time": t, work: gib(z.big)}, verify(filepath.Join(s.rig.root, "put"), from, check)
}

func gib(n int64) float64 { return float64(n) / (1 << 30) }

// client runs a client program to its end, and returns the seconds it took.
func (s *server) client(ctx context.Context, stdin, program string, args ...string) (float64, error) {
	begin := time.Now()
	_, err := s.output(ctx, stdin, program, args...)
	return time.Since(begin).Seconds(), err
}

// output runs a client program in the clients' directory, and returns all that it
// says.
func (s *server) output(ctx context.Context, stdin, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin, cmd.Dir, cmd.WaitDelay = strings.NewReader(stdin), s.rig.local, stopAfter
	cmd.Env = append(os.Environ(), "SSH_AUTH_SOCK=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", program, err, out)
	}
	return string(out), nil
}
