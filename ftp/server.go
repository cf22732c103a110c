package ftp

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/internal/batch"
	"github.com/quaymaster/quaymaster/internal/serve"
	"github.com/quaymaster/quaymaster/internal/session"
)

// Server is a server for FTP (RFC 959) and for FTP over TLS, explicit (RFC 4217)
// or implicit. Its fields must not change once Serve was called. All methods
// are safe for concurrent use.
//
// With Auth alone it serves plain FTP, which shows passwords and files to
// everybody on the way; with TLS set it takes no login without TLS, unless
// TLSMode says otherwise.
type Server struct {
	// Auth decides who comes in. Required.
	Auth auth.Authenticator

	// TLS has the certificates. It is cloned; session tickets, ALPN and the
	// binding of data connections are taken care of. GetCertificate or
	// GetConfigForClient change certificates without a restart. ClientAuth says
	// whether clients are asked for a certificate, which then is a credential
	// for Auth. Nil: no TLS.
	TLS     *tls.Config
	TLSMode TLSMode
	// Reuse says how a data connection proves by its TLS session that it belongs
	// to the control connection.
	Reuse Reuse
	// LenientEOF takes an upload over TLS as complete when the client closes the
	// data connection without TLS's close_notify. Anybody on the way can then cut
	// an upload short.
	LenientEOF bool

	Gate   quaymaster.Gate // nil: everybody may try
	Sink   quaymaster.Sink // nil: nobody is told
	Logger *slog.Logger    // nil: slog.Default()

	// ConnContext, if not nil, may derive the context of a new connection.
	ConnContext func(ctx context.Context, c net.Conn) context.Context

	// HandshakeTimeout bounds the time from accept to the end of the login.
	// Zero means one minute, negative no limit.
	HandshakeTimeout time.Duration
	// IdleTimeout ends a connection on which no command came for so long, while
	// nothing was transferred. Zero means 15 minutes, negative no limit.
	// Identity.Limits.Idle takes its place when set.
	IdleTimeout time.Duration
	// DataTimeout is how long a data connection may take to come about, and to
	// move its next bytes. Zero means one minute, negative no limit.
	DataTimeout time.Duration
	// MaxAuthTries is the number of failed logins, 6 if zero.
	MaxAuthTries int
	// MaxBadCommands is how many malformed or unknown commands in a row end a
	// connection, 5 if zero.
	MaxBadCommands int
	// MaxLine is the longest command line in bytes, 8 KiB if zero.
	MaxLine int
	// MaxList is the number of entries that one listing shows, a million if zero.
	MaxList int

	// PassiveAddress is the IPv4 address that PASV tells: that of a NAT in
	// front. The zero Addr means the address that the client reached. EPSV tells
	// no address.
	PassiveAddress netip.Addr
	// PassivePorts are the ports for data connections. The zero value leaves it
	// to the system.
	PassivePorts PortRange
	// PassiveOnly refuses PORT and EPRT.
	PassiveOnly bool
	// ActiveSourcePort is the local port of active data connections; 0: any.
	ActiveSourcePort int
	// AnyDataPeer takes data connections from other addresses than the control
	// connection's: for clients with several. Without TLS and Reuse it lets others
	// steal them.
	AnyDataPeer bool

	// Banner is the text of the greeting. Empty: "FTP server ready.". It may have
	// several lines.
	Banner string
	// Hosts are the names that HOST takes (RFC 7151); none: any name.
	Hosts []string
	// Charset is how clients encode names. Nil: UTF-8, and nothing else.
	Charset Charset
	// ASCII says what becomes of line ends in TYPE A.
	ASCII ASCII
	// StartASCII begins a session with TYPE A, as RFC 959 has it, and not with
	// TYPE I, which today's clients expect.
	StartASCII bool
	// ModeZ offers MODE Z, transfers that are compressed with zlib.
	ModeZ bool
	// Deny lists commands, by the names that Commands returns, that are refused;
	// Allow, if not empty, lists the only ones that are not. They are about other
	// names as well: XMKD and SITE MKDIR for MKD, SITE UTIME and MDTM with a time
	// for MFMT. USER, PASS and QUIT are always there.
	Deny, Allow []string
	// StartDir is the directory in which a session begins, as a name for vfs;
	// empty means the root.
	StartDir string
	// Hashes is how many files the server digests at the same time, 2 if zero.
	Hashes int

	// Partial says what becomes of interrupted uploads.
	Partial quaymaster.PartialPolicy
	// PlainUpload says when an upload without TLS is complete: its end and the
	// loss of the connection look alike.
	PlainUpload PlainUpload

	loop    serve.Loop
	leases  session.Leases
	logins  session.Logins
	buffers sync.Pool // of *[]byte, chunkSize long
	batches batch.Buffers
	once    sync.Once // guards what follows
	verbs   map[string]*verb
	tickets *ticketKeys
	hashing chan struct{}
}

