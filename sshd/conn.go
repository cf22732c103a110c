package sshd

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/internal/batch"
	"github.com/quaymaster/quaymaster/internal/serve"
	"github.com/quaymaster/quaymaster/internal/session"
)

// conn is one SSH connection, from accept to its end.
type conn struct {
	srv   *Server
	sock  *watchedConn
	nc    *serve.Conn
	info  *quaymaster.Conn // replaced once, when the client's version is known
	log   *slog.Logger
	login login

	ssh     *ssh.ServerConn
	session *session.Session

	channels   sync.WaitGroup
	open       atomic.Int64 // channels
	running    atomic.Int64 // handlers that are not merely waiting
	writing    atomic.Int64 // writes to the client that have not returned
	noMore     atomic.Bool  // the client promised to open no more sessions
	lastActive atomic.Int64 // Unix nanoseconds; channel data
}

func newConn(s *Server, nc *serve.Conn, log *slog.Logger) *conn {
	info := &quaymaster.Conn{
		ID: quaymaster.NewID(), Protocol: "ssh",
		Local: nc.LocalAddr(), Remote: nc.RemoteAddr(), Start: time.Now(),
	}
	return &conn{srv: s, nc: nc, sock: watch(nc.Conn), info: info, log: log.With("conn", info.ID, "protocol", "ssh")}
}

// emit tells the sink about the connection itself.
func (c *conn) emit(ctx context.Context, e *quaymaster.Event) { serve.Emit(ctx, c.srv.Sink, c.info, e) }

// serve takes the connection through all its steps; each has an event.
func (c *conn) serve(ctx context.Context, cfg ssh.ServerConfig) {
	release, err := c.admit(ctx, "")
	c.emit(ctx, &quaymaster.Event{Kind: quaymaster.KindConnect, Err: err})
	if err != nil {
		return
	}
	defer release()
	var why error
	defer func() {
		c.emit(ctx, &quaymaster.Event{Kind: quaymaster.KindDisconnect, User: c.user(), Elapsed: time.Since(c.info.Start), Err: why})
	}()
	defer c.sock.Close()
	defer func() { c.login.release() }()
	chans, requests, err := c.begin(ctx, &cfg)
	if err != nil {
		why = c.cause(ctx, err)
		c.log.Info("handshake failed", "remote", c.info.Remote, "error", why)
		return
	}
	c.serveChannels(ctx, chans, requests)
	why = c.cause(ctx, within(stuckAfter, c.ssh.Wait))
	c.nc.End(cmp.Or(why, quaymaster.ErrConnLost)) // ends the contexts of the handlers
	c.channels.Wait()
	c.session.Close(why)
}

// stuckAfter is how long x/crypto/ssh may take to end once it has nothing more
// to say.
const stuckAfter = 5 * time.Second

var errStuck = errors.New("protocol error, with more packets behind it")

// within returns what wait does, or errStuck when that takes longer than limit.
// drain sees to it that x/crypto/ssh ends; should a version of it hide its queue,
// the connection must end all the same.
func within(limit time.Duration, wait func() error) error {
	done := make(chan error, 1)
	go func() { done <- wait() }()
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C:
		return errStuck
	}
}

// cause prefers the reason for which we ended the connection to the error that
// came of it. A peer that closes in good order is no error.
func (c *conn) cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if isClean(err) {
		return nil
	}
	return err
}

func (c *conn) user() string {
	if c.session == nil {
		return ""
	}
	return c.session.Identity.User
}

func (c *conn) admit(ctx context.Context, user string) (release func(), err error) {
	return serve.Admit(ctx, c.srv.Gate, c.info, user)
}

// begin runs the handshake on a goroutine of its own. The stack that this
// takes would otherwise stay for as long as the connection.
func (c *conn) begin(ctx context.Context, cfg *ssh.ServerConfig) (chans <-chan ssh.NewChannel, requests <-chan *ssh.Request, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if broken := serve.Fence(c.log, func() { chans, requests, err = c.handshake(ctx, cfg) }); broken != nil {
			err = broken
		}
	}()
	<-done
	return chans, requests, err
}

