package sshd_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// newKey returns a fresh Ed25519 key.
func newKey(t testing.TB) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	key, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return key
}

// recorder keeps events.
type recorder struct {
	mu     sync.Mutex
	events []quaymaster.Event
}

func (r *recorder) Emit(_ context.Context, e *quaymaster.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, *e)
}

func (r *recorder) kinds() (kinds []quaymaster.Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func (r *recorder) find(k quaymaster.Kind) *quaymaster.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.events {
		if r.events[i].Kind == k {
			return &r.events[i]
		}
	}
	return nil
}

func identity(user string) *auth.Identity {
	return &auth.Identity{User: user, Home: auth.Home(memfs.New())}
}

// passwordAuth lets in "u" with password "p".
var passwordAuth = auth.Func(func(_ context.Context, r *auth.Request) (*auth.Identity, error) {
	if p, ok := r.Cred.(auth.Password); ok && r.User == "u" && string(p) == "p" {
		return identity("u"), nil
	}
	return nil, auth.ErrDenied
})

// echo sends back what it gets.
var echo = sshd.HandlerFunc(func(_ context.Context, s *sshd.Session) error {
	_, err := io.Copy(s, s)
	return err
})

// start serves srv on loopback, with what it lacks filled in.
func start(t testing.TB, srv *sshd.Server) string {
	t.Helper()
	if srv.Auth == nil {
		srv.Auth = passwordAuth
	}
	if srv.HostKeys == nil {
		srv.HostKeys = []ssh.Signer{newKey(t)}
	}
	if srv.Logger == nil {
		srv.Logger = slog.New(slog.DiscardHandler)
	}
	if srv.Subsystems == nil {
		srv.Subsystems = map[string]sshd.Handler{"echo": echo}
	}
	return peer.Serve(t, srv)
}

func clientConfig(methods ...ssh.AuthMethod) *ssh.ClientConfig {
	return &ssh.ClientConfig{User: "u", Auth: methods, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: 10 * time.Second}
}

func dial(t testing.TB, addr string, methods ...ssh.AuthMethod) *ssh.Client {
	t.Helper()
	if methods == nil {
		methods = []ssh.AuthMethod{ssh.Password("p")}
	}
	c, err := ssh.Dial("tcp", addr, clientConfig(methods...))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func newSession(t testing.TB, c *ssh.Client) *ssh.Session {
	t.Helper()
	s, err := c.NewSession()
	require.NoError(t, err)
	return s
}

func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	require.Eventually(t, cond, 10*time.Second, time.Millisecond, what)
}

// A server without authenticator or host key must not start: it never lets
// everybody in, and never invents a key.
func TestRefusesToServe(t *testing.T) {
	for name, srv := range map[string]*sshd.Server{
		"no auth":     {HostKeys: []ssh.Signer{newKey(t)}},
		"no key":      {Auth: passwordAuth},
		"bad version": {Auth: passwordAuth, HostKeys: []ssh.Signer{newKey(t)}, Version: "with blank"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		err = srv.Serve(l)
		assert.Error(t, err, name)
		assert.NotErrorIs(t, err, quaymaster.ErrServerClosed, name)
		l.Close()
	}
}

func TestSubsystemAndEvents(t *testing.T) {
	rec := &recorder{}
	addr := start(t, &sshd.Server{Sink: rec})
	c := dial(t, addr)
	s := newSession(t, c)
	in, err := s.StdinPipe()
	require.NoError(t, err)
	out, err := s.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.RequestSubsystem("echo"))
	_, err = in.Write([]byte("hello"))
	require.NoError(t, err)
	require.NoError(t, in.Close())
	got, err := io.ReadAll(out)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(got))
	c.Close()
	eventually(t, "disconnect event", func() bool { return rec.find(quaymaster.KindDisconnect) != nil })
	assert.Equal(t, []quaymaster.Kind{"connect", "handshake", "login", "channel", "logout", "disconnect"}, rec.kinds())
	login := rec.find(quaymaster.KindLogin)
	assert.Equal(t, "u", login.User)
	assert.Equal(t, "password", login.Target)
	assert.Equal(t, "SSH-2.0-Go", login.Conn.Client)
	assert.Contains(t, rec.find(quaymaster.KindHandshake).Target, "mlkem768x25519-sha256")
	assert.NoError(t, rec.find(quaymaster.KindLogout).Err, "a client that says goodbye is no error")
}

