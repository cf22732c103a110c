//go:build unix

package limit_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	client "github.com/pkg/sftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/limit"
)

// serverChild tells the test program to be the server of
// TestDescriptorsRunOut.
const serverChild = "QUAYMASTER_LIMIT_TEST_SERVER"

// maxFiles is what the child may open.
const maxFiles = 64

// A server that has no descriptors left waits for some, without spinning;
// sessions go on, and new ones come in as soon as there is room.
func TestDescriptorsRunOut(t *testing.T) {
	if os.Getenv(serverChild) != "" {
		serveWithFewFiles(t)
		return
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDescriptorsRunOut$", "-test.v")
	child.Env = append(os.Environ(), serverChild+"=1")
	stdin, err := child.StdinPipe()
	require.NoError(t, err)
	stdout, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	addr := ""
	lines := bufio.NewScanner(stdout)
	for addr == "" && lines.Scan() {
		if after, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			addr = after
		}
	}
	require.NotEmpty(t, addr, "the child must tell where it listens")

	inside := mustLogIn(t, "127.0.0.1", addr, "u")
	c, err := client.NewClient(inside)
	require.NoError(t, err)
	var flood []net.Conn
	for range 2 * maxFiles {
		flood = append(flood, dialFrom(t, "127.0.0.1", addr))
	}
	// One more, which can't be accepted, must not be dropped either.
	late := make(chan error, 1)
	go func() {
		conn, err := logIn(dialFrom(t, "127.0.0.1", addr), "u", "p")
		if err == nil {
			conn.Close()
		}
		late <- err
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := range 150 { // three seconds
		<-tick.C
		f, err := c.Create(fmt.Sprint("f", i))
		require.NoError(t, err, "who is inside goes on")
		require.NoError(t, f.Close())
	}
	select {
	case err := <-late:
		t.Fatalf("descriptors have not run out: %v", err)
	default:
	}
	for _, nc := range flood {
		nc.Close()
	}
	assert.Less(t, took(func() { require.NoError(t, <-late) }), 5*time.Second)
	require.NoError(t, inside.Close())
	require.NoError(t, stdin.Close()) // the child ends by that
	for lines.Scan() {                // until its end
	}
	require.NoError(t, child.Wait())
	cpu := child.ProcessState.UserTime() + child.ProcessState.SystemTime()
	assert.Less(t, cpu, 1500*time.Millisecond, "three seconds of spinning")
}

func serveWithFewFiles(t *testing.T) {
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: maxFiles, Max: maxFiles}))
	srv := newServer(t)
	guard(srv, &limit.Gate{Startups: limit.Startups{Full: -1, PerSource: -1}, Penalties: limit.Penalties{Max: -1}})
	fmt.Println("listening on " + start(t, srv, nil))
	_, err := os.Stdin.Read(make([]byte, 1))
	assert.Error(t, err)
}
