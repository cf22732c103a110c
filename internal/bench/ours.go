package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ours is the name of the peer that all others are compared with.
const ours = "ours"

// newOurs is this program, started once more as a server.
// The arguments say which server.
func newOurs(args func(r *rig, c *benchCase) []string) *peer {
	p := &peer{name: ours, title: "Quaymaster"}
	p.start = func(ctx context.Context, r *rig, c *benchCase) (*server, error) {
		return startOurs(ctx, p, r, c.name, args(r, c))
	}
	return p
}

func startOurs(ctx context.Context, p *peer, r *rig, caseName string, args []string) (*server, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{peer: p, rig: r, prefix: "/", user: ftpUser, log: filepath.Join(r.dir, "ours.log")}
	args = append([]string{serveCommand, "-root", r.root}, args...)
	if r.profiles != "" {
		file := filepath.Join(r.profiles, strings.ReplaceAll(caseName, "/", "-"))
		args = append(args, "-cpuprofile", file+".cpu", "-heapprofile", file+".heap")
	}
	s.cmd = exec.Command(program, args...)
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	// A pipe of our own: Wait must not close it while we read.
	stdout, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.cmd.Stdout = w
	err = s.launch()
	w.Close() // the process has it
	if err != nil {
		return nil, errors.Join(err, stdout.Close())
	}
	lines := bufio.NewReader(stdout)
	s.quit = func() error { return errors.Join(stdin.Close(), stdout.Close()) }
	if r.profiles != "" {
		s.snapshot = func() error {
			if _, err := io.WriteString(stdin, snapshotLine+"\n"); err != nil {
				return err
			}
			_, err := lines.ReadString('\n')
			return err
		}
	}
	if s.addr, err = readAddr(ctx, stdout, lines); err == nil && r.key != "" {
		err = s.writeClientConfig()
	}
	if err != nil {
		s.stop()
		return nil, s.withLog(err)
	}
	return s, nil
}

// readAddr reads the line in which the server says where it listens. The end of
// ctx closes the pipe.
func readAddr(ctx context.Context, pipe io.Closer, lines *bufio.Reader) (string, error) {
	defer context.AfterFunc(ctx, func() { pipe.Close() })()
	line, err := lines.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("our server does not start: %w", err)
	}
	return strings.TrimSpace(line), nil
}