func TestVersionAndBanner(t *testing.T) {
	addr := start(t, &sshd.Server{Banner: "Private.\nKeep out."})
	var banner string
	cfg := clientConfig(ssh.Password("p"))
	cfg.BannerCallback = func(m string) error { banner = m; return nil }
	c, err := ssh.Dial("tcp", addr, cfg)
	require.NoError(t, err)
	defer c.Close()
	assert.Equal(t, "SSH-2.0-Quaymaster", string(c.ServerVersion()))
	assert.Equal(t, "Private.\r\nKeep out.", banner)
}

func TestNoSHA1(t *testing.T) {
	a := sshd.DefaultAlgorithms()
	insecure := ssh.InsecureAlgorithms()
	for _, list := range [][]string{a.KeyExchanges, a.Ciphers, a.MACs, a.PublicKeys, a.HostKeys} {
		assert.NotEmpty(t, list)
		for _, name := range list {
			assert.NotContains(t, name, "sha1")
			for _, bad := range [][]string{insecure.KeyExchanges, insecure.Ciphers, insecure.MACs, insecure.PublicKeyAuths, insecure.HostKeys} {
				assert.NotContains(t, bad, name)
			}
		}
	}
	addr := start(t, &sshd.Server{})
	cfg := clientConfig(ssh.Password("p"))
	cfg.KeyExchanges = []string{ssh.InsecureKeyExchangeDH14SHA1}
	_, err := ssh.Dial("tcp", addr, cfg)
	assert.ErrorContains(t, err, "no common algorithm")
}

func TestExecAndExitStatus(t *testing.T) {
	rec := &recorder{}
	fail := func(err error) sshd.Handler {
		return sshd.HandlerFunc(func(context.Context, *sshd.Session) error { return err })
	}
	addr := start(t, &sshd.Server{Sink: rec, Commands: map[string]sshd.Handler{
		"true": fail(nil), "seven": fail(&sshd.ExitError{Code: 7}), "broken": fail(errors.New("broken")),
		"panic": sshd.HandlerFunc(func(context.Context, *sshd.Session) error { panic("boom") }),
		"words": sshd.HandlerFunc(func(_ context.Context, s *sshd.Session) error {
			_, err := s.Write([]byte(s.Command() + "|" + s.Env("LANG") + "|" + s.Env("LD_PRELOAD")))
			return err
		}),
	}})
	c := dial(t, addr)
	for cmd, want := range map[string]int{"true": 0, "seven x": 7, "broken": 1, "panic": 1} {
		err := newSession(t, c).Run(cmd)
		var exit *ssh.ExitError
		if want == 0 {
			assert.NoError(t, err, cmd)
		} else if assert.ErrorAs(t, err, &exit, cmd) {
			assert.Equal(t, want, exit.ExitStatus(), cmd)
		}
	}
	s := newSession(t, c)
	assert.NoError(t, s.Setenv("LANG", "C"))
	assert.Error(t, s.Setenv("LD_PRELOAD", "/evil"))
	out, err := s.Output("words a b")
	require.NoError(t, err)
	assert.Equal(t, "words a b|C|", string(out))
	for _, cmd := range []string{"sh", "/bin/sh", "sha256sum a; id", "", " "} {
		assert.Error(t, newSession(t, c).Run(cmd), "%q must be refused", cmd)
	}
	assert.Error(t, newSession(t, c).Shell())
	assert.Error(t, newSession(t, c).RequestPty("xterm", 80, 24, nil))
	assert.Error(t, newSession(t, c).RequestSubsystem("nonsense"))
	ok, _, err := c.SendRequest("keepalive@openssh.com", true, nil)
	require.NoError(t, err)
	assert.False(t, ok, "answered with a failure")
}