// TLSMode says whether clients use TLS.
type TLSMode uint8

const (
	// TLSAuto is TLSRequired when Server.TLS is set and plain FTP when it is not.
	TLSAuto TLSMode = iota
	// TLSOptional offers AUTH TLS, and takes logins without it.
	TLSOptional
	// TLSRequired takes neither logins nor data connections without TLS.
	TLSRequired
	// TLSImplicit begins with TLS: the port 990 of old.
	TLSImplicit
)

// Reuse says what a TLS data connection must show. A ticket counts that the
// server issued on the control connection of the same session, or on one of its
// earlier data connections, any number of times.
type Reuse uint8

const (
	// ReusePrefer takes one without a ticket, because many clients have none,
	// and refuses tickets of other sessions.
	ReusePrefer Reuse = iota
	// ReuseRequire refuses one without a ticket, with 522. Data connections
	// can't be stolen then. With TLS 1.2 it shuts out clients that know session
	// IDs and no tickets, such as curl; with TLS 1.3 it does not.
	ReuseRequire
	// ReuseOff does not look.
	ReuseOff
)

// PlainUpload is a policy for uploads without TLS.
type PlainUpload uint8

const (
	// PlainPublish takes the end of the data for the end of the file, as all FTP
	// servers do, unless the control connection has ended, too, or ends within a
	// tenth of the time that the upload took, and 10 ms at most: so long does it
	// wait for that, if ALLO has not announced the size.
	PlainPublish PlainUpload = iota
	// PlainRequireSize publishes only what has the size that the client announced
	// by ALLO.
	PlainRequireSize
	// PlainKeepPartial publishes nothing without TLS: uploads stay partial, see
	// Server.Partial.
	PlainKeepPartial
)

// ASCII is a policy for TYPE A.
type ASCII uint8

const (
	// ASCIIConvert sends LF as CR LF, and stores CR LF as LF: RFC 959 section
	// 3.1.1.1.
	ASCIIConvert ASCII = iota
	// ASCIIBinary accepts TYPE A and converts nothing.
	ASCIIBinary
	// ASCIIRefuse refuses transfers of files in TYPE A with 504. Listings work.
	ASCIIRefuse
)

// PortRange is a range of ports, both ends included.
type PortRange struct{ First, Last uint16 }

// Charset translates names between the wire and UTF-8. It must be safe for
// concurrent use. What can't be translated is an error.
type Charset interface {
	Decode(wire string) (string, error)
	Encode(name string) (string, error)
}

var _ quaymaster.Server = (*Server)(nil)

// Serve accepts connections on l until Shutdown or Close, then returns
// quaymaster.ErrServerClosed. It refuses to begin when Check finds a mistake.
// It may be called for several listeners at a time.
func (s *Server) Serve(l net.Listener) error {
	if err := s.Check(); err != nil {
		return err
	}
	s.once.Do(s.prepare)
	log := s.logger()
	return s.loop.Serve(context.Background(), l, log, func(ctx context.Context, nc *serve.Conn) {
		if s.ConnContext != nil {
			ctx = s.ConnContext(ctx, nc)
		}
		newConn(s, nc, log).serve(ctx)
	})
}

// Shutdown stops accepting, ends connections that transfer nothing, waits for
// the others and returns; when ctx ends first it returns ctx.Err().
func (s *Server) Shutdown(ctx context.Context) error { return s.loop.Shutdown(ctx) }

// Close ends everything now. Uploads under way are aborted.
func (s *Server) Close() error { return s.loop.Close() }
