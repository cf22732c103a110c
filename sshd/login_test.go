package sshd_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/sshd"
)

// keyAuth lets the owner of each key in as the user it maps to, and records
// what it was asked.
type keyAuth struct {
	users  map[string]string // blob to user
	proven atomic.Int64
}

func (a *keyAuth) Authenticate(_ context.Context, r *auth.Request) (*auth.Identity, error) {
	k, ok := r.Cred.(auth.PublicKey)
	if !ok || a.users[string(k.Blob)] == "" {
		return nil, auth.ErrDenied
	}
	if k.Proven {
		a.proven.Add(1)
	}
	return identity(a.users[string(k.Blob)]), nil // also when it is not proven
}

func try(addr string, methods ...ssh.AuthMethod) error {
	c, err := ssh.Dial("tcp", addr, clientConfig(methods...))
	if err != nil {
		return err
	}
	return c.Close()
}

func TestPublicKey(t *testing.T) {
	good, bad := newKey(t), newKey(t)
	rec := &recorder{}
	addr := start(t, &sshd.Server{Sink: rec, Auth: &keyAuth{users: map[string]string{string(good.PublicKey().Marshal()): "alice"}}})
	assert.NoError(t, try(addr, ssh.PublicKeys(bad, good)))
	assert.Error(t, try(addr, ssh.PublicKeys(bad)))
	login := rec.find(quaymaster.KindLogin)
	require.NotNil(t, login)
	assert.Equal(t, "alice", login.User, "the canonical name, not the one that was sent")
}

// liar presents one key and signs with another.
type liar struct {
	ssh.Signer
	shown ssh.PublicKey
}

func (l liar) PublicKey() ssh.PublicKey { return l.shown }

// CVE-2024-45337 class: a key that is merely offered must count for nothing.
func TestOfferedKeyLogsNobodyIn(t *testing.T) {
	admin, mine := newKey(t), newKey(t)
	a := &keyAuth{users: map[string]string{string(admin.PublicKey().Marshal()): "admin"}}
	addr := start(t, &sshd.Server{Auth: a})
	assert.Error(t, try(addr, ssh.PublicKeys(liar{mine, admin.PublicKey()})))
	assert.Zero(t, a.proven.Load())

	a.users[string(mine.PublicKey().Marshal())] = "me"
	var user atomic.Value
	addr = start(t, &sshd.Server{Auth: a, Subsystems: map[string]sshd.Handler{
		"who": sshd.HandlerFunc(func(_ context.Context, s *sshd.Session) error {
			user.Store(s.Identity().User)
			return nil
		}),
	}})
	// The first is refused by the missing proof, which ends the connection;
	// x/crypto's client then has no second chance on it.
	assert.Error(t, try(addr, ssh.PublicKeys(liar{mine, admin.PublicKey()}, mine)))
	c := dial(t, addr, ssh.PublicKeys(mine))
	require.NoError(t, newSession(t, c).RequestSubsystem("who"))
	eventually(t, "handler ran", func() bool { return user.Load() != nil })
	assert.Equal(t, "me", user.Load())
}

func TestTwoFactors(t *testing.T) {
	key := newKey(t)
	blob := string(key.PublicKey().Marshal())
	twoStep := auth.Func(func(_ context.Context, r *auth.Request) (*auth.Identity, error) {
		switch c := r.Cred.(type) {
		case auth.PublicKey:
			if string(c.Blob) == blob {
				return nil, &auth.Partial{Next: []auth.Method{auth.MethodPassword}}
			}
		case auth.Password:
			if c == "p" && len(r.Passed) == 1 && r.Passed[0].(auth.PublicKey).Proven {
				return identity(r.User), nil
			}
		}
		return nil, auth.ErrDenied
	})
	addr := start(t, &sshd.Server{Auth: twoStep})
	assert.NoError(t, try(addr, ssh.PublicKeys(key), ssh.Password("p")))
	assert.Error(t, try(addr, ssh.Password("p")), "the first factor is missing")
	assert.Error(t, try(addr, ssh.PublicKeys(key)), "the second factor is missing")
	assert.Error(t, try(addr, ssh.PublicKeys(key), ssh.Password("x")))
	assert.Error(t, try(addr, ssh.PublicKeys(liar{newKey(t), key.PublicKey()}), ssh.Password("p")))
}

