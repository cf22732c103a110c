package sshd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/internal/serve"
)

// Bounds of what a client may send for one channel.
const (
	maxEnv     = 32
	maxEnvSize = 1024
	// maxCommand is the longest command line in bytes. RFC 4253 section 6.1
	// lets clients count on packets of about this size.
	maxCommand = 32 << 10
)

// serveChannels answers what concerns the connection as a whole, until it ends.
func (c *conn) serveChannels(ctx context.Context, chans <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	c.announceKeys() // first, so that short sessions have time to ask for proof
	unproven := slices.Clone(c.srv.announced())
	for {
		select {
		case nc, ok := <-chans:
			if !ok {
				return
			}
			c.touch()
			c.openChannel(ctx, nc)
		case r, ok := <-requests:
			if !ok { // and chans is about to be closed, too
				requests = nil
				continue
			}
			c.globalRequest(r, &unproven)
		}
	}
}

func (c *conn) openChannel(ctx context.Context, nc ssh.NewChannel) {
	if reason, text := c.refuse(nc); text != "" {
		if err := nc.Reject(reason, text); err != nil {
			c.log.Debug("reject channel", "error", err)
		}
		return
	}
	ch, reqs, err := nc.Accept()
	if err != nil {
		c.log.Debug("accept channel", "error", err)
		return
	}
	c.open.Add(1)
	c.channels.Go(func() {
		defer c.open.Add(-1)
		if err := serve.Fence(c.log, func() { c.serveChannel(ctx, ch, reqs) }); err != nil {
			c.nc.End(err)
		}
		// Only when the client has closed it, too, is the channel gone. Until
		// then it takes memory, and a request that nobody took would hold up
		// the whole connection, and its end.
		ssh.DiscardRequests(reqs)
	})
}

// refuse returns why a channel is not opened, or an empty text.
func (c *conn) refuse(nc ssh.NewChannel) (ssh.RejectionReason, string) {
	switch {
	case nc.ChannelType() == "direct-tcpip" || nc.ChannelType() == "direct-streamlocal@openssh.com":
		return ssh.Prohibited, "forwarding is not available"
	case nc.ChannelType() != "session":
		return ssh.UnknownChannelType, "unknown channel type"
	case c.noMore.Load():
		return ssh.Prohibited, "no more sessions were promised"
	case c.open.Load() >= int64(cmp.Or(c.srv.MaxChannels, defaultMaxChannels)):
		return ssh.ResourceShortage, "too many channels"
	}
	return 0, ""
}

// globalRequest answers a request about the connection: what it does not know
// with a failure, which keepalives take as a sign of life.
func (c *conn) globalRequest(r *ssh.Request, unproven *[]*hostKey) {
	known, reply := false, []byte(nil)
	switch r.Type {
	case "no-more-sessions@openssh.com":
		known = true
		c.noMore.Store(true)
	case proveHostKeys:
		var err error
		if reply, err = c.proveKeys(r.Payload, unproven); err != nil {
			c.log.Info("host keys not proven", "error", err)
		}
		known = err == nil
	}
	if err := r.Reply(known, reply); err != nil {
		c.log.Debug("reply", "request", r.Type, "error", err)
	}
}

// channel is one session channel on its way to a handler.
type channel struct {
	conn    *conn
	ch      ssh.Channel
	env     map[string]string
	started bool
	done    chan struct{} // closed when the handler has returned
	err     error         // how; set before done is closed
}

// serveChannel answers the requests of one channel. The first subsystem or
// exec starts the handler; when that ends, so does the channel.
func (c *conn) serveChannel(ctx context.Context, ch ssh.Channel, requests <-chan *ssh.Request) {
	ctx, cancel := context.WithCancelCause(ctx)
	chn := &channel{conn: c, ch: ch, env: make(map[string]string), done: make(chan struct{})}
	defer func() {
		cancel(quaymaster.ErrConnLost)
		if chn.started {
			<-chn.done
		}
		ch.Close() // fails only when the connection is gone already
	}()
	for {
		select {
		case r, ok := <-requests:
			if !ok { // the client closed the channel, or is gone
				return
			}
			c.touch()
			chn.answer(ctx, r)
		case <-chn.done:
			chn.exit()
			return
		}
	}
}

