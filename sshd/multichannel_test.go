package sshd_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/internal/rawssh"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
)

// Tests of several channels on one connection.

var sftpOnly = map[string]sshd.Handler{"sftp": &sftp.Handler{}, "echo": echo}

func TestTenChannelsAtOnce(t *testing.T) {
	t.Parallel()
	transferAll(t, dial(t, start(t, &sshd.Server{Subsystems: sftpOnly})), 10, 512<<10)
}

// What ends on one channel, in order, by an error or by a panic, leaves the
// others alone.
func TestChannelsEndApart(t *testing.T) {
	t.Parallel()
	c := loginRaw(t, start(t, &sshd.Server{Subsystems: sftpOnly, Commands: map[string]sshd.Handler{
		"true":  sshd.HandlerFunc(func(context.Context, *sshd.Session) error { return nil }),
		"false": sshd.HandlerFunc(func(context.Context, *sshd.Session) error { return &sshd.ExitError{Code: 3} }),
		"panic": sshd.HandlerFunc(func(context.Context, *sshd.Session) error { panic("boom") }),
		"deaf":  deaf,
	}}))
	other := startEcho(t, c, 0)
	for i, cmd := range []string{"true", "false", "panic"} {
		server := openRaw(t, c, uint32(1+i))
		require.NoError(t, c.Start(server, "exec", cmd))
		_, err := c.Await(rawssh.MsgChannelClose)
		require.NoError(t, err)
		require.NoError(t, c.CloseChannel(server))
		echoes(t, c, other)
	}
	for range 20 { // closed by the client while the handler is at work
		var server uint32
		eventually(t, "a place", func() (ok bool) {
			var err error
			server, err = c.OpenSession(9, window, maxPacket)
			return err == nil
		})
		require.NoError(t, c.Start(server, "exec", "deaf"))
		require.NoError(t, c.CloseChannel(server))
		echoes(t, c, other)
	}
}

// Several programs share the connection of one OpenSSH master.
func TestOpenSSHControlMaster(t *testing.T) {
	t.Parallel()
	users, _, private := newUser(t)
	rec := &recorder{}
	addr := startHello(t, &sshd.Server{Auth: users, Sink: rec})
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	master := newSSHClient(t, addr).key(private)
	// A socket's path has to be short.
	dir, err := os.MkdirTemp("", "cm")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	control := "ControlPath=" + dir + "/s"
	args := append(append([]string(nil), master.args...), "-N", "-M", "-o", control, "-p", port, "u@"+host)
	cmd := exec.CommandContext(t.Context(), "ssh", args...)
	require.NoError(t, cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	eventually(t, "master", func() bool { _, err := os.Stat(dir + "/s"); return err == nil })

	const parallel = 5
	failed := make(chan error, parallel)
	for i := range parallel {
		c := newSSHClient(t, addr).option(control, "ControlMaster=no")
		content := randomBytes(1 << 20)[i:]
		require.NoError(t, os.WriteFile(c.file("up"), content, 0o600))
		go func() {
			out, err := c.sftp(fmt.Sprintf("put %s f%d\nget f%d %s\n", c.file("up"), i, i, c.file("down")))
			if err != nil {
				failed <- fmt.Errorf("%w: %s", err, out)
				return
			}
			down, err := os.ReadFile(c.file("down"))
			if err == nil && !bytes.Equal(content, down) {
				err = fmt.Errorf("content of f%d differs", i)
			}
			failed <- err
		}()
	}
	for range parallel {
		assert.NoError(t, <-failed)
	}
	assert.Equal(t, 1, rec.count("login"))
	assert.Equal(t, parallel, rec.count("channel"))
}

// OpenSSH promises to open no more sessions when it has no use for them, and
// is taken at its word.
func TestNoMoreSessions(t *testing.T) {
	t.Parallel()
	c := loginRaw(t, start(t, &sshd.Server{}))
	server := startEcho(t, c, 0)
	require.NoError(t, c.SendMsg(&rawssh.GlobalRequest{Type: "no-more-sessions@openssh.com"}))
	_, err := c.OpenSession(1, window, maxPacket)
	assert.Error(t, err)
	echoes(t, c, server)
}
