package sshd_test

import (
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/internal/rawssh"
	"github.com/quaymaster/quaymaster/sshd"
)

// gathered sends nothing until flush, and then all of it at once.
type gathered struct {
	net.Conn
	held []byte
}

func (g *gathered) Write(p []byte) (int, error) {
	g.held = append(g.held, p...)
	return len(p), nil
}

func (g *gathered) flush() error {
	_, err := g.Conn.Write(g.held)
	return err
}

// transports counts the goroutines of x/crypto/ssh's transports.
func transports() int {
	stacks := make([]byte, 16<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return strings.Count(string(stacks), "ssh.(*handshakeTransport).readLoop(") +
		strings.Count(string(stacks), "ssh.(*handshakeTransport).kexLoop(")
}

// floods are ways to have packets wait behind the one that ends the connection.
func floods() map[string]func(c *rawssh.Conn) error {
	repeat := func(prepare, f func(c *rawssh.Conn) error) func(c *rawssh.Conn) error {
		return func(c *rawssh.Conn) error {
			if err := prepare(c); err != nil {
				return err
			}
			g := &gathered{Conn: c.Raw}
			c.Raw = g
			for range 100 {
				if err := f(c); err != nil {
					return err
				}
			}
			return g.flush()
		}
	}
	exchanged := func(c *rawssh.Conn) error { return c.KeyExchange(nil) }
	ready := func(c *rawssh.Conn) error {
		if err := c.KeyExchange(nil); err != nil {
			return err
		}
		return c.RequestService("ssh-userauth")
	}
	in := func(c *rawssh.Conn) error { return c.Login("u", "p") }
	unknown := func(c *rawssh.Conn) error { return c.Send([]byte{255}) }
	return map[string]func(c *rawssh.Conn) error{
		"service request": repeat(exchanged, func(c *rawssh.Conn) error {
			return c.SendMsg(&struct {
				Name string `sshtype:"5"`
			}{"x"})
		}),
		"no service request": repeat(exchanged, unknown),
		"malformed login":    repeat(ready, func(c *rawssh.Conn) error { return c.Send([]byte{rawssh.MsgAuthRequest}) }),
		"wrong password":     repeat(ready, func(c *rawssh.Conn) error { return c.SendPassword("u", "wrong") }),
		"unknown message":    repeat(ready, unknown),
		"after the login":    repeat(in, func(c *rawssh.Conn) error { return c.Send([]byte{rawssh.MsgChannelOpen}) }),
		"bad key exchange":   repeat(in, func(c *rawssh.Conn) error { return c.Send([]byte{rawssh.MsgKexInit}) }),
	}
}

// Packets behind the one that ends a connection keep nothing of it: neither
// goroutines, which x/crypto/ssh would leave behind, nor Server.Close.
func TestPacketsBehindTheLast(t *testing.T) {
	for name, flood := range floods() {
		t.Run(name, func(t *testing.T) {
			srv := &sshd.Server{}
			addr := start(t, srv)
			for range 10 {
				c := dialRaw(t, addr)
				require.NoError(t, flood(c))
				_, err := c.Ended()
				assert.NoError(t, err, "the server must hang up")
			}
			began := time.Now()
			require.NoError(t, srv.Close())
			assert.Less(t, time.Since(began), 4*time.Second)
			eventually(t, "the end of all transports", func() bool { return transports() == 0 })
		})
	}
}

// A client may say nothing at length before it asks for the service.
func TestIgnoredBeforeService(t *testing.T) {
	c := dialRaw(t, start(t, &sshd.Server{}))
	require.NoError(t, c.KeyExchange(nil))
	g := &gathered{Conn: c.Raw}
	c.Raw = g
	ignore := append([]byte{rawssh.MsgIgnore}, ssh.Marshal(struct{ Data []byte }{make([]byte, 900)})...)
	require.NoError(t, c.Send(ignore))
	require.NoError(t, g.flush())
	c.Raw = g.Conn
	require.NoError(t, c.RequestService("ssh-userauth"))
	require.NoError(t, c.SendPassword("u", "p"))
	failure, err := c.AuthResult()
	require.NoError(t, err)
	assert.Nil(t, failure)
}
