package cli_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/quaymaster/quaymaster/examples/mft/internal/cli"
)

// run executes one command line in this process.
func run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	m := &cli.Main{
		Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs,
		Getenv: func(string) string { return "" },
	}
	return m.Run(t.Context(), args), out.String(), errs.String()
}

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		args string
		code int
	}{
		{"version", 0}, {"help", 0}, {"--help", 0}, {"serve --help", 0},
		{"nothing", 2}, {"version x", 2}, {"--bogus", 2}, {"start", 2}, {"init", 2}, {"generate-totp anna", 0}, {"generate-totp", 2}, {"generate-totp a b", 2}, {"sftp-server -z", 2},
		{"validate -c /does/not/exist", 1}, {"start -c /does/not/exist", 1}, {"generate-password", 1},
	} {
		code, _, stderr := run(t, "", strings.Fields(test.args)...)
		if code != test.code {
			t.Errorf("%s: exit code %d, want %d; %s", test.args, code, test.code, stderr)
		}
		if (stderr == "") != (code == 0) {
			t.Errorf("%s: exit code %d, but the error stream is %q", test.args, code, stderr)
		}
	}
}

// The end of the context ends a server in order, and an embedding program can
// read where it listens.
func TestServeInProcess(t *testing.T) {
	reader, writer := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m := &cli.Main{Stdin: strings.NewReader(""), Stdout: writer, Stderr: io.Discard, Getenv: func(string) string { return "" }}
	done := make(chan int, 1)
	go func() {
		done <- m.Run(ctx, []string{"serve", "--sftp", "127.0.0.1:0", "--password", "pw", "--state", t.TempDir(), t.TempDir()})
		writer.Close()
	}()
	line := make([]byte, 256)
	n, err := reader.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, reader) // the rest
	words := strings.Fields(string(line[:n]))
	if len(words) != 3 || words[0] != "listening" || words[1] != "sftp" {
		t.Fatalf("%q", line[:n])
	}
	c, err := net.Dial("tcp", words[2])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := c.Read(line); err != nil || !strings.HasPrefix(string(line[:n]), "SSH-2.0-") {
		t.Errorf("%q, %v", line[:n], err)
	}
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
}
