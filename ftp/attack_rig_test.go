package ftp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/ftp"
	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// prey is a server for clients that misbehave. User "u" with password "p" gets
// files, and nobody else anything.
type prey struct {
	t     *testing.T
	srv   *ftp.Server
	addr  string
	files vfs.FS
	home  vfs.FS // what the user gets instead of files, if not nil
	cert  *peer.Certificate

	permit vfs.Check
	mu     sync.Mutex // guards the fields below
	events []quaymaster.Event
	log    bytes.Buffer
}

// newPrey starts a server that takes TLS and does without; change may set more.
func newPrey(t *testing.T, change func(*prey)) *prey {
	t.Helper()
	p := &prey{t: t, files: memfs.New(), cert: peer.NewCertificate(t)}
	p.srv = &ftp.Server{
		Auth: p, Sink: p, Logger: slog.New(slog.NewTextHandler(p, nil)),
		TLS: &tls.Config{Certificates: []tls.Certificate{p.cert.TLS}}, TLSMode: ftp.TLSOptional,
	}
	if change != nil {
		change(p)
	}
	p.addr = peer.Serve(t, p.srv)
	return p
}

func (p *prey) Authenticate(_ context.Context, r *auth.Request) (*auth.Identity, error) {
	if r.User != "u" || r.Cred != auth.Credential(auth.Password("p")) {
		return nil, auth.ErrDenied
	}
	home := p.home
	if home == nil {
		home = p.files
	}
	return &auth.Identity{User: "u", Home: auth.Home(home), Permit: p.permit}, nil
}

func (p *prey) Emit(_ context.Context, e *quaymaster.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, *e)
}

// Write takes the log.
func (p *prey) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *prey) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// seen returns the events of one kind.
func (p *prey) seen(kind quaymaster.Kind) []quaymaster.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.events), func(e quaymaster.Event) bool { return e.Kind != kind })
}

func (p *prey) write(name, content string) {
	p.t.Helper()
	f, err := p.files.OpenFile(p.t.Context(), name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	require.NoError(p.t, err)
	_, err = f.WriteAt([]byte(content), 0)
	require.NoError(p.t, err)
	require.NoError(p.t, f.Close())
}

func (p *prey) read(name string) string {
	p.t.Helper()
	data, err := fs.ReadFile(vfs.IOFS(p.t.Context(), p.files), name)
	require.NoError(p.t, err)
	return string(data)
}

// tree is everything that is stored: names, modes, times and contents.
func (p *prey) tree() map[string]string {
	p.t.Helper()
	all := make(map[string]string)
	fsys := vfs.IOFS(p.t.Context(), p.files)
	require.NoError(p.t, fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		what := fi.Mode().String()
		if fi.Mode().IsRegular() {
			data, err := fs.ReadFile(fsys, name)
			if err != nil {
				return err
			}
			what += " " + fi.ModTime().String() + " " + string(data)
		}
		all[name] = what
		return nil
	}))
	return all
}

// raw is a client that says whatever a test wants it to say.
type raw struct {
	net.Conn
	p   *prey
	r   *bufio.Reader
	tls *tls.Config // of data connections; nil: plain
}

func (p *prey) connect() *raw {
	p.t.Helper()
	nc, err := net.Dial("tcp", p.addr)
	require.NoError(p.t, err)
	return p.over(nc)
}

func (p *prey) over(nc net.Conn) *raw {
	p.t.Cleanup(func() { nc.Close() })
	c := &raw{Conn: nc, p: p, r: bufio.NewReader(nc)}
	require.Equal(p.t, 220, c.code())
	return c
}

func (p *prey) login() *raw {
	p.t.Helper()
	c := p.connect()
	c.enter()
	return c
}

func (c *raw) enter() {
	c.p.t.Helper()
	c.want(331, "USER u")
	c.want(230, "PASS p")
}

// secured is a client that is logged in over TLS, and has private data
// connections.
func (p *prey) secured(change func(*tls.Config)) *raw {
	p.t.Helper()
	c := p.connect()
	c.want(234, "AUTH TLS")
	c.tls = p.clientTLS()
	if change != nil {
		change(c.tls)
	}
	sock := tls.Client(c.Conn, c.tls)
	require.NoError(p.t, sock.Handshake())
	c.Conn, c.r = sock, bufio.NewReader(sock)
	c.enter()
	c.want(200, "PBSZ 0")
	c.want(200, "PROT P")
	return c
}

