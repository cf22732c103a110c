package sshd_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	pkgsftp "github.com/pkg/sftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/internal/rawssh"
	"github.com/quaymaster/quaymaster/scp"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
)

// Tests of key exchanges while data is on its way.

func randomBytes(n int) []byte {
	source := rand.NewChaCha8([32]byte{1})
	p := make([]byte, n)
	source.Read(p) // never fails
	return p
}

// rekeyings are who asks for new keys, and how often.
var rekeyings = map[string]struct {
	server uint64
	client []string
}{
	"client": {0, []string{"RekeyLimit=256K"}},
	"server": {256 << 10, nil},
	"both":   {256 << 10, []string{"RekeyLimit=256K"}},
	"slow":   {64 << 10, []string{"RekeyLimit=128K", "Ciphers=chacha20-poly1305@openssh.com"}},
}

// startFiles serves one home by sftp and scp.
func startFiles(t *testing.T, rekey uint64) (addr string, private any) {
	t.Helper()
	users, _, key := newUser(t)
	return start(t, &sshd.Server{
		Auth: users, RekeyThreshold: rekey,
		Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{}}, Commands: map[string]sshd.Handler{"scp": &scp.Handler{}},
	}), key
}

// verbose lets the client tell of each key exchange.
func (c *sshClient) verbose() *sshClient {
	for i, arg := range c.args {
		c.args[i] = strings.Replace(arg, "LogLevel=INFO", "LogLevel=DEBUG1", 1)
	}
	return c
}

func TestOpenSSHRekeysDuringSFTP(t *testing.T) {
	t.Parallel()
	// On a slow machine as much as a window of 2 MiB is on its way when a side
	// asks for new keys.
	const size, least = 8 << 20, 6
	content := randomBytes(size)
	for name, tt := range rekeyings {
		addr, private := startFiles(t, tt.server)
		c := newSSHClient(t, addr).key(private).option(tt.client...).verbose()
		require.NoError(t, os.WriteFile(c.file("up"), content, 0o600))
		out, err := c.sftp(fmt.Sprintf("put %s f\nget f %s\n", c.file("up"), c.file("down")))
		require.NoError(t, err, "%s: %s", name, out)
		down, err := os.ReadFile(c.file("down"))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(content, down), "%s: content differs", name)
		assert.GreaterOrEqual(t, strings.Count(out, "SSH2_MSG_NEWKEYS received"), least, name)
	}
}

// ProFTPD bug 3386: scp stalled there.
func TestOpenSSHRekeysDuringSCP(t *testing.T) {
	t.Parallel()
	content := randomBytes(2 << 20)
	for name, tt := range rekeyings {
		addr, private := startFiles(t, tt.server)
		c := newSSHClient(t, addr).key(private).option(tt.client...).verbose()
		require.NoError(t, os.WriteFile(c.file("up"), content, 0o600))
		host, port, err := net.SplitHostPort(addr)
		require.NoError(t, err)
		args := append([]string{"-O", "-P", port}, c.args...)
		out, err := c.start("scp", append(args, c.file("up"), "u@"+host+":f")...)
		require.NoError(t, err, "%s: %s", name, out)
		assert.Greater(t, strings.Count(out, "SSH2_MSG_NEWKEYS received"), 1, name)
		out, err = c.start("scp", append(args, "u@"+host+":f", c.file("down"))...)
		require.NoError(t, err, "%s: %s", name, out)
		assert.Greater(t, strings.Count(out, "SSH2_MSG_NEWKEYS received"), 1, name)
		down, err := os.ReadFile(c.file("down"))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(content, down), "%s: content differs", name)
	}
}

// Go's client, which sends and receives on several channels meanwhile.
func TestGoClientRekeys(t *testing.T) {
	t.Parallel()
	for _, server := range []uint64{0, 64 << 10} {
		addr := start(t, &sshd.Server{
			RekeyThreshold: server,
			Subsystems:     map[string]sshd.Handler{"sftp": &sftp.Handler{}},
		})
		cfg := clientConfig(ssh.Password("p"))
		cfg.RekeyThreshold = 64 << 10
		client, err := ssh.Dial("tcp", addr, cfg)
		require.NoError(t, err)
		transferAll(t, client, 3, 2<<20)
		client.Close()
	}
}

// transferAll puts and gets a file of its own on each of n channels at once.
func transferAll(t *testing.T, client *ssh.Client, n, size int) {
	t.Helper()
	failed := make(chan error, n)
	for i := range n {
		go func() { failed <- transfer(client, fmt.Sprintf("file-%d", i), randomBytes(size)[i:]) }()
	}
	for range n {
		assert.NoError(t, <-failed)
	}
}

