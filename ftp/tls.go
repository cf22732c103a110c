package ftp

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/internal/batch"
)

// errNoReuse refuses a data connection that does not resume a TLS session of
// its control connection.
var errNoReuse = errors.New("data connection does not resume the TLS session")

// errInjected ends a connection on which commands in the clear follow AUTH.
var errInjected = errors.New("commands in the clear behind AUTH")

// tlsTimeout bounds the handshake of a data connection.
const tlsTimeout = 15 * time.Second

// ticketKeys seals session tickets for all connections of a server.
type ticketKeys struct{ config *tls.Config }

func newTicketKeys(base *tls.Config) *ticketKeys {
	cfg := base.Clone()
	cfg.SessionTicketsDisabled = false // or there are no keys, and no handshake succeeds
	return &ticketKeys{cfg}
}

// tlsSession is the TLS of one FTP session: whatever resumes a ticket with its
// token belongs to it.
type tlsSession struct {
	srv   *Server
	token [16]byte
	data  *tls.Config // of data connections, once there was one
}

func (t *tlsSession) dataConfig() *tls.Config {
	if t.data == nil {
		t.data = t.config(true)
		t.data.DynamicRecordSizingDisabled = true // records are full from the start
	}
	return t.data
}

func newTLSSession(s *Server) *tlsSession {
	t := &tlsSession{srv: s}
	rand.Read(t.token[:])
	return t
}

// config returns that of the control connection, or of a data connection, which
// resumes only sessions of this FTP session.
func (t *tlsSession) config(data bool) *tls.Config {
	cfg := t.srv.TLS.Clone()
	inner := cfg.GetConfigForClient
	t.bind(cfg, data)
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		own := cfg
		if inner != nil {
			other, err := inner(hello)
			if err != nil {
				return nil, err
			}
			if other != nil {
				own = other.Clone()
				t.bind(own, data)
			}
		}
		if own == cfg {
			own = cfg.Clone()
		}
		own.GetConfigForClient = nil
		own.NextProtos = protocols(hello)
		return own, nil
	}
	return cfg
}

// bind has tickets carry the token.
func (t *tlsSession) bind(cfg *tls.Config, data bool) {
	if cfg.MinVersion == 0 {
		cfg.MinVersion = tls.VersionTLS12
	}
	keys := t.srv.tickets.config
	cfg.SessionTicketsDisabled = false
	cfg.WrapSession = func(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
		ss.Extra = [][]byte{t.token[:]}
		return keys.EncryptTicket(cs, ss)
	}
	cfg.UnwrapSession = func(identity []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
		ss, err := keys.DecryptTicket(identity, cs)
		if err != nil || ss == nil {
			return nil, err
		}
		if data && t.srv.Reuse != ReuseOff && !slices.ContainsFunc(ss.Extra, func(e []byte) bool { return bytes.Equal(e, t.token[:]) }) {
			return nil, nil // a full handshake
		}
		return ss, nil
	}
}

// protocols is what ALPN negotiates. A client that offers only protocols of
// others was sent here by somebody else (ALPACA), and gets an alert. FileZilla
// offers a name of its own, and takes none.
func protocols(hello *tls.ClientHelloInfo) []string {
	ours := []string{"ftp", "ftp-data", "x-filezilla-ftp"}
	offered := hello.SupportedProtos
	if slices.Contains(offered, "ftp") || slices.ContainsFunc(offered, func(p string) bool { return !slices.Contains(ours, p) }) {
		return []string{"ftp"}
	}
	return nil
}

// rawConn is the socket below TLS. It notes when it ended: crypto/tls reports
// an end without close_notify at the edge of a record as io.EOF.
type rawConn struct {
	net.Conn
	ended atomic.Bool
}

func (r *rawConn) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	if err == io.EOF {
		r.ended.Store(true)
	}
	return n, err
}

// startTLS secures the control connection.
func (c *conn) startTLS(ctx context.Context) error {
	c.tls = newTLSSession(c.srv)
	sock := tls.Server(c.nc.Conn, c.tls.config(false))
	if err := sock.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS: %w", err)
	}
	state := sock.ConnectionState()
	info := *c.info
	info.TLS = &state
	c.info = &info
	c.control = sock
	c.in = newLineReader(sock, c.in.limit)
	c.out.secure(sock)
	c.emit(ctx, &quaymaster.Event{
		Kind: quaymaster.KindHandshake, Elapsed: time.Since(c.info.Start),
		Target: tlsText(state),
	})
	return nil
}

// secureData puts TLS over a data connection.
func (c *conn) secureData(ctx context.Context, d *dataConn) error {
	ctx, cancel := context.WithTimeout(ctx, tlsTimeout)
	defer cancel()
	d.raw = &rawConn{Conn: d.moving}
	d.batched = batch.New(d.raw, &c.srv.batches)
	d.secure = tls.Server(d.batched, c.tls.dataConfig())
	d.Conn = d.secure
	if err := d.secure.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS on the data connection: %w", err)
	}
	if c.srv.Reuse == ReuseRequire && !d.secure.ConnectionState().DidResume {
		return errNoReuse
	}
	return nil
}
