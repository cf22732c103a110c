package limit_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	client "github.com/pkg/sftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/limit"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
)

// newServer lacks a Gate.
func newServer(t testing.TB) *sshd.Server {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	key, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return &sshd.Server{
		Auth: accounts, HostKeys: []ssh.Signer{key}, Logger: discard,
		Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{}},
	}
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

// count returns how many events f selects.
func (r *recorder) count(f func(*quaymaster.Event) bool) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.events {
		if f(&r.events[i]) {
			n++
		}
	}
	return n
}

func (r *recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = nil
}

// guard puts g before srv.
func guard(srv *sshd.Server, g *limit.Gate) *recorder {
	rec := &recorder{}
	srv.Gate, srv.Sink = quiet(g), quaymaster.Sinks(g, rec)
	return rec
}

// start serves srv on loopback, through wrap if that is not nil.
func start(t testing.TB, srv *sshd.Server, wrap func(net.Listener) net.Listener) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	if wrap != nil {
		l = wrap(l)
	}
	peer.ServeOn(t, srv, l)
	return addr
}

// needLoopback skips where 127.0.0.1 is the only address to connect from.
func needLoopback(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" && runtime.GOOS != "windows" {
		t.Skip("the system has one loopback address only")
	}
}

// dialFrom connects to addr from one of the loopback addresses.
func dialFrom(t testing.TB, ip, addr string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}, Timeout: 10 * time.Second}
	nc, err := d.DialContext(t.Context(), "tcp", addr)
	require.NoError(t, err)
	return nc
}

// logIn logs in on nc, which it closes on failure.
func logIn(nc net.Conn, user, password string) (*ssh.Client, error) {
	// A server that neither answers nor hangs up must not hang the test.
	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return nil, err
	}
	conn, chans, requests, err := ssh.NewClientConn(nc, "", &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.Password(password)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		nc.Close()
		return nil, err
	}
	return ssh.NewClient(conn, chans, requests), nc.SetDeadline(time.Time{})
}

func mustLogIn(t testing.TB, ip, addr, user string) *ssh.Client {
	t.Helper()
	c, err := logIn(dialFrom(t, ip, addr), user, "p")
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func failLogIn(t testing.TB, ip, addr, user, password string) {
	t.Helper()
	_, err := logIn(dialFrom(t, ip, addr), user, password)
	require.Error(t, err)
}

func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	require.Eventually(t, cond, 20*time.Second, 2*time.Millisecond, what)
}

func refused(reason limit.Reason) func(*quaymaster.Event) bool {
	return func(e *quaymaster.Event) bool {
		r, ok := limit.Refused(e.Err)
		return ok && r.Reason == reason
	}
}

func TestCapsOverSSH(t *testing.T) {
	needLoopback(t)
	srv := newServer(t)
	rec := guard(srv, &limit.Gate{MaxConns: 4, MaxPerSource: 2, MaxPerUser: 3, Deny: prefixes("127.0.0.9/32")})
	addr := start(t, srv, nil)
	failLogIn(t, "127.0.0.9", addr, "u", "p")
	eventually(t, "denied", func() bool { return rec.count(refused(limit.ReasonDenied)) == 1 })

	first := mustLogIn(t, "127.0.0.2", addr, "u")
	mustLogIn(t, "127.0.0.2", addr, "u")
	failLogIn(t, "127.0.0.2", addr, "u", "p")
	eventually(t, "per source", func() bool { return rec.count(refused(limit.ReasonMaxPerSource)) == 1 })
	mustLogIn(t, "127.0.0.3", addr, "u")
	failLogIn(t, "127.0.0.3", addr, "u", "p")
	eventually(t, "per user", func() bool { return rec.count(refused(limit.ReasonMaxPerUser)) == 1 })
	gate := srv.Gate.(*limit.Gate)
	eventually(t, "the refused are gone", func() bool { return gate.Conns() == 3 })
	mustLogIn(t, "127.0.0.3", addr, "v")
	failLogIn(t, "127.0.0.4", addr, "v", "p")
	eventually(t, "total", func() bool { return rec.count(refused(limit.ReasonMaxConns)) == 1 })

	require.NoError(t, first.Close())
	eventually(t, "room again", func() bool { return gate.Conns() == 3 })
	mustLogIn(t, "127.0.0.4", addr, "u")
	assert.Empty(t, gate.Bans(), "to be turned away is no offence")
}

// provoke fails to log in from 127.0.0.2 until that is banned.
func provoke(t *testing.T, g *limit.Gate, addr string) {
	t.Helper()
	for range 100 {
		failLogIn(t, "127.0.0.2", addr, "u", "wrong")
		if len(g.Bans()) > 0 {
			return
		}
	}
	require.NotEmpty(t, g.Bans())
}