// answer handles one request. Replies come before the data of the handler.
func (h *channel) answer(ctx context.Context, r *ssh.Request) {
	var handler Handler
	var s *Session
	ok := false
	switch r.Type {
	case "env":
		ok = h.setEnv(r.Payload)
	case "subsystem", "exec":
		handler, s, ok = h.find(ctx, r)
	}
	if err := r.Reply(ok, nil); err != nil {
		return
	}
	if ok && handler != nil {
		h.start(ctx, handler, s)
	}
}

// setEnv keeps the variables that concern language and date only.
func (h *channel) setEnv(payload []byte) bool {
	var v struct{ Name, Value string }
	if ssh.Unmarshal(payload, &v) != nil || len(h.env) >= maxEnv || len(v.Name)+len(v.Value) > maxEnvSize {
		return false
	}
	if v.Name != "LANG" && v.Name != "TZ" && !strings.HasPrefix(v.Name, "LC_") {
		return false
	}
	h.env[v.Name] = v.Value
	return true
}

// find looks up what the client asks for, or must take.
func (h *channel) find(ctx context.Context, r *ssh.Request) (Handler, *Session, bool) {
	var v struct{ Text string }
	if h.started || ssh.Unmarshal(r.Payload, &v) != nil {
		return nil, nil, false
	}
	c := h.conn
	if len(v.Text) > maxCommand {
		c.log.Info("request refused", "type", r.Type, "bytes", len(v.Text))
		return nil, nil, false
	}
	subsystem, line := r.Type == "subsystem", v.Text
	if forced := c.session.Identity.ForceCommand; forced != "" {
		line = forced
		if subsystem = firstWord(forced) == "internal-sftp"; subsystem {
			line = "sftp"
		}
	}
	var handler Handler
	name := line
	if subsystem {
		handler = c.srv.Subsystems[name]
	} else {
		name = firstWord(line)
		handler = c.srv.Commands[name]
	}
	e := &quaymaster.Event{Kind: quaymaster.KindChannel, User: c.user(), Target: line}
	if handler == nil {
		e.Err = fmt.Errorf("%s not available", r.Type)
	}
	c.emit(ctx, e)
	if handler == nil {
		return nil, nil, false
	}
	info := *c.info
	info.Protocol = name
	return handler, &Session{
		rw: &activeChannel{h.ch, c}, stderr: &activeWriter{h.ch.Stderr(), c}, conn: &info, session: c.session,
		command: line, subsystem: subsystem, env: h.env, log: c.log.With("channel", line), running: &c.running,
	}, true
}

func (h *channel) start(ctx context.Context, handler Handler, s *Session) {
	h.started = true
	h.conn.running.Add(1)
	h.conn.channels.Go(func() {
		defer close(h.done)
		defer s.Idle()
		err := serve.Fence(s.log, func() { h.err = handler.ServeSSH(ctx, s) })
		if err != nil {
			h.err = err
		}
	})
}

// exit reports how the handler ended. The order matters to clients: status,
// end of data, close (RFC 4254 sections 5.3 and 6.10).
func (h *channel) exit() {
	code := 0
	var exit *ExitError
	switch {
	case errors.As(h.err, &exit):
		code = min(max(exit.Code, 1), 255)
	case h.err != nil:
		code = 1
	}
	if h.err != nil {
		h.conn.log.Info("channel ended", "code", code, "error", h.err)
	}
	status := ssh.Marshal(struct{ Code uint32 }{uint32(code)})
	if _, err := h.ch.SendRequest("exit-status", false, status); err != nil && !isEOF(err) {
		h.conn.log.Debug("exit status", "error", err)
	}
	if err := h.ch.CloseWrite(); err != nil && !isEOF(err) {
		h.conn.log.Debug("end of data", "error", err)
	}
}

// activeChannel notes the activity of a channel.
type activeChannel struct {
	ssh.Channel
	c *conn
}

func (a *activeChannel) Read(p []byte) (int, error) {
	n, err := a.Channel.Read(p)
	a.c.touch()
	return n, err
}

func (a *activeChannel) Write(p []byte) (int, error) { return a.c.write(a.Channel, p) }

// activeWriter does the same for the error stream.
type activeWriter struct {
	w io.Writer
	c *conn
}

func (a *activeWriter) Write(p []byte) (int, error) { return a.c.write(a.w, p) }

func (c *conn) write(w io.Writer, p []byte) (int, error) {
	c.writing.Add(1)
	n, err := w.Write(p)
	c.writing.Add(-1)
	c.touch()
	return n, err
}