func TestInteractive(t *testing.T) {
	ask := auth.Func(func(ctx context.Context, r *auth.Request) (*auth.Identity, error) {
		i, ok := r.Cred.(auth.Interactive)
		if !ok {
			return nil, auth.ErrDenied
		}
		if _, err := i.Ask(ctx, "", "Nothing to answer", nil); err != nil {
			return nil, err
		}
		answers, err := i.Ask(ctx, "Login", "", []auth.Question{{Text: "Password: "}, {Text: "Colour: ", Echo: true}})
		if err != nil {
			return nil, err
		}
		if !slices.Equal(answers, []string{"p", "red"}) {
			return nil, auth.ErrDenied
		}
		return identity(r.User), nil
	})
	addr := start(t, &sshd.Server{Auth: ask})
	answer := func(second string) ssh.AuthMethod {
		return ssh.KeyboardInteractive(func(_, _ string, questions []string, echos []bool) ([]string, error) {
			if len(questions) == 0 {
				return nil, nil
			}
			assert.Equal(t, []bool{false, true}, echos)
			return []string{"p", second}, nil
		})
	}
	assert.NoError(t, try(addr, answer("red")))
	assert.Error(t, try(addr, answer("blue")))
}

// Empty names and passwords are refused whatever the Authenticator says
// (CVE-2026-40884 class).
func TestEmptyCredentials(t *testing.T) {
	addr := start(t, &sshd.Server{Auth: auth.Func(func(_ context.Context, r *auth.Request) (*auth.Identity, error) {
		return identity("x"), nil
	})})
	assert.Error(t, try(addr, ssh.Password("")))
	for _, user := range []string{"", "nul\x00", "line\nfeed", "bidi\u202e"} {
		cfg := clientConfig(ssh.Password("p"))
		cfg.User = user
		_, err := ssh.Dial("tcp", addr, cfg)
		assert.Error(t, err, "%q", user)
	}
}

func TestIncompleteIdentity(t *testing.T) {
	for _, id := range []*auth.Identity{nil, {}, {User: "u"}, {Home: identity("u").Home}} {
		addr := start(t, &sshd.Server{Auth: auth.Func(func(context.Context, *auth.Request) (*auth.Identity, error) { return id, nil })})
		assert.Error(t, try(addr, ssh.Password("p")))
	}
}

func TestMaxAuthTries(t *testing.T) {
	var tries atomic.Int64
	addr := start(t, &sshd.Server{MaxAuthTries: 3, Auth: auth.Func(func(_ context.Context, r *auth.Request) (*auth.Identity, error) {
		tries.Add(1)
		return nil, auth.ErrDenied
	})})
	wrong := ssh.RetryableAuthMethod(ssh.PasswordCallback(func() (string, error) { return "x", nil }), 50)
	assert.Error(t, try(addr, wrong))
	assert.LessOrEqual(t, tries.Load(), int64(3))
}

// An agent with many keys must not use up the attempts.
func TestManyKeysThenPassword(t *testing.T) {
	var keys []ssh.Signer
	for range 15 {
		keys = append(keys, newKey(t))
	}
	assert.NoError(t, try(start(t, &sshd.Server{}), ssh.PublicKeys(keys...), ssh.Password("p")))
	assert.Error(t, try(start(t, &sshd.Server{MaxKeyQueries: 5}), ssh.PublicKeys(keys...), ssh.Password("p")))
}

