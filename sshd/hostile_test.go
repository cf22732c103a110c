package sshd_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/internal/rawssh"
	"github.com/quaymaster/quaymaster/sshd"
)

// Tests of peers that attack the key exchange, or never get through it.

// disconnected waits until the server has given up the one connection that it
// had, and returns why.
func disconnected(t testing.TB, rec *recorder) error {
	t.Helper()
	eventually(t, "disconnect event", func() bool { return rec.find(quaymaster.KindDisconnect) != nil })
	return rec.find(quaymaster.KindDisconnect).Err
}

func dialRaw(t testing.TB, addr string) *rawssh.Conn {
	t.Helper()
	c, err := rawssh.Dial(addr)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func strictKexInit() *rawssh.KexInit {
	k := rawssh.NewKexInit()
	k.KexAlgos = append(k.KexAlgos, "kex-strict-c-v00@openssh.com")
	return k
}

// ecdhInit is the client's half of curve25519-sha256.
func ecdhInit() []byte {
	public := make([]byte, 32)
	rand.Read(public)
	return ssh.Marshal(struct {
		Public []byte `sshtype:"30"`
	}{public})
}

// Terrapin, CVE-2023-48795: a message that does not belong into the first key
// exchange ends it when strict key exchange was agreed upon, so that nobody can
// shift the sequence numbers.
func TestCVE2023_48795_Terrapin(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	addr := start(t, &sshd.Server{Sink: rec})
	theirs, err := dialRaw(t, addr).ServerKexInit()
	require.NoError(t, err)
	assert.Contains(t, theirs.KexAlgos, "kex-strict-s-v00@openssh.com")
	for _, cipher := range append(theirs.CiphersToClient, theirs.CiphersToServer...) {
		assert.NotContains(t, cipher, "cbc", "with encrypt-then-MAC it is as weak")
	}
	extra := map[string][]byte{
		"IGNORE":        ssh.Marshal(struct{ Data string }{"x"}),
		"DEBUG":         ssh.Marshal(struct{ Display, Text, Language string }{"", "", ""}),
		"UNIMPLEMENTED": {0, 0, 0, 0},
	}
	numbers := map[string]byte{"IGNORE": rawssh.MsgIgnore, "DEBUG": rawssh.MsgDebug, "UNIMPLEMENTED": rawssh.MsgUnimplemented}
	// reached tells whether the server finished the key exchange.
	reached := func(init *rawssh.KexInit, before ...[]byte) bool {
		c := dialRaw(t, addr)
		messages := append(append([][]byte{ssh.Marshal(init)}, before...), ecdhInit(), []byte{rawssh.MsgNewKeys})
		// What comes after NEWKEYS is not encrypted as it should be, so that
		// the connection ends in any case.
		for _, m := range append(messages, make([]byte, 100), make([]byte, 100)) {
			if c.Send(m) != nil {
				break
			}
		}
		seen, err := c.Ended()
		require.NoError(t, err, "the server must hang up")
		return bytes.IndexByte(seen, rawssh.MsgKexReply) >= 0
	}
	for name, body := range extra {
		message := append([]byte{numbers[name]}, body...)
		assert.False(t, reached(strictKexInit(), message), "%s before the exchange", name)
	}
	assert.True(t, reached(strictKexInit()), "without an extra message it is answered")
	assert.True(t, reached(rawssh.NewKexInit(), append([]byte{rawssh.MsgIgnore}, extra["IGNORE"]...)), "RFC 4253 allows it")

	// Between the reply and NEWKEYS, where the original attack takes place.
	for name, body := range extra {
		c := dialRaw(t, addr)
		_, err := c.ServerKexInit()
		require.NoError(t, err)
		require.NoError(t, c.Send(ssh.Marshal(strictKexInit())))
		require.NoError(t, c.Send(ecdhInit()))
		_, err = c.Expect(rawssh.MsgKexReply)
		require.NoError(t, err)
		require.NoError(t, c.Send(append([]byte{numbers[name]}, body...)))
		seen, err := c.Ended()
		require.NoError(t, err, "%s after the reply: the server must hang up", name)
		assert.LessOrEqual(t, len(seen), 1, "%s: NEWKEYS at the most", name)
	}
	ignore := append([]byte{rawssh.MsgIgnore}, extra["IGNORE"]...)
	for _, first := range [][]byte{ignore, {rawssh.MsgNewKeys}, {rawssh.MsgServiceRequest}, {rawssh.MsgAuthSuccess}} {
		c := dialRaw(t, addr)
		for _, m := range [][]byte{first, ssh.Marshal(strictKexInit()), ecdhInit()} {
			if c.Send(m) != nil {
				break
			}
		}
		seen, err := c.Ended()
		require.NoError(t, err, "the server must hang up")
		assert.NotContains(t, seen, byte(rawssh.MsgKexReply), "the first packet is KEXINIT")
	}
	assert.Nil(t, rec.find(quaymaster.KindLogin))
}

// OpenSSH agrees on it, and resets the sequence numbers with a cipher that
// depends on them.
func TestOpenSSHStrictKex(t *testing.T) {
	t.Parallel()
	users, _, private := newUser(t)
	addr := startHello(t, &sshd.Server{Auth: users, ClientCipherOrder: true})
	out, err := newSSHClient(t, addr).key(private).run("-vvv", "-o", "Ciphers=chacha20-poly1305@openssh.com")
	require.NoError(t, err, out)
	assert.Contains(t, out, "will use strict KEX ordering")
	assert.Contains(t, out, "resetting send seqnr")
	assert.Contains(t, out, "resetting read seqnr")
	assert.Contains(t, out, "hello u")
}

// OpenSSH CVE-2025-26466: pings before or during the key exchange are not
// answered, and nothing is queued for them.
func TestCVE2025_26466_PingQueue(t *testing.T) {
	t.Parallel()
	addr := start(t, &sshd.Server{})
	ping := ssh.Marshal(struct {
		Data string `sshtype:"192"`
	}{"ping"})
	for _, init := range []*rawssh.KexInit{strictKexInit(), rawssh.NewKexInit()} {
		c := dialRaw(t, addr)
		require.NoError(t, c.Send(ssh.Marshal(init)))
		for range 10_000 {
			if c.Send(ping) != nil {
				break // the server is gone, as it should be
			}
		}
		seen, err := c.Ended()
		require.NoError(t, err, "the server must hang up")
		assert.NotContains(t, seen, byte(rawssh.MsgPong))
	}
}

// DHEat, CVE-2002-20001: no exchange whose cost a client can force up is
// offered, and who offers nothing else is turned away before any of it.
func TestCVE2002_20001_DHEat(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	addr := start(t, &sshd.Server{Sink: rec})
	c := dialRaw(t, addr)
	theirs, err := c.ServerKexInit()
	require.NoError(t, err)
	for _, kex := range theirs.KexAlgos {
		assert.NotContains(t, kex, "diffie-hellman")
	}
	mine := rawssh.NewKexInit()
	mine.KexAlgos = []string{"diffie-hellman-group18-sha512", "diffie-hellman-group14-sha256", "diffie-hellman-group-exchange-sha256"}
	require.NoError(t, c.Send(ssh.Marshal(mine)))
	_, err = c.Ended()
	require.NoError(t, err)
	assert.ErrorContains(t, disconnected(t, rec), "no common algorithm for key exchange")
}

// drip writes p byte by byte until the peer is gone.
func drip(nc net.Conn, p []byte, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for ; len(p) > 0; p = p[1:] {
		if _, err := nc.Write(p[:1]); err != nil {
			return
		}
		<-tick.C
	}
}

// x/crypto CVE-2025-22869 and its kin: a client that does not get through the
// handshake is cut off at HandshakeTimeout, however it spends the time.
func TestCVE2025_22869_SlowHandshake(t *testing.T) {
	t.Parallel()
	kexInit := func() []byte {
		payload := ssh.Marshal(rawssh.NewKexInit())
		padding := 8 - (len(payload)+5)%8 + 4
		size := 1 + len(payload) + padding
		return append(append([]byte{0, 0, byte(size >> 8), byte(size), byte(padding)}, payload...), make([]byte, padding)...)
	}()
	long := bytes.Repeat([]byte("x"), 1<<20)
	version := []byte("SSH-2.0-slow\r\n")
	send := func(p ...byte) func(net.Conn) { return func(nc net.Conn) { nc.Write(p) } }
	for name, tt := range map[string]func(nc net.Conn){
		"nothing":       send(),
		"slow version":  func(nc net.Conn) { drip(nc, append([]byte("SSH-2.0-"), long...), 10*time.Millisecond) },
		"version only":  send(version...),
		"slow KEXINIT":  func(nc net.Conn) { drip(nc, append(version, kexInit...), 10*time.Millisecond) },
		"KEXINIT only":  send(append(version, kexInit...)...),
		"half a packet": send(append(append(version, kexInit...), 0, 0, 1, 0, 5)...),
		"packet of full length": func(nc net.Conn) {
			nc.Write(version)
			drip(nc, append([]byte{0, 4, 0, 0, 5}, long...), 10*time.Millisecond)
		},
		"before the service": func(nc net.Conn) { halfway(nc, func(c *rawssh.Conn) error { return nil }) },
		"before the login":   func(nc net.Conn) { halfway(nc, func(c *rawssh.Conn) error { return c.RequestService("ssh-userauth") }) },
		"rekeys slowly": func(nc net.Conn) {
			halfway(nc, func(c *rawssh.Conn) error {
				if err := c.RequestService("ssh-userauth"); err != nil {
					return err
				}
				return c.Send(ssh.Marshal(rawssh.NewKexInit()))
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := &recorder{}
			addr := start(t, &sshd.Server{HandshakeTimeout: 300 * time.Millisecond, Sink: rec})
			nc, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			defer nc.Close()
			began := time.Now()
			sent := make(chan struct{})
			go func() { defer close(sent); tt(nc) }()
			why := disconnected(t, rec)
			assert.ErrorIs(t, why, quaymaster.ErrLoginTimeout)
			assert.Less(t, time.Since(began), 5*time.Second)
			<-sent
		})
	}
}

// halfway exchanges keys, does one step more and then nothing.
func halfway(nc net.Conn, step func(*rawssh.Conn) error) {
	c, err := rawssh.New(nc, rawssh.Version)
	if err == nil {
		err = c.KeyExchange(nil)
	}
	if err == nil {
		step(c) // on a busy machine the time is up before it
	}
}

// A client that does not log in costs a bounded number of bytes, whatever they
// are.
func TestHandshakeBytes(t *testing.T) {
	t.Parallel()
	ignore := append([]byte{rawssh.MsgIgnore}, ssh.Marshal(struct{ Data []byte }{make([]byte, 30_000)})...)
	for name, spend := range map[string]func(c *rawssh.Conn) error{
		"IGNORE": func(c *rawssh.Conn) error { return c.Send(ignore) },
		"rekeys": func(c *rawssh.Conn) error {
			init := rawssh.NewKexInit()
			init.LanguagesToServer = []string{strings.Repeat("x", 30_000)}
			return c.KeyExchange(init)
		},
		"long name": func(c *rawssh.Conn) error { return c.SendPassword(strings.Repeat("u", 30_000), "p") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := &recorder{}
			c, err := rawssh.Ready(start(t, &sshd.Server{Sink: rec, MaxAuthTries: 100}))
			require.NoError(t, err)
			defer c.Close()
			for n := 0; err == nil; n++ {
				require.Less(t, n, 10_000, "the server must hang up")
				err = spend(c)
			}
			assert.ErrorIs(t, disconnected(t, rec), sshd.ErrHandshakeSize)
		})
	}
}

// What is no SSH is not waited for.
func TestNotSSH(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]string{
		"HTTP":         "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"TLS":          "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"SMB":          "\x00\x00\x00\x54\xffSMBr",
		"SSH 1":        "SSH-1.5-x\n",
		"NUL":          "\x00",
		"empty line":   "\r\n",
		"lower case":   "ssh-2.0-x\r\n",
		"line before":  "hello\r\nSSH-2.0-x\r\n",
		"long version": "SSH-2.0-" + strings.Repeat("x", 1000),
	} {
		rec := &recorder{}
		addr := start(t, &sshd.Server{Sink: rec})
		nc, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		began := time.Now()
		_, err = nc.Write([]byte(sent))
		require.NoError(t, err)
		assert.ErrorIs(t, disconnected(t, rec), sshd.ErrNotSSH, name)
		assert.Less(t, time.Since(began), 5*time.Second, name)
		io.Copy(io.Discard, nc) // it is closed, by a reset or in good order
		nc.Close()
	}
}

// A client may wait for our KEXINIT before it sends its own. It gets what is
// offered to everybody.
func TestClientWaitsForOurKexInit(t *testing.T) {
	t.Parallel()
	c := dialRaw(t, start(t, &sshd.Server{}))
	theirs, err := c.ServerKexInit()
	require.NoError(t, err)
	assert.Equal(t, sshd.DefaultAlgorithms().Ciphers, theirs.CiphersToClient)
	require.NoError(t, c.Login("u", "p"))
}
