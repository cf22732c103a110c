package ftp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/ftp"
	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/internal/transcript"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// play serves srv and replays script against it.
func play(t *testing.T, srv *ftp.Server, client *tls.Config, script string) {
	t.Helper()
	if srv.Logger == nil {
		srv.Logger = slog.New(slog.DiscardHandler)
	}
	nc, err := net.Dial("tcp", peer.Serve(t, srv))
	require.NoError(t, err)
	defer nc.Close()
	p := &transcript.Player{Conn: nc, TLS: client}
	require.NoError(t, p.Play(strings.TrimSpace(script)))
}

// events notes what a server tells.
type events struct {
	mu   sync.Mutex
	list []quaymaster.Event
}

func (r *events) Emit(_ context.Context, e *quaymaster.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, *e)
}

// wait returns the first event of that kind, once it is there.
func (r *events) wait(t *testing.T, kind quaymaster.Kind) (found quaymaster.Event) {
	t.Helper()
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, e := range r.list {
			if e.Kind == kind {
				found = e
				return true
			}
		}
		return false
	}, 10*time.Second, time.Millisecond, string(kind))
	return found
}

func TestRefusesToServe(t *testing.T) {
	cert := peer.NewCertificate(t)
	users := annOnly(memfs.New())
	for name, srv := range map[string]*ftp.Server{
		"no auth":         {},
		"mode":            {Auth: users, TLSMode: ftp.TLSRequired},
		"no certificate":  {Auth: users, TLS: &tls.Config{}},
		"ports":           {Auth: users, PassivePorts: ftp.PortRange{First: 2, Last: 1}},
		"unknown command": {Auth: users, TLS: tlsConfig(cert.TLS), Deny: []string{"FOO"}},
		"start":           {Auth: users, StartDir: "/x"},
	} {
		l := newPipes()
		err := srv.Serve(l)
		assert.ErrorContains(t, err, "ftp: Server.", name)
		assert.NotErrorIs(t, err, quaymaster.ErrServerClosed)
	}
	assert.NoError(t, (&ftp.Server{Auth: users}).Check(), "the zero value with Auth is usable")
}

// With a certificate there is no login without TLS.
func TestTLSIsRequiredByDefault(t *testing.T) {
	cert := peer.NewCertificate(t)
	play(t, &ftp.Server{Auth: annOnly(memfs.New()), TLS: tlsConfig(cert.TLS)}, &tls.Config{RootCAs: cert.Pool, ServerName: "localhost"}, `
S: 220 FTP server ready.
C: USER ann
S: 530 Please use AUTH TLS first{*}
C: AUTH TLS
S: 234 {*}
T: control
C: USER ann
S: 331 Password please.
C: PASS secret
S: 230 Logged in.
C: EPSV
S: 229 {*}(|||{port}|)
D: connect
C: NLST
S: 522 Data connections must be encrypted, use PROT P.
C: QUIT
S: 221 Goodbye.
`)
}

// A certificate logs in by itself where the Authenticator takes it, and is no
// failed attempt where it does not.
func TestClientCertificate(t *testing.T) {
	cert := peer.NewCertificate(t)
	rec := &events{}
	users := auth.Func(func(_ context.Context, r *auth.Request) (*auth.Identity, error) {
		id := &auth.Identity{User: r.User, Home: auth.Home(memfs.New())}
		switch cred := r.Cred.(type) {
		case auth.ClientCert:
			switch r.User {
			case "localhost":
				return id, nil
			case "both":
				return nil, &auth.Partial{Next: []auth.Method{auth.MethodPassword}}
			}
		case auth.Password:
			if cred == "secret" && (r.User == "ann" || r.User == "both" && r.HasPassed(auth.MethodClientCert)) {
				return id, nil
			}
		}
		return nil, auth.ErrDenied
	})
	srv := &ftp.Server{Auth: users, Sink: rec, MaxAuthTries: 1, TLS: &tls.Config{
		Certificates: []tls.Certificate{cert.TLS}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: cert.Pool,
	}}
	client := &tls.Config{RootCAs: cert.Pool, ServerName: "localhost", Certificates: []tls.Certificate{cert.TLS}}
	play(t, srv, client, `
S: 220 {*}
C: AUTH TLS
S: 234 {*}
T: control
C: USER localhost
S: 232 Logged in.
C: PWD
S: 257 "/" is the current directory.
C: REIN
S: 220 {*}
C: PWD
S: 530 {*}
C: USER ann
S: 331 {*}
C: PASS secret
S: 230 {*}
C: REIN
S: 220 {*}
C: USER both
S: 331 {*}
C: PASS wrong
S: 421 Too many failed logins, goodbye.
X:
`)
	e := rec.wait(t, quaymaster.KindLogin)
	assert.Equal(t, "localhost", e.User)
	assert.Equal(t, string(auth.MethodClientCert), e.Target)
	require.NotNil(t, e.Conn.TLS)
	assert.IsType(t, []*x509.Certificate{}, e.Conn.TLS.PeerCertificates)
}