func certificate(t *testing.T, ca ssh.Signer, key ssh.PublicKey, change func(*ssh.Certificate)) *ssh.Certificate {
	t.Helper()
	cert := &ssh.Certificate{
		Key: key, CertType: ssh.UserCert, KeyId: "id", Serial: 7, ValidPrincipals: []string{"u", "v"},
		ValidAfter: uint64(time.Now().Add(-time.Hour).Unix()), ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
	}
	if change != nil {
		change(cert)
	}
	require.NoError(t, cert.SignCert(rand.Reader, ca))
	return cert
}

func TestUserCertificates(t *testing.T) {
	ca, key := newKey(t), newKey(t)
	addr := start(t, &sshd.Server{Auth: auth.Func(func(_ context.Context, r *auth.Request) (*auth.Identity, error) {
		k, ok := r.Cred.(auth.PublicKey)
		if !ok || k.Cert == nil || string(k.Cert.CA) != string(ca.PublicKey().Marshal()) || !slices.Contains(k.Cert.Principals, r.User) {
			return nil, auth.ErrDenied
		}
		return identity(r.User), nil
	})})
	attempt := func(ca ssh.Signer, change func(*ssh.Certificate)) error {
		s, err := ssh.NewCertSigner(certificate(t, ca, key.PublicKey(), change), key)
		require.NoError(t, err)
		return try(addr, ssh.PublicKeys(s))
	}
	assert.NoError(t, attempt(ca, nil))
	assert.Error(t, attempt(newKey(t), nil), "another CA")
	hour := uint64(3600)
	for name, change := range map[string]func(*ssh.Certificate){
		"expired":         func(c *ssh.Certificate) { c.ValidBefore = c.ValidAfter + 1 },
		"not yet":         func(c *ssh.Certificate) { c.ValidAfter, c.ValidBefore = c.ValidBefore, c.ValidBefore+hour },
		"host":            func(c *ssh.Certificate) { c.CertType = ssh.HostCert },
		"no principals":   func(c *ssh.Certificate) { c.ValidPrincipals = nil },
		"comma principal": func(c *ssh.Certificate) { c.ValidPrincipals = []string{"x,u"} }, // CVE-2026-35414
		"unknown option":  func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"frobnicate": "x"} },
		"wrong source":    func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"source-address": "127.0.0.2/32"} },
		"empty source":    func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"source-address": ""} },
	} {
		assert.Error(t, attempt(ca, change), name)
	}
	assert.NoError(t, attempt(ca, func(c *ssh.Certificate) {
		c.CriticalOptions = map[string]string{"source-address": "127.0.0.0/8"}
		c.ValidBefore = ssh.CertTimeInfinity
	}))
}

// The address restriction also holds when another factor follows, and when
// the Authenticator sees only the second (CVE-2026-56854 class).
func TestSourceAddressOnFirstFactor(t *testing.T) {
	ca, key := newKey(t), newKey(t)
	addr := start(t, &sshd.Server{Auth: auth.Func(func(_ context.Context, r *auth.Request) (*auth.Identity, error) {
		if r.Cred.Method() == auth.MethodPublicKey {
			return nil, &auth.Partial{Next: []auth.Method{auth.MethodPassword}}
		}
		if r.HasPassed(auth.MethodPublicKey) {
			return identity(r.User), nil
		}
		return nil, auth.ErrDenied
	})})
	cert := certificate(t, ca, key.PublicKey(), func(c *ssh.Certificate) {
		c.CriticalOptions = map[string]string{"source-address": "127.0.0.2/32"}
	})
	s, err := ssh.NewCertSigner(cert, key)
	require.NoError(t, err)
	assert.Error(t, try(addr, ssh.PublicKeys(s), ssh.Password("p")))
}

func TestWeakRSA(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("this Go makes no 1024-bit keys: ", err)
	}
	key, err := ssh.NewSignerFromKey(weak)
	require.NoError(t, err)
	a := &keyAuth{users: map[string]string{string(key.PublicKey().Marshal()): "u"}}
	assert.Error(t, try(start(t, &sshd.Server{Auth: a}), ssh.PublicKeys(key)))
}