func transfer(client *ssh.Client, name string, content []byte) error {
	c, err := pkgsftp.NewClient(client)
	if err != nil {
		return err
	}
	defer c.Close()
	f, err := c.Create(name)
	if err != nil {
		return err
	}
	if _, err := f.ReadFrom(bytes.NewReader(content)); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if f, err = c.Open(name); err != nil {
		return err
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, content) {
		return fmt.Errorf("%s: content differs", name)
	}
	return nil
}

// OpenSSH, May 2026: nothing but the key exchange is taken while one is under
// way, so nothing piles up.
func TestMessagesDuringRekey(t *testing.T) {
	t.Parallel()
	addr := start(t, &sshd.Server{})
	data := ssh.Marshal(&rawssh.ChannelData{Channel: 0, Data: make([]byte, 1<<15)})
	for name, message := range map[string][]byte{
		"data": data, "request": ssh.Marshal(&rawssh.GlobalRequest{Type: "x", Reply: true}),
		"open": ssh.Marshal(&rawssh.ChannelOpen{Type: "session", Window: window, MaxPacket: maxPacket}),
		"ping": append([]byte{rawssh.MsgPing}, ssh.Marshal(struct{ Data string }{"x"})...),
		// A second one, and the end of one that was not begun.
		"KEXINIT": ssh.Marshal(rawssh.NewKexInit()), "NEWKEYS": {rawssh.MsgNewKeys},
	} {
		c := loginRaw(t, addr)
		startEcho(t, c, 0)
		require.NoError(t, c.Send(ssh.Marshal(rawssh.NewKexInit())))
		for range 1000 {
			if c.Send(message) != nil {
				break
			}
		}
		seen, err := c.Ended()
		require.NoError(t, err, "%s: the server must hang up", name)
		for _, number := range seen {
			assert.Contains(t, []byte{rawssh.MsgKexInit, rawssh.MsgDisconnect}, number, name)
		}
	}
}

// x/crypto CVE-2025-22869: a key exchange after the login that is not brought
// to its end holds back a bounded amount of data, for a bounded time. It is all
// the same who began it, and whether the peer is silent or talks of something
// else.
func TestCVE2025_22869_UnfinishedRekey(t *testing.T) {
	for name, tt := range map[string]struct {
		threshold uint64
		attack    func(c *rawssh.Conn)
		why       error
	}{
		"begun by the client": {0, func(c *rawssh.Conn) { c.Send(ssh.Marshal(rawssh.NewKexInit())) }, quaymaster.ErrConnLost},
		"not answered":        {1 << 20, func(*rawssh.Conn) {}, quaymaster.ErrConnLost},
		"ignored": {1 << 20, func(c *rawssh.Conn) {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for c.Send(ssh.Marshal(&rawssh.GlobalRequest{Type: "x"})) == nil {
				<-tick.C
			}
		}, quaymaster.ErrIdle},
		"slowly": {0, func(c *rawssh.Conn) {
			c.Send(ssh.Marshal(rawssh.NewKexInit()))
			drip(c.Raw, append([]byte{0, 3, 0, 0}, make([]byte, 1<<18)...), 10*time.Millisecond)
		}, quaymaster.ErrIdle},
	} {
		rec := &recorder{}
		srv := &sshd.Server{
			Sink: rec, RekeyThreshold: tt.threshold, KeepAlive: 200 * time.Millisecond, IdleTimeout: -1,
			Commands: map[string]sshd.Handler{"flood": flood},
		}
		if tt.why == quaymaster.ErrIdle { // it is heard all the time
			srv.KeepAlive, srv.IdleTimeout = time.Second, time.Second
		}
		addr := start(t, srv)
		c := loginRaw(t, addr)
		server, err := c.OpenSession(0, 1<<30, maxPacket)
		require.NoError(t, err)
		require.NoError(t, c.Start(server, "exec", "flood"))
		before := heap()
		attacked, read := make(chan struct{}), make(chan struct{})
		go func() { defer close(attacked); tt.attack(c) }()
		go func() { // the line is not full
			defer close(read)
			c.Ended()
		}()
		assert.ErrorIs(t, disconnected(t, rec), tt.why, name)
		assert.Less(t, grows(before), int64(4<<20), name)
		<-attacked
		<-read
	}
}

// A client without data gets new keys as well, before and after the login.
func TestRawRekeys(t *testing.T) {
	t.Parallel()
	c, err := rawssh.Ready(start(t, &sshd.Server{}))
	require.NoError(t, err)
	defer c.Close()
	id := c.SessionID
	require.NoError(t, c.KeyExchange(nil))
	require.NoError(t, c.SendPassword("u", "p"))
	failure, err := c.AuthResult()
	require.NoError(t, err)
	require.Nil(t, failure)
	server := startEcho(t, c, 0)
	for range 20 {
		require.NoError(t, c.KeyExchange(nil))
		echoes(t, c, server)
	}
	assert.Equal(t, id, c.SessionID)
}
