package rawssh_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/internal/rawssh"
)

// serve is a plain x/crypto/ssh server that lets in "u" with "p".
func serve(t *testing.T) (addr string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	key, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	cfg := &ssh.ServerConfig{PasswordCallback: func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) {
		if string(p) != "p" {
			return nil, errors.New("wrong")
		}
		return nil, nil
	}}
	cfg.AddHostKey(key)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			conn, chans, reqs, err := ssh.NewServerConn(nc, cfg)
			if err != nil {
				continue
			}
			go ssh.DiscardRequests(reqs)
			for nc := range chans {
				nc.Reject(ssh.Prohibited, "no")
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func TestLoginAndRekey(t *testing.T) {
	addr := serve(t)
	c, err := rawssh.Login(addr, "u", "p")
	require.NoError(t, err)
	defer c.Close()
	assert.Equal(t, "SSH-2.0-Go", c.ServerVersion)
	assert.Equal(t, "ssh-ed25519", c.HostKey.Type())
	id := c.SessionID
	for range 2 { // also under the new keys
		require.NoError(t, c.SendMsg(&struct {
			Type string `sshtype:"80"`
			Want bool
		}{"nonsense", true}))
		_, err = c.Expect(rawssh.MsgRequestFailure)
		require.NoError(t, err)
		require.NoError(t, c.KeyExchange(nil))
		assert.Equal(t, id, c.SessionID)
	}
}

func TestStrictKexAndExtInfo(t *testing.T) {
	c, err := rawssh.Dial(serve(t))
	require.NoError(t, err)
	defer c.Close()
	theirs, err := c.ServerKexInit()
	require.NoError(t, err)
	assert.Contains(t, theirs.KexAlgos, "kex-strict-s-v00@openssh.com")
	mine := rawssh.NewKexInit()
	mine.KexAlgos = append(mine.KexAlgos, "ext-info-c", "kex-strict-c-v00@openssh.com")
	require.NoError(t, c.KeyExchange(mine))
	packet, err := c.Recv()
	require.NoError(t, err)
	assert.EqualValues(t, rawssh.MsgExtInfo, packet[0])
}

func TestLoginRefused(t *testing.T) {
	c, err := rawssh.Ready(serve(t))
	require.NoError(t, err)
	require.NoError(t, c.SendPassword("u", "x"))
	failure, err := c.AuthResult()
	require.NoError(t, err)
	assert.Equal(t, &rawssh.AuthFailure{Methods: []string{"password"}}, failure)
	c.Close()
}
