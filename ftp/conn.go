package ftp

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/internal/lsl"
	"github.com/quaymaster/quaymaster/internal/serve"
	"github.com/quaymaster/quaymaster/internal/session"
	"github.com/quaymaster/quaymaster/vfs"
)

// conn is one control connection, from accept to its end. Everything but what
// is said to be shared belongs to the goroutine that serves it.
type conn struct {
	srv  *Server
	nc   *serve.Conn
	info *quaymaster.Conn // replaced, never changed
	log  *slog.Logger     // base with the user, once there is one
	base *slog.Logger

	control net.Conn // the socket, or TLS over it
	in      *lineReader
	out     replies     // shared with the watch
	tls     *tlsSession // nil: in the clear
	queue   []string    // lines that came during a transfer

	login   login
	session *session.Session // nil: nobody is logged in
	fsys    vfs.FS
	owners  lsl.Owners
	busy    atomic.Bool // a transfer runs; shared

	quit bool // the last reply was given
	bad  int  // malformed commands in a row

	settings
	next next
	data endpoint
	// lingering are data connections that wait for the client's end.
	lingering sync.WaitGroup
}

// settings are what a session chose; REIN sets them back.
type settings struct {
	cwd     string
	ascii   bool // TYPE A
	deflate bool // MODE Z
	level   int  // of MODE Z; 0: the default
	private bool // PROT P
	epsvAll bool
	facts   factSet // OPTS MLST
	hash    string  // OPTS HASH
	host    string
}

// next is what a command prepared for the one that follows.
type next struct {
	rename   string // RNFR; "": none
	restart  int64  // REST, or the first byte of RANG
	end      int64  // one past the last byte of RANG; 0: none
	allocate int64  // ALLO; -1: none. It waits for the upload.
}

func newConn(s *Server, nc *serve.Conn, log *slog.Logger) *conn {
	info := &quaymaster.Conn{
		ID: quaymaster.NewID(), Protocol: "ftp",
		Local: nc.LocalAddr(), Remote: nc.RemoteAddr(), Start: time.Now(),
	}
	if s.TLSMode == TLSImplicit {
		info.Protocol = "ftps"
	}
	c := &conn{srv: s, nc: nc, info: info, control: nc.Conn, base: log.With("conn", info.ID, "protocol", info.Protocol)}
	c.log = c.base
	c.in = newLineReader(nc.Conn, cmp.Or(s.MaxLine, defaultMaxLine))
	c.out.sock, c.out.w = nc.Conn, nc.Conn
	c.reset()
	return c
}

// reset is the state before a login.
func (c *conn) reset() {
	c.settings = settings{
		ascii: c.srv.StartASCII, cwd: cmp.Or(c.srv.StartDir, "."), facts: defaultFacts(), hash: defaultHash,
		// Clients of implicit TLS often leave PBSZ and PROT out.
		private: c.srv.TLSMode == TLSImplicit,
	}
	c.next = next{allocate: -1}
	c.data.close()
}

// emit tells the sink about the connection itself.
func (c *conn) emit(ctx context.Context, e *quaymaster.Event) { serve.Emit(ctx, c.srv.Sink, c.info, e) }

func (c *conn) admit(ctx context.Context, user string) (release func(), err error) {
	return serve.Admit(ctx, c.srv.Gate, c.info, user)
}

// serve takes the connection through all its steps; each has an event.
func (c *conn) serve(ctx context.Context) {
	release, err := c.admit(ctx, "")
	c.emit(ctx, &quaymaster.Event{Kind: quaymaster.KindConnect, Err: err})
	if err != nil {
		if c.srv.TLSMode != TLSImplicit {
			c.send(say(codeNotAvailable, "No more connections, try later."))
		}
		return
	}
	defer release()
	user := ""
	var why error
	defer func() {
		c.emit(ctx, &quaymaster.Event{Kind: quaymaster.KindDisconnect, User: user, Elapsed: time.Since(c.info.Start), Err: why})
	}()
	defer c.lingering.Wait()
	defer c.data.close()
	c.nc.SetIdle(func() bool { return !c.busy.Load() })
	err = c.converse(ctx)
	if why = c.cause(ctx, err); why != nil {
		c.log.Info("connection ended", "remote", c.info.Remote, "error", why)
	}
	if c.session != nil {
		user = c.session.Identity.User
	}
	c.logout(why)
	if err := c.control.Close(); err != nil && !errors.Is(err, net.ErrClosed) { // with TLS this says goodbye
		c.log.Debug("close", "error", err)
	}
}

