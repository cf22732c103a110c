package scp_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/scp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// remote is a command that runs on a server.
type remote struct {
	*ssh.Session
	in   io.WriteCloser
	out  *bufio.Reader
	addr string // of the server
}

// start runs a command line on srv, which serves home.
func start(t *testing.T, srv *sshd.Server, home vfs.FS, line string) *remote {
	t.Helper()
	srv.Commands = map[string]sshd.Handler{"scp": &scp.Handler{}}
	s := peer.StartSSH(t, srv, home)
	r := &remote{addr: net.JoinHostPort(s.Host, s.Port)}
	c, err := ssh.Dial("tcp", r.addr, &ssh.ClientConfig{
		User: "u", Auth: []ssh.AuthMethod{ssh.Password(s.Password)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	r.Session, err = c.NewSession()
	require.NoError(t, err)
	r.in, err = r.StdinPipe()
	require.NoError(t, err)
	out, err := r.StdoutPipe()
	require.NoError(t, err)
	r.out = bufio.NewReader(out)
	require.NoError(t, r.Start(line))
	return r
}

func (r *remote) ask(t *testing.T, text string) {
	t.Helper()
	_, err := io.WriteString(r.in, text)
	require.NoError(t, err)
	reply, err := r.out.ReadByte()
	require.NoError(t, err)
	require.Zero(t, reply)
}

// A client that does nothing in the middle of a transfer is idle, whichever
// side has to speak next, and what it left unfinished is not published.
func TestIdle(t *testing.T) {
	for name, begin := range map[string]func(*testing.T, *remote){
		"scp -t .": func(t *testing.T, r *remote) { r.ask(t, "") },
		"scp -t g": func(t *testing.T, r *remote) {
			r.ask(t, "")
			r.ask(t, "C0644 3 f\n")
			io.WriteString(r.in, "ab")
		},
		"scp -f f": func(t *testing.T, r *remote) {
			io.WriteString(r.in, "\x00")
			line, err := r.out.ReadString('\n')
			require.NoError(t, err)
			assert.Equal(t, "C0644 3 f\n", line)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fsys := tree(t, map[string]string{"f": "abc"})
			r := start(t, &sshd.Server{IdleTimeout: time.Second}, fsys, name)
			begin(t, r)
			assert.Error(t, r.Wait(), "the server ends it")
			_, err := fsys.Stat(t.Context(), "g")
			assert.ErrorIs(t, err, os.ErrNotExist)
		})
	}
}

// A server that shuts down waits for the file that is on its way.
func TestDrain(t *testing.T) {
	fsys := memfs.New()
	srv := &sshd.Server{}
	r := start(t, srv, fsys, "scp -t .")
	r.ask(t, "")
	r.ask(t, fmt.Sprintf("C0644 %d f\n", 6))
	_, err := io.WriteString(r.in, "abc")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- srv.Shutdown(t.Context()) }()
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", r.addr)
		if err == nil {
			c.Close()
		}
		return err != nil
	}, 10*time.Second, time.Millisecond, "the drain does not begin")
	r.ask(t, "def\x00")
	assert.Equal(t, "abcdef", get(t, fsys, "f"))
	select {
	case err := <-ended:
		assert.NoError(t, err)
	case <-time.After(10 * time.Second):
		t.Error("the drain does not end")
	}
}