func TestBanOverSSH(t *testing.T) {
	needLoopback(t)
	srv := newServer(t)
	g := &limit.Gate{Penalties: limit.Penalties{AuthFail: 1500 * time.Millisecond, Min: 2 * time.Second}}
	rec := guard(srv, g)
	addr := start(t, srv, nil)
	inside := mustLogIn(t, "127.0.0.2", addr, "u")
	provoke(t, g, addr)
	assert.Equal(t, "127.0.0.2/32", g.Bans()[0].Source.String())
	failLogIn(t, "127.0.0.2", addr, "u", "p")
	eventually(t, "told", func() bool { return rec.count(refused(limit.ReasonBanned)) > 0 })
	mustLogIn(t, "127.0.0.1", addr, "u")
	_, err := client.NewClient(inside)
	require.NoError(t, err, "who is inside stays")
	eventually(t, "over", func() bool {
		c, err := logIn(dialFrom(t, "127.0.0.2", addr), "u", "p")
		if err == nil {
			c.Close()
		}
		return err == nil
	})

	provoke(t, g, addr)
	assert.Equal(t, 1, g.Lift(netip.MustParsePrefix("127.0.0.0/8")))
	mustLogIn(t, "127.0.0.2", addr, "u")
}

// The client's address comes from the proxy; bans are for the client.
func TestProxyOverSSH(t *testing.T) {
	srv := newServer(t)
	g := &limit.Gate{Deny: prefixes("203.0.113.0/24")}
	rec := guard(srv, g)
	addr := start(t, srv, func(l net.Listener) net.Listener {
		return &limit.ProxyListener{Listener: l, Trusted: prefixes("127.0.0.1/32"), Logger: discard}
	})
	stalled := dialFrom(t, "127.0.0.1", addr) // sends no header, and holds up nobody
	defer stalled.Close()
	through := func(source, password string) error {
		nc := dialFrom(t, "127.0.0.1", addr)
		_, err := nc.Write([]byte("PROXY TCP4 " + source + " 198.51.100.1 12345 22\r\n"))
		require.NoError(t, err)
		c, err := logIn(nc, "u", password)
		if err == nil {
			c.Close()
		}
		return err
	}
	require.NoError(t, through("192.0.2.1", "p"))
	assert.NotZero(t, rec.count(func(e *quaymaster.Event) bool {
		return e.Kind == quaymaster.KindLogin && e.Conn.Remote.String() == "192.0.2.1:12345"
	}))
	assert.Error(t, through("203.0.113.1", "p"))
	for range 4 {
		assert.Error(t, through("192.0.2.2", "wrong"))
	}
	eventually(t, "banned", func() bool { return len(g.Bans()) == 1 })
	assert.Equal(t, "192.0.2.2/32", g.Bans()[0].Source.String())
	assert.Error(t, through("192.0.2.2", "p"))
	require.NoError(t, through("192.0.2.1", "p"))
	failLogIn(t, "127.0.0.1", addr, "u", "p") // an SSH client is no header
}

// The rates as a client sees them. They can't be exceeded; that they are
// reached is bounded loosely, as the machine may be busy.
func TestThrottleOverSFTP(t *testing.T) {
	srv := newServer(t)
	srv.Auth = &limit.Throttle{Auth: srv.Auth, PerSession: limit.Rates{Upload: 4 * mib, Download: 2 * mib}}
	c, err := peer.SFTP(t, srv, "u", "p")
	require.NoError(t, err)
	data := make([]byte, 2*mib)
	_, err = rand.Read(data)
	require.NoError(t, err)

	speed := func(what string, rate float64, f func()) {
		t.Helper()
		got := float64(len(data)) / took(f).Seconds()
		// An eighth of a second passes at once.
		assert.Less(t, got, rate*float64(len(data))/(float64(len(data))-rate/8), what)
		assert.Greater(t, got, rate/4, what)
	}
	speed("upload", 4*mib, func() {
		f, err := c.Create("f")
		require.NoError(t, err)
		_, err = f.ReadFrom(bytes.NewReader(data))
		require.NoError(t, err)
		require.NoError(t, f.Close())
	})
	speed("download", 2*mib, func() {
		f, err := c.Open("f")
		require.NoError(t, err)
		got := bytes.Buffer{}
		_, err = f.WriteTo(&got)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		assert.True(t, bytes.Equal(data, got.Bytes()))
	})
	fi, err := c.Stat("f")
	require.NoError(t, err)
	assert.EqualValues(t, len(data), fi.Size())
}

// A client that hangs up while its download waits leaves nothing behind.
func TestThrottledClientHangsUp(t *testing.T) {
	srv := newServer(t)
	rec := guard(srv, &limit.Gate{})
	srv.Auth = &limit.Throttle{Auth: srv.Auth, PerSession: limit.Rates{Download: 1}}
	conn := mustLogIn(t, "127.0.0.1", start(t, srv, nil), "u")
	c, err := client.NewClient(conn)
	require.NoError(t, err)
	f, err := c.OpenFile("f", os.O_RDWR|os.O_CREATE)
	require.NoError(t, err)
	_, err = f.Write(make([]byte, 64*kib))
	require.NoError(t, err)
	failed := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, io.NewSectionReader(f, 0, 64*kib))
		failed <- err
	}()
	fi, err := c.Stat("f") // other requests don't wait
	require.NoError(t, err)
	assert.EqualValues(t, 64*kib, fi.Size())
	require.NoError(t, conn.Close())
	assert.Error(t, <-failed)
	eventually(t, "logged out", func() bool {
		return rec.count(func(e *quaymaster.Event) bool { return e.Kind == quaymaster.KindDisconnect }) == 1
	})
}