func TestSessionLimit(t *testing.T) {
	rec := &recorder{}
	addr := start(t, &sshd.Server{Sink: rec, Auth: auth.Func(func(_ context.Context, r *auth.Request) (*auth.Identity, error) {
		id := identity(r.User)
		id.Limits.Sessions = 2
		return id, nil
	})})
	first := dial(t, addr)
	dial(t, addr)
	assert.Error(t, try(addr, ssh.Password("p")), "a third")
	require.NoError(t, first.Close())
	eventually(t, "room again", func() bool { return try(addr, ssh.Password("p")) == nil })
}

func TestHandshakeTimeout(t *testing.T) {
	rec := &recorder{}
	addr := start(t, &sshd.Server{HandshakeTimeout: 50 * time.Millisecond, Sink: rec})
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer nc.Close()
	nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	for err == nil {
		_, err = nc.Read(make([]byte, 1024))
	}
	var timeout net.Error
	assert.False(t, errors.As(err, &timeout) && timeout.Timeout(), "the server must hang up first: %v", err)
	eventually(t, "event", func() bool { return rec.find(quaymaster.KindDisconnect) != nil })
	assert.ErrorContains(t, rec.find(quaymaster.KindDisconnect).Err, "within the time")
}

func TestIdleTimeout(t *testing.T) {
	rec := &recorder{}
	c := dial(t, start(t, &sshd.Server{IdleTimeout: 50 * time.Millisecond, Sink: rec}))
	assert.Error(t, c.Wait())
	eventually(t, "event", func() bool { return rec.find(quaymaster.KindLogout) != nil })
	assert.ErrorIs(t, rec.find(quaymaster.KindLogout).Err, quaymaster.ErrIdle)
}

// A handler that is at work is not idle.
func TestIdleTimeoutSparesWork(t *testing.T) {
	finish := make(chan struct{})
	c := dial(t, start(t, &sshd.Server{IdleTimeout: 500 * time.Millisecond, Commands: map[string]sshd.Handler{
		"work": sshd.HandlerFunc(func(context.Context, *sshd.Session) error { <-finish; return nil }),
	}}))
	ran := make(chan error, 1)
	go func() { ran <- newSession(t, c).Run("work") }()
	select {
	case err := <-ran:
		t.Fatal("ended at work: ", err)
	case <-time.After(1500 * time.Millisecond): // several timeouts long
	}
	close(finish)
	assert.NoError(t, <-ran)
}

// A client that does not take what it asked for is idle.
func TestIdleTimeoutEndsStalledClient(t *testing.T) {
	rec := &recorder{}
	c := dial(t, start(t, &sshd.Server{IdleTimeout: 50 * time.Millisecond, Sink: rec, Commands: map[string]sshd.Handler{
		"flood": sshd.HandlerFunc(func(_ context.Context, s *sshd.Session) error {
			for {
				if _, err := s.Write(make([]byte, 1<<20)); err != nil {
					return err
				}
			}
		}),
	}}))
	s := newSession(t, c)
	_, err := s.StdoutPipe() // and never read
	require.NoError(t, err)
	require.NoError(t, s.Start("flood"))
	eventually(t, "ended", func() bool { return rec.find(quaymaster.KindLogout) != nil })
	assert.ErrorIs(t, rec.find(quaymaster.KindLogout).Err, quaymaster.ErrIdle)
}

