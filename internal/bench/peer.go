package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// peer is a server program to measure.
type peer struct {
	name  string // "ours", "openssh"
	title string // in tables
	// find says why the program can't run; without it there is no table. Nil: it
	// can, or else that is an error.
	find func(r *rig) error
	// start runs the program for a case. It serves the rig's files until it is
	// stopped.
	start func(ctx context.Context, r *rig, c *benchCase) (*server, error)
}

// server is a peer that runs.
type server struct {
	peer   *peer
	rig    *rig
	addr   string // host:port
	prefix string // of the served files in remote paths, with a slash at the end
	config string // for ssh -F; its host is called "bench"
	user   string // for FTP
	log    string // what the program had to say

	cmd   *exec.Cmd
	idle  int           // processes that are there without sessions
	ended chan struct{} // closed when cmd has ended and was waited for
	quit  func() error  // tells it to end
	// snapshot, if not nil, has the server write what -profile asks for now,
	// while its memory is in use.
	snapshot func() error
}

const stopAfter = 10 * time.Second // of being asked to end

func (s *server) pid() int { return s.cmd.Process.Pid }

// listening waits until the server, just launched, takes connections.
func (s *server) listening(ctx context.Context) error {
	return until(ctx, s.peer.title, func() (bool, error) {
		select {
		case <-s.ended:
			return false, fmt.Errorf("%s ended", s.peer.title)
		default:
		}
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			return false, nil
		}
		return true, c.Close()
	})
}

// reapCommand is the first argument that makes this program the parent of a server.
const reapCommand = "reap"

// reaped puts a process above that of cmd which waits for what the server starts
// and does not wait for.
func (s *server) reaped(cmd *exec.Cmd) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	s.cmd = exec.Command(self, append([]string{reapCommand, cmd.Path}, cmd.Args[1:]...)...)
	s.cmd.Env, s.idle = cmd.Env, 2
	return nil
}

// launch starts cmd, with the output of errors to a log file.
func (s *server) launch() error {
	f, err := os.Create(s.log)
	if err != nil {
		return err
	}
	defer f.Close() // the process has it
	s.cmd.Stderr = f
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.ended, s.idle = make(chan struct{}), max(s.idle, 1)
	go func() {
		s.cmd.Wait() // how it ended does not matter
		close(s.ended)
	}()
	return nil
}

// stop ends the server and the processes that it started.
func (s *server) stop() {
	procs, err := tree(s.pid())
	if err != nil {
		procs = nil // it is gone, and its children have other parents
	}
	if err := s.quit(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.cmd.Process.Kill()
	}
	select {
	case <-s.ended:
	case <-time.After(stopAfter):
		s.cmd.Process.Kill()
		<-s.ended
	}
	for pid, was := range procs {
		if now, err := readStat(pid); err == nil && now.start == was.start {
			if p, err := os.FindProcess(pid); err == nil {
				p.Kill()
			}
		}
	}
}

// terminate is quit for programs that end on SIGTERM.
func (s *server) terminate() error { return s.cmd.Process.Signal(syscall.SIGTERM) }

// settle waits until no process serves a connection any more, so that all
// their times are in the server's.
func (s *server) settle(ctx context.Context) error {
	return until(ctx, "sessions to end", func() (bool, error) {
		procs, err := tree(s.pid())
		return len(procs) == s.idle, err
	})
}

// until polls done; what it waits for has no other way to tell.
func until(ctx context.Context, what string, done func() (bool, error)) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		if err != nil || ok {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, context.Cause(ctx))
		}
	}
}

// withLog adds what the server said to an error.
func (s *server) withLog(err error) error {
	text, _ := os.ReadFile(s.log) // says nothing if there is nothing
	if err == nil || len(text) == 0 {
		return err
	}
	const last = 2000
	return fmt.Errorf("%w; the server's log ends with:\n%s", err, text[max(0, len(text)-last):])
}