// handshake exchanges keys and logs the client in.
func (c *conn) handshake(ctx context.Context, cfg *ssh.ServerConfig) (<-chan ssh.NewChannel, <-chan *ssh.Request, error) {
	if limit := serve.OrDefault(c.srv.HandshakeTimeout, defaultHandshakeTimeout); limit > 0 {
		// A deadline per read would let a slow client stay for ever.
		timer := time.AfterFunc(limit, func() { c.nc.End(quaymaster.ErrLoginTimeout) })
		defer timer.Stop()
	}
	defer c.sock.count(maxHandshake, func() { c.nc.End(ErrHandshakeSize) })()
	transport, err := c.meet(cfg)
	if err != nil {
		return nil, nil, err
	}
	// The keys are exchanged by now.
	cfg.PreAuthConnCallback = func(meta ssh.ServerPreAuthConn) {
		queue := incoming(meta)
		c.sock.onClose(func() { go drain(queue) })
		transport.release()
		c.emit(ctx, &quaymaster.Event{
			Kind: quaymaster.KindHandshake, Target: algorithmsOf(meta), Elapsed: time.Since(c.info.Start),
		})
	}
	c.login.begin(ctx, c, cfg)
	sc, chans, requests, err := ssh.NewServerConn(transport, cfg)
	if err != nil {
		return nil, nil, err
	}
	id, ok := identityOf(sc.Permissions)
	if !ok {
		sc.Close()
		return nil, nil, errors.New("login without an identity")
	}
	c.ssh = sc
	c.session = session.New(ctx, session.Config{
		Conn: c.info, Identity: id, Sink: c.srv.Sink, Logger: c.log,
		Partial: c.srv.Partial, Leases: &c.srv.leases,
	})
	c.log = c.log.With("user", id.User)
	c.startClocks(id)
	return chans, requests, nil
}

// meet says who we are and learns who the client is, before x/crypto/ssh takes
// over: that can't choose what to offer by what the client offers.
func (c *conn) meet(cfg *ssh.ServerConfig) (*leash, error) {
	version := cfg.ServerVersion + "\r\n"
	if _, err := c.sock.Write([]byte(version)); err != nil {
		return nil, err
	}
	h, err := readHello(c.sock)
	if err != nil {
		return nil, err
	}
	info := *c.info
	info.Client = h.version
	if h.offer != nil {
		info.Fingerprint = "hassh:" + h.offer.hassh()
	}
	c.info = &info
	if !c.srv.ClientCipherOrder {
		cfg.Ciphers = h.offer.steer(cfg.Ciphers)
	}
	b := batch.New(c.sock, &c.srv.buffers)
	b.Replay, b.Skip = h.raw, len(version)
	return newLeash(b), nil
}

// algorithmsOf names what was negotiated, as key exchange, host key, and the
// ciphers of both directions if they differ.
func algorithmsOf(meta ssh.ConnMetadata) string {
	m, ok := meta.(ssh.AlgorithmsConnMetadata)
	if !ok {
		return ""
	}
	a := m.Algorithms()
	text := a.KeyExchange + " " + a.HostKey + " " + a.Read.Cipher
	if a.Write.Cipher != a.Read.Cipher {
		text += " " + a.Write.Cipher
	}
	return text
}

// startClocks begins idle timeout, lifetime and keepalive.
func (c *conn) startClocks(id *auth.Identity) {
	c.touch()
	if id.Limits.Lifetime > 0 {
		t := time.AfterFunc(id.Limits.Lifetime, func() { c.nc.End(quaymaster.ErrLifetime) })
		c.sock.onClose(func() { t.Stop() })
	}
	c.watchIdle(serve.OrDefault(cmp.Or(id.Limits.Idle, c.srv.IdleTimeout), defaultIdleTimeout))
	c.watchPeer(serve.OrDefault(c.srv.KeepAlive, defaultKeepAlive))
	c.nc.SetIdle(func() bool { return c.running.Load() == 0 && !c.session.Busy() })
}

func (c *conn) touch() { c.lastActive.Store(time.Now().UnixNano()) }

// isClean tells whether err is the normal end of a connection.
func isClean(err error) bool {
	return err == nil || errors.Is(err, net.ErrClosed) || isEOF(err) || isDisconnect(err)
}