// clientTLS trusts the server, and keeps its tickets for itself.
func (p *prey) clientTLS() *tls.Config {
	return &tls.Config{RootCAs: p.cert.Pool, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
}

func (c *raw) send(text string) {
	c.p.t.Helper()
	_, err := io.WriteString(c, text)
	require.NoError(c.p.t, err)
}

// reply reads one, all of its lines.
func (c *raw) reply() (string, error) {
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return "", err
	}
	all := ""
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return all, err
		}
		if !regexp.MustCompile(`^([1-5][0-9]{2}[ -]| ).*\r\n$`).MatchString(line) {
			return all, fmt.Errorf("no line of a reply: %q", line)
		}
		if all += line; line[0] != ' ' && line[3] == ' ' {
			return all, nil
		}
	}
}

func (c *raw) text() string {
	c.p.t.Helper()
	text, err := c.reply()
	require.NoError(c.p.t, err)
	return text
}

func (c *raw) code() int {
	c.p.t.Helper()
	n, err := strconv.Atoi(c.text()[:3])
	require.NoError(c.p.t, err)
	return n
}

// do sends a command and returns the reply.
func (c *raw) do(command string) string {
	c.p.t.Helper()
	c.send(command + "\r\n")
	return c.text()
}

func (c *raw) want(code int, command string) {
	c.p.t.Helper()
	require.Equal(c.p.t, strconv.Itoa(code), c.do(command)[:3], "%.100q", command)
}

// codes wants replies to come.
func (c *raw) codes(want ...int) {
	c.p.t.Helper()
	for _, code := range want {
		require.Equal(c.p.t, code, c.code())
	}
}

// gone wants the server to have nothing more to say.
func (c *raw) gone() {
	c.p.t.Helper()
	text, err := c.reply()
	require.Error(c.p.t, err, text)
	var timeout net.Error
	require.False(c.p.t, errors.As(err, &timeout) && timeout.Timeout(), "the connection is still open")
	require.Empty(c.p.t, text)
}

// passive returns the address of a data connection to come.
func (c *raw) passive() string {
	c.p.t.Helper()
	text := c.do("EPSV")
	found := regexp.MustCompile(`\(\|\|\|(\d+)\|\)`).FindStringSubmatch(text)
	require.NotNil(c.p.t, found, text)
	host, _, err := net.SplitHostPort(c.RemoteAddr().String())
	require.NoError(c.p.t, err)
	return net.JoinHostPort(host, found[1])
}

// begin has command open a data connection, which comes without TLS yet.
func (c *raw) begin(command string) *net.TCPConn {
	c.p.t.Helper()
	at := c.passive()
	c.send(command + "\r\n")
	return c.dial(at)
}

func (c *raw) dial(at string) *net.TCPConn {
	c.p.t.Helper()
	sock, err := net.Dial("tcp", at)
	require.NoError(c.p.t, err)
	c.p.t.Cleanup(func() { sock.Close() })
	require.Equal(c.p.t, 150, c.code())
	return sock.(*net.TCPConn)
}

// data is begin, with TLS if that is on.
func (c *raw) data(command string) net.Conn {
	c.p.t.Helper()
	sock := c.begin(command)
	if c.tls == nil {
		return sock
	}
	return tls.Client(sock, c.tls)
}

// store uploads content, and wants a reply at the end.
func (c *raw) store(code int, name, content string) {
	c.p.t.Helper()
	d := c.data("STOR " + name)
	_, err := io.WriteString(d, content)
	require.NoError(c.p.t, err)
	require.NoError(c.p.t, d.Close())
	require.Equal(c.p.t, code, c.code())
}

// load is a download or a listing.
func (c *raw) load(command string) string {
	c.p.t.Helper()
	d := c.data(command)
	data, err := io.ReadAll(d)
	require.NoError(c.p.t, err)
	require.NoError(c.p.t, d.Close())
	c.codes(226)
	return string(data)
}

// eventually waits for the server to get there.
func (p *prey) eventually(condition func() bool, what string) {
	p.t.Helper()
	require.Eventually(p.t, condition, 20*time.Second, 2*time.Millisecond, what)
}

func TestAttackRig(t *testing.T) {
	p := newPrey(t, nil)
	for _, c := range []*raw{p.login(), p.secured(nil)} {
		c.store(226, "a", "content")
		assert.Equal(t, "content", c.load("RETR a"))
		assert.Contains(t, c.load("LIST"), " a\r\n")
		c.want(250, "DELE a")
		c.want(221, "QUIT")
		c.gone()
	}
	assert.NotContains(t, p.logged(), "level=ERROR")
}