// cause prefers the reason for which we ended the connection to the error that
// came of it.
func (c *conn) cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, io.EOF) {
		return nil // many clients go without QUIT
	}
	return err
}

// converse greets the client and obeys it, until either has enough.
func (c *conn) converse(ctx context.Context) error {
	c.startTimer()
	defer func() { c.login.stopTimer() }()
	if err := urgentInline(c.nc.Conn); err != nil {
		c.log.Debug("urgent data", "error", err) // a connection that has ended by now
	}
	if c.srv.TLSMode == TLSImplicit {
		if err := c.startTLS(ctx); err != nil {
			return err
		}
	}
	if err := c.send(c.greeting()); err != nil {
		return err
	}
	for !c.quit {
		line, err := c.readLine()
		switch {
		case errors.Is(err, errLineTooLong):
			err = c.answer(say(codeSyntax, "Command line too long."))
		case errors.Is(err, os.ErrDeadlineExceeded):
			return errors.Join(quaymaster.ErrIdle, c.send(say(codeNotAvailable, "Idle for too long, goodbye.")))
		case err == nil:
			err = c.obey(ctx, line)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// greeting is the banner, in as many lines as it has.
func (c *conn) greeting() *reply {
	lines := strings.Split(strings.ReplaceAll(cmp.Or(c.srv.Banner, defaultBanner), "\r", ""), "\n")
	r := say(codeReady, "%s", lines[0])
	if n := len(lines); n > 1 {
		r.lines, r.end = lines[1:n-1], lines[n-1]
		if r.lines == nil {
			r.lines = []string{}
		}
	}
	return r
}

// readLine returns the next command, one that came during a transfer first.
func (c *conn) readLine() (string, error) {
	if len(c.queue) > 0 {
		line := c.queue[0]
		c.queue = c.queue[1:]
		return line, nil
	}
	c.queue = nil
	deadline := time.Time{}
	if limit := c.idleTimeout(); limit > 0 {
		deadline = time.Now().Add(limit)
	}
	// Also when something is buffered: it may be half a line, and the deadline
	// the one that ended the watch of a transfer.
	if err := c.nc.SetReadDeadline(deadline); err != nil {
		return "", err
	}
	line, err := c.in.next()
	if err != nil {
		return "", err
	}
	return string(line), nil
}

func (c *conn) idleTimeout() time.Duration {
	own := time.Duration(0)
	if c.session != nil {
		own = c.session.Identity.Limits.Idle
	}
	return serve.OrDefault(cmp.Or(own, c.srv.IdleTimeout), defaultIdleTimeout)
}

func (c *conn) send(r *reply) error {
	if r == nil {
		return nil
	}
	return c.out.send(c.encode(r), c.idleTimeout())
}

// answer sends the reply to a command, and ends a conversation of which too
// much was malformed.
func (c *conn) answer(r *reply) error {
	if r == nil {
		return nil
	}
	if r.code != codeSyntax && r.code != codeArgument {
		c.bad = 0
		return c.send(r)
	}
	c.bad++
	c.log.Info("malformed command", "rule", r.text, "in a row", c.bad)
	if c.bad < cmp.Or(c.srv.MaxBadCommands, defaultMaxBadCommands) {
		return c.send(r)
	}
	c.quit = true
	return errors.Join(errTooMuchBad, c.send(say(codeNotAvailable, "Too many malformed commands, goodbye.")))
}

var errTooMuchBad = errors.New("too many malformed commands in a row")
