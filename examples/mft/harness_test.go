package main

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long anything may take on a machine under load.
const patience = time.Minute

type stateKey struct{}

// state is what the commands of one script share.
type state struct {
	servers map[string]*server
	upload  *halfUpload
	ca      *issuer
}

func stateOf(ts *testscript.TestScript) *state { return ts.Value(stateKey{}).(*state) }

// server is mft in the background.
type server struct {
	cmd  *exec.Cmd
	done chan error
	addr string          // of the first listener
	more [][2]string     // protocol and address of each
	keys map[string]bool // fingerprints that it announced
}

func (s *state) server(ts *testscript.TestScript, name string) *server {
	srv := s.servers[name]
	if srv == nil {
		ts.Fatalf("no server %q", name)
	}
	return srv
}

func cmdServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: server NAME ARGS...")
	}
	name := args[0]
	out, err := os.Create(ts.MkAbs(name + ".out"))
	ts.Check(err)
	errs, err := os.Create(ts.MkAbs(name + ".err"))
	ts.Check(err)
	// The program is this test binary under another name, in the script's PATH.
	program, err := lookPath("mft", ts.Getenv("PATH"))
	ts.Check(err)
	cmd := exec.Command(program, args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), out, errs
	for _, v := range []string{"HOME", "TMPDIR", "PATH", "XDG_STATE_HOME", "MFT_PASSWORD", "SYSTEMROOT", "GORACE"} {
		if value := ts.Getenv(v); value != "" {
			cmd.Env = append(cmd.Env, v+"="+value)
		}
	}
	ts.Check(cmd.Start())
	srv := &server{cmd: cmd, done: make(chan error, 1), keys: make(map[string]bool)}
	go func() { srv.done <- cmd.Wait(); out.Close(); errs.Close() }()
	ts.Defer(func() { cmd.Process.Kill() }) // it may be gone already
	stateOf(ts).servers[name] = srv
	waitFor(ts, "a line that says where "+name+" listens", func() bool {
		select {
		case err := <-srv.done:
			ts.Fatalf("%s ended: %v\n%s", name, err, ts.ReadFile(name+".err"))
		default:
		}
		return srv.readAnnouncement(ts.ReadFile(name + ".out"))
	})
	for _, l := range srv.more {
		_, port, err := net.SplitHostPort(l[1])
		ts.Check(err)
		ts.Setenv(name+"_"+strings.ToUpper(l[0])+"_PORT", port)
		if l[1] == srv.addr {
			ts.Setenv(name+"_PORT", port)
		}
	}
}

// readAnnouncement is true when all lines are there.
func (s *server) readAnnouncement(text string) bool {
	lines := bufio.NewScanner(strings.NewReader(text))
	s.more = nil
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) == 3 && words[0] == "listening":
			s.more = append(s.more, [2]string{words[1], words[2]})
			s.addr = s.more[0][1]
		case len(words) == 3 && words[0] == "certificate":
			s.keys[words[2]] = true
		case len(words) == 4 && words[0] == "host" && words[1] == "key":
			s.keys[words[3]] = true
		}
	}
	return s.addr != "" && len(s.keys) > 0 && strings.HasSuffix(text, "\n")
}

// waitFor polls, because the other side is another process.
func waitFor(ts *testscript.TestScript, what string, ready func() bool) {
	deadline := time.Now().Add(patience)
	for !ready() {
		if time.Now().After(deadline) {
			ts.Fatalf("no sign of %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// cmdAwait waits for what another process writes.
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await REGEXP FILE")
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	waitFor(ts, args[0]+" in "+args[1], func() bool { return pattern.MatchString(ts.ReadFile(args[1])) })
}

func lookPath(name, path string) (string, error) {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	for _, dir := range filepath.SplitList(path) {
		if file := filepath.Join(dir, name); isFile(file) {
			return file, nil
		}
	}
	return "", exec.ErrNotFound
}

func isFile(name string) bool {
	fi, err := os.Stat(name)
	return err == nil && fi.Mode().IsRegular()
}

func cmdTerm(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: term NAME")
	}
	srv := stateOf(ts).server(ts, args[0])
	ts.Check(srv.cmd.Process.Signal(syscall.SIGTERM))
	waitFor(ts, "the listener to close", func() bool {
		c, err := net.DialTimeout("tcp", srv.addr, patience)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
}

func cmdHalt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: halt NAME")
	}
	srv := stateOf(ts).server(ts, args[0])
	if runtime.GOOS == "windows" { // it has no such signal
		srv.cmd.Process.Kill()
		<-srv.done
		return
	}
	if err := srv.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		ts.Check(err)
	}
	select {
	case err := <-srv.done:
		if err != nil {
			ts.Fatalf("%v\n%s", err, ts.ReadFile(args[0]+".err"))
		}
	case <-time.After(patience):
		ts.Fatalf("%s did not stop", args[0])
	}
}

func cmdValue(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: value FILE WORD VAR")
	}
	lines := bufio.NewScanner(strings.NewReader(ts.ReadFile(args[0])))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), args[1]+" "); ok {
			ts.Setenv(args[2], value)
			return
		}
	}
	ts.Fatalf("%s: no line begins with %q", args[0], args[1])
}

// readAll reads a file of the script or generates data: "@N" is N bytes that
// repeat in no power of two.
func readAll(ts *testscript.TestScript, name string) []byte {
	size, generated := strings.CutPrefix(name, "@")
	if !generated {
		return []byte(ts.ReadFile(name))
	}
	n := 0
	for _, c := range size {
		n = n*10 + int(c-'0')
	}
	return bytes.Repeat([]byte("The quick brown fox jumps over the lazy dog.\n"), n/45+1)[:n]
}

// cmdExitCode runs a program that must end with that code.
func cmdExitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode CODE PROGRAM ARGS...")
	}
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	code := "0"
	if errors.As(err, &exit) {
		code = strconv.Itoa(exit.ExitCode())
	} else {
		ts.Check(err)
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}
