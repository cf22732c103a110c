package quaymaster

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"time"
)

// Sentinel errors shared by every server. They appear as the cause of a
// cancelled session context and as the Err of events.
var (
	// ErrServerClosed is returned by Serve after Shutdown or Close.
	ErrServerClosed = errors.New("quaymaster: server closed")
	// ErrIdle ends a session that was silent for longer than its idle timeout.
	ErrIdle = errors.New("quaymaster: idle timeout")
	// ErrKicked ends a session that an operator closed.
	ErrKicked = errors.New("quaymaster: session closed by the operator")
	// ErrLifetime ends a session that reached its maximum lifetime.
	ErrLifetime = errors.New("quaymaster: session lifetime reached")
	// ErrLoginTimeout ends a connection on which nobody logged in within the
	// time allowed.
	ErrLoginTimeout = errors.New("quaymaster: no login within the time allowed")
	// ErrConnLost ends a session whose peer went away without closing it.
	ErrConnLost = errors.New("quaymaster: connection lost")
	// ErrRefused is what a Gate returns, alone or wrapped, to turn a
	// connection or a login away.
	ErrRefused = errors.New("quaymaster: refused")
	// ErrPanic is matched by the error that ends a session whose handler or
	// back end panicked.
	ErrPanic = errors.New("quaymaster: internal error")
)

// Conn describes one client connection. It is immutable once it was handed
// out, so it may be kept and read from any goroutine.
type Conn struct {
	ID       string // unique and time-ordered, see NewID
	Protocol string // "ssh", "sftp", "scp", "ftp", "ftps", "http", "https"
	Client   string // client software as it announced itself; untrusted
	// Fingerprint tells the client's software by how it speaks, whatever name it
	// gives itself: "hassh:<hex>" for SSH; empty when there is none. Untrusted.
	Fingerprint string
	Local       net.Addr             // nil when there is no socket (stdin and stdout)
	Remote      net.Addr             // nil when there is no socket
	TLS         *tls.ConnectionState // nil: not TLS
	Start       time.Time
}

// LogValue groups the fields that identify the connection in a log.
func (c *Conn) LogValue() slog.Value {
	if c == nil {
		return slog.Value{}
	}
	attrs := []slog.Attr{slog.String("id", c.ID), slog.String("protocol", c.Protocol)}
	if c.Remote != nil {
		attrs = append(attrs, slog.String("remote", c.Remote.String()))
	}
	if c.Local != nil {
		attrs = append(attrs, slog.String("local", c.Local.String()))
	}
	if c.Client != "" {
		attrs = append(attrs, slog.String("client", c.Client))
	}
	if c.Fingerprint != "" {
		attrs = append(attrs, slog.String("fingerprint", c.Fingerprint))
	}
	return slog.GroupValue(attrs...)
}

// Gate decides who may come in. A server asks it twice: when a connection is
// accepted, with user "", and again after a successful login. It must be safe
// for concurrent use and should answer quickly: it runs before the handshake.
type Gate interface {
	// Admit returns a release function, called exactly once when the
	// connection (or the login) ends, or an error, for which the client is
	// turned away. A nil release is allowed.
	Admit(ctx context.Context, c *Conn, user string) (release func(), err error)
}

// Sink receives events. It observes and can't veto. Emit must be safe for
// concurrent use and must not keep e after it returns. It is called on the
// session's own goroutine, so a slow sink slows that session.
type Sink interface {
	Emit(ctx context.Context, e *Event)
}

// idAlphabet is Crockford's base 32: its byte order is its numeric order.
const idAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewID returns a 26-character identifier: 48 bits of Unix milliseconds
// followed by 80 random bits, both in base 32, so that identifiers made in
// different milliseconds sort by time.
func NewID() string {
	var raw [16]byte
	ms := uint64(time.Now().UnixMilli())
	for i := range 6 {
		raw[i] = byte(ms >> (40 - 8*i))
	}
	rand.Read(raw[6:])
	var id [26]byte
	// 26 groups of 5 bits are 130 bits: the first group holds only 3.
	var acc uint32
	bits, out := 2, 0
	for _, b := range raw {
		acc = acc<<8 | uint32(b)
		bits += 8
		for bits >= 5 {
			bits -= 5
			id[out] = idAlphabet[acc>>bits&31]
			out++
		}
	}
	return string(id[:])
}