// The questions of a second factor come by 332, and ACCT answers.
func TestSecondFactor(t *testing.T) {
	users := auth.Func(func(ctx context.Context, r *auth.Request) (*auth.Identity, error) {
		switch cred := r.Cred.(type) {
		case auth.Password:
			if cred == "secret" {
				return nil, &auth.Partial{Next: []auth.Method{auth.MethodInteractive}}
			}
		case auth.Interactive:
			answers, err := cred.Ask(ctx, "", "", []auth.Question{{Text: "Code:"}})
			if err == nil && r.HasPassed(auth.MethodPassword) && answers[0] == "123456" {
				return &auth.Identity{User: r.User, Home: auth.Home(memfs.New())}, nil
			}
		}
		return nil, auth.ErrDenied
	})
	play(t, &ftp.Server{Auth: users}, nil, `
S: 220 {*}
C: USER ann
S: 331 {*}
C: PASS secret
S: 332 Code: Answer with ACCT.
C: ACCT 000000
S: 530 Login failed.
C: USER ann
S: 331 {*}
C: PASS secret
S: 332 {*}
C: NOOP
S: 530 Login failed.
S: 200 OK.
C: USER ann
S: 331 {*}
C: PASS secret
S: 332 {*}
C: ACCT 123456
S: 230 Logged in.
C: QUIT
S: 221 {*}
`)
}

func TestAnonymous(t *testing.T) {
	srv := &ftp.Server{Auth: auth.Anonymous{Home: auth.Home(memfs.New())}}
	play(t, srv, nil, `
S: 220 {*}
C: USER ann
S: 331 {*}
C: PASS 
S: 530 Login failed.
C: USER anonymous
S: 331 {*}
C: PASS 
S: 230 Logged in.
C: MKD x
S: 550 Permission denied: read-only.
C: QUIT
S: 221 {*}
`)
}

type refusing struct{ user string }

func (g refusing) Admit(_ context.Context, _ *quaymaster.Conn, user string) (func(), error) {
	if user == g.user {
		return nil, quaymaster.ErrRefused
	}
	return nil, nil
}

func TestGate(t *testing.T) {
	users := annOnly(memfs.New())
	play(t, &ftp.Server{Auth: users, Gate: refusing{""}}, nil, "S: 421 No more connections, try later.\nX:")
	play(t, &ftp.Server{Auth: users, Gate: refusing{"ann"}}, nil, `
S: 220 {*}
C: USER ann
S: 331 {*}
C: PASS secret
S: 530 Login failed.
C: QUIT
S: 221 {*}
X:
`)
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	rec := &events{}
	play(t, &ftp.Server{Auth: annOnly(memfs.New()), Sink: rec, IdleTimeout: 50 * time.Millisecond}, nil, `
S: 220 {*}
S: 421 Idle for too long, goodbye.
X:
`)
	assert.ErrorIs(t, rec.wait(t, quaymaster.KindDisconnect).Err, quaymaster.ErrIdle)
	rec = &events{}
	play(t, &ftp.Server{Auth: annOnly(memfs.New()), Sink: rec, HandshakeTimeout: 50 * time.Millisecond}, nil, "S: 220 {*}\nX:")
	assert.ErrorIs(t, rec.wait(t, quaymaster.KindDisconnect).Err, quaymaster.ErrLoginTimeout)
	rec = &events{}
	play(t, &ftp.Server{Auth: annOnly(memfs.New()), Sink: rec, DataTimeout: 50 * time.Millisecond}, nil, `
S: 220 {*}
C: USER ann
S: 331 {*}
C: PASS secret
S: 230 {*}
C: EPSV
S: 229 {*}
C: NLST
S: 150 {*}
S: 425 Can't open the data connection.
C: QUIT
S: 221 {*}
`)
	assert.NoError(t, rec.wait(t, quaymaster.KindLogout).Err)
}