// A subsystem request whose payload is cut short must not bring the server
// down (SFTPGo 760bf692).
func TestMalformedChannelRequests(t *testing.T) {
	c := dial(t, start(t, &sshd.Server{}))
	s := newSession(t, c)
	for _, kind := range []string{"subsystem", "exec", "env", "pty-req", "window-change"} {
		for _, payload := range [][]byte{nil, {0}, {0, 0, 0, 200, 'x'}, {255, 255, 255, 255}} {
			ok, err := s.SendRequest(kind, true, payload)
			require.NoError(t, err)
			assert.False(t, ok, "%s %v", kind, payload)
		}
	}
	require.NoError(t, s.RequestSubsystem("echo"))
	ok, err := s.SendRequest("subsystem", true, ssh.Marshal(struct{ N string }{"echo"}))
	require.NoError(t, err)
	assert.False(t, ok, "only one for a channel")
}

func TestForwardingIsRefused(t *testing.T) {
	c := dial(t, start(t, &sshd.Server{}))
	_, err := c.Dial("tcp", "127.0.0.1:1")
	var open *ssh.OpenChannelError
	require.ErrorAs(t, err, &open)
	assert.Equal(t, ssh.Prohibited, open.Reason)
	_, err = c.Listen("tcp", "127.0.0.1:0")
	assert.Error(t, err)
	_, _, err = c.OpenChannel("nonsense", nil)
	require.ErrorAs(t, err, &open)
	assert.Equal(t, ssh.UnknownChannelType, open.Reason)
}

func TestMaxChannels(t *testing.T) {
	c := dial(t, start(t, &sshd.Server{MaxChannels: 2}))
	a, b := newSession(t, c), newSession(t, c)
	_, err := c.NewSession()
	var open *ssh.OpenChannelError
	require.ErrorAs(t, err, &open)
	assert.Equal(t, ssh.ResourceShortage, open.Reason)
	require.NoError(t, a.Close())
	_ = b
	eventually(t, "room again", func() bool { _, err := c.NewSession(); return err == nil })
	_, _, err = c.SendRequest("no-more-sessions@openssh.com", false, nil)
	require.NoError(t, err)
	eventually(t, "no more", func() bool {
		_, err := c.NewSession()
		return errors.As(err, &open) && open.Reason == ssh.Prohibited
	})
}

func TestForceCommand(t *testing.T) {
	for forced, want := range map[string]string{"internal-sftp -f AUTH": "sftp", "report daily": "report daily"} {
		what := sshd.HandlerFunc(func(_ context.Context, s *sshd.Session) error {
			_, err := s.Write([]byte(s.Command()))
			return err
		})
		addr := start(t, &sshd.Server{
			Auth: auth.Func(func(context.Context, *auth.Request) (*auth.Identity, error) {
				id := identity("u")
				id.ForceCommand = forced
				return id, nil
			}),
			Subsystems: map[string]sshd.Handler{"sftp": what}, Commands: map[string]sshd.Handler{"report": what, "other": what},
		})
		out, err := newSession(t, dial(t, addr)).Output("other thing")
		require.NoError(t, err)
		assert.Equal(t, want, string(out))
	}
}

func TestGate(t *testing.T) {
	gate := &countingGate{}
	addr := start(t, &sshd.Server{Gate: gate})
	c := dial(t, addr)
	c.Close()
	eventually(t, "released", func() bool { return gate.open() == 0 })
	assert.Equal(t, []string{"", "u"}, gate.asked())

	gate.refuse("u")
	_, err := ssh.Dial("tcp", addr, clientConfig(ssh.Password("p")))
	assert.Error(t, err, "refused at login")
	gate.refuse("")
	_, err = ssh.Dial("tcp", addr, clientConfig(ssh.Password("p")))
	assert.Error(t, err, "refused at accept")
	eventually(t, "released", func() bool { return gate.open() == 0 })
}

type countingGate struct {
	mu    sync.Mutex
	users []string
	no    []string
	held  int
}

func (g *countingGate) Admit(_ context.Context, _ *quaymaster.Conn, user string) (func(), error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if slices.Contains(g.no, user) {
		return nil, quaymaster.ErrRefused
	}
	g.users = append(g.users, user)
	g.held++
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.held--
	}, nil
}

func (g *countingGate) refuse(user string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.no = append(g.no, user)
}

func (g *countingGate) open() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}

func (g *countingGate) asked() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.users)
}