// A client whose line is dead is dropped after three unanswered questions.
func TestKeepAlive(t *testing.T) {
	rec := &recorder{}
	addr := start(t, &sshd.Server{KeepAlive: 250 * time.Millisecond, Sink: rec})
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer nc.Close()
	stuck := &stuckConn{Conn: nc, block: make(chan struct{})}
	defer close(stuck.block)
	c, chans, reqs, err := ssh.NewClientConn(stuck, addr, clientConfig(ssh.Password("p")))
	require.NoError(t, err)
	client := ssh.NewClient(c, chans, reqs)
	go client.Wait()
	stuck.dead.Store(true)
	eventually(t, "dropped", func() bool { return rec.find(quaymaster.KindDisconnect) != nil })
	assert.ErrorIs(t, rec.find(quaymaster.KindDisconnect).Err, quaymaster.ErrConnLost)

	alive := dial(t, addr) // answers, so it stays
	require.NoError(t, newSession(t, alive).RequestSubsystem("echo"))
}

// stuckConn swallows what is written once it is dead.
type stuckConn struct {
	net.Conn
	dead  atomic.Bool
	block chan struct{}
}

func (s *stuckConn) Write(p []byte) (int, error) {
	if s.dead.Load() {
		return len(p), nil
	}
	return s.Conn.Write(p)
}

func TestShutdownWaitsForWork(t *testing.T) {
	release := make(chan struct{})
	started := make(chan struct{})
	srv := &sshd.Server{Commands: map[string]sshd.Handler{
		"work": sshd.HandlerFunc(func(context.Context, *sshd.Session) error {
			close(started)
			<-release
			return nil
		}),
	}}
	addr := start(t, srv)
	idle := dial(t, addr)
	busy := dial(t, addr)
	ran := make(chan error, 1)
	go func() { ran <- newSession(t, busy).Run("work") }()
	<-started
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, srv.Shutdown(short), context.DeadlineExceeded)
	assert.Error(t, idle.Wait(), "the idle one was ended")
	_, err := net.DialTimeout("tcp", addr, time.Second)
	assert.Error(t, err, "nothing new")
	close(release)
	assert.NoError(t, <-ran, "work was finished")
	busy.Close()
	assert.NoError(t, srv.Shutdown(t.Context()))
}

func TestHostKeyFile(t *testing.T) {
	file := t.TempDir() + "/key"
	first, err := sshd.HostKey(file)
	require.NoError(t, err)
	again, err := sshd.HostKey(file)
	require.NoError(t, err)
	assert.Equal(t, first.PublicKey().Marshal(), again.PublicKey().Marshal())
}

func TestHostKeyExposed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("permissions are not in the mode on Windows")
	}
	file := t.TempDir() + "/key"
	_, err := sshd.LoadHostKey(file)
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = sshd.HostKey(file)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(file, 0o640))
	_, err = sshd.HostKey(file)
	assert.ErrorIs(t, err, sshd.ErrKeyExposed)
}

func TestHostCertificate(t *testing.T) {
	ca, file := newKey(t), t.TempDir()+"/key"
	key, err := sshd.HostKey(file)
	require.NoError(t, err)
	cert := &ssh.Certificate{
		Key: key.PublicKey(), CertType: ssh.HostCert, KeyId: "host", ValidPrincipals: []string{"127.0.0.1"},
		ValidBefore: ssh.CertTimeInfinity,
	}
	require.NoError(t, cert.SignCert(rand.Reader, ca))
	require.NoError(t, os.WriteFile(file+"-cert.pub", ssh.MarshalAuthorizedKey(cert), 0o644))
	key, err = sshd.HostKey(file)
	require.NoError(t, err)
	addr := start(t, &sshd.Server{HostKeys: []ssh.Signer{key}})
	checker := &ssh.CertChecker{IsHostAuthority: func(k ssh.PublicKey, _ string) bool {
		return string(k.Marshal()) == string(ca.PublicKey().Marshal())
	}}
	cfg := clientConfig(ssh.Password("p"))
	cfg.HostKeyCallback = checker.CheckHostKey
	cfg.HostKeyAlgorithms = []string{ssh.CertAlgoED25519v01}
	c, err := ssh.Dial("tcp", addr, cfg)
	require.NoError(t, err)
	c.Close()
}