// tildes is a charset that has "~" for a letter, and knows no "?".
type tildes struct{}

func (tildes) Decode(s string) (string, error) {
	if strings.Contains(s, "?") {
		return "", errors.New("no letter")
	}
	return strings.ReplaceAll(s, "~", "ä"), nil
}

func (tildes) Encode(s string) (string, error) { return strings.ReplaceAll(s, "ä", "~"), nil }

func TestCharset(t *testing.T) {
	home := memfs.New()
	play(t, &ftp.Server{Auth: annOnly(home), Charset: tildes{}}, nil, `
S: 220 {*}
C: USER ann
S: 331 {*}
C: PASS secret
S: 230 {*}
C: MKD b~r
S: 257 "/b~r" created.
C: CWD b~r
S: 250 {*}
C: MKD ?
S: 501 Name can't be decoded.
C: CDUP
S: 250 {*}
C: EPSV
S: 229 {*}(|||{port}|)
D: connect
C: NLST
S: 150 {*}
D> "b~r\r\n"
S: 226 {*}
C: QUIT
S: 221 {*}
`)
	_, err := home.Stat(t.Context(), "bär")
	assert.NoError(t, err)
}

// Shutdown waits for a transfer, and then ends its session; it ends those that do
// nothing at once.
func TestShutdown(t *testing.T) {
	home := dialogueHome(t)
	srv := &ftp.Server{Auth: annOnly(home), Logger: slog.New(slog.DiscardHandler)}
	addr := peer.Serve(t, srv)
	idle, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer idle.Close()
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer nc.Close()
	p := &transcript.Player{Conn: nc}
	require.NoError(t, p.Play("S: 220 {*}\nC: USER ann\nS: 331 {*}\nC: PASS secret\nS: 230 {*}"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, p.Play(fmt.Sprintf("C: EPRT |1|127.0.0.1|%d|\nS: 200 {*}\nC: STOR x\nS: 150 {*}", port)))
	data, err := l.Accept()
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- srv.Shutdown(context.Background()) }()
	_, err = io.Copy(io.Discard, idle) // until the server ends it
	require.NoError(t, err)
	_, err = data.Write([]byte("still here"))
	require.NoError(t, err)
	require.Empty(t, done)
	require.NoError(t, data.Close())
	require.NoError(t, p.Play("S: 226 {*}\nX:"))
	require.NoError(t, <-done)
	fi, err := home.Stat(t.Context(), "x")
	require.NoError(t, err)
	assert.EqualValues(t, 10, fi.Size())
}

// TestStartASCII: a session begins with the TYPE of RFC 959 where that is wanted.
func TestStartASCII(t *testing.T) {
	play(t, &ftp.Server{Auth: annOnly(dialogueHome(t)), StartASCII: true}, nil, `
S: 220 {*}
C: USER ann
S: 331 {*}
C: PASS secret
S: 230 {*}
C: EPSV
S: 229 {*}(|||{port}|)
D: connect
C: RETR hello.txt
S: 150 Opening ASCII mode data connection.
D> "hello\r\nworld\r\n"
S: 226 {*}
C: QUIT
S: 221 {*}
`)
}
