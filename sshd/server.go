package sshd

import (
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/internal/batch"
	"github.com/quaymaster/quaymaster/internal/serve"
	"github.com/quaymaster/quaymaster/internal/session"
)

// Server is an SSH server for file transfer: it has subsystems and commands
// that run in this process, and no shell, terminal, agent or forwarding. Its
// fields must not change once Serve was called. All methods are safe for
// concurrent use.
type Server struct {
	// Auth decides who comes in. Required.
	Auth auth.Authenticator
	// HostKeys prove who the server is; one for each algorithm. A signer made
	// by ssh.NewCertSigner presents a host certificate, and the plain key to
	// clients that know no certificates. RSA keys sign with SHA-2 only, unless
	// Algorithms says otherwise. Required: a server never invents one.
	HostKeys []ssh.Signer
	// AnnounceKeys are host keys that are not in use, but will be or were.
	// Clients that are logged in are told these and HostKeys, with proof
	// (hostkeys-00@openssh.com), so that they know a new key before it is used:
	// OpenSSH with UpdateHostKeys also forgets keys that are not announced any
	// more.
	AnnounceKeys []ssh.Signer

	// Subsystems and Commands are what clients may ask for: a subsystem by its
	// name, a command by the first word of its command line as Session.Args
	// returns it, without quotes but with a path if it has one: "/bin/scp" is
	// not "scp". What is not there is refused.
	Subsystems, Commands map[string]Handler

	Gate   quaymaster.Gate // nil: everybody may try
	Sink   quaymaster.Sink // nil: nobody is told
	Logger *slog.Logger    // nil: slog.Default()

	// ConnContext, if not nil, may derive the context of a new connection.
	ConnContext func(ctx context.Context, c net.Conn) context.Context

	// HandshakeTimeout bounds the time from accept to the end of the login.
	// Zero means one minute, negative no limit.
	HandshakeTimeout time.Duration
	// IdleTimeout ends a connection on which no channel moved a byte for so
	// long, while no handler was at work. Zero means 15 minutes, negative no limit. Identity.Limits.Idle
	// takes its place when set.
	IdleTimeout time.Duration
	// KeepAlive is how long a connection may be silent before the client is
	// asked for a sign of life; after three questions without an answer it is
	// dropped. Zero means 30 seconds, negative never.
	KeepAlive time.Duration

	// MaxAuthTries is the number of failed attempts, 6 if zero. Public keys
	// that are merely offered count apart, see MaxKeyQueries.
	MaxAuthTries int
	// MaxKeyQueries is the number of public keys that a client may offer, 20 if
	// zero.
	MaxKeyQueries int
	// MaxChannels is the number of channels open at the same time on one
	// connection, 10 if zero.
	MaxChannels int

	// Algorithms narrows or widens what is negotiated; nil means
	// DefaultAlgorithms.
	Algorithms *Algorithms
	// ClientCipherOrder lets the client's order of ciphers decide, as RFC 4253
	// has it. If false, a client that knows AES-GCM gets it, also when it
	// prefers chacha20-poly1305 as OpenSSH does, on machines where that
	// multiplies the speed.
	ClientCipherOrder bool
	// RekeyThreshold is the number of bytes in one direction after which the
	// server asks for new keys, RFC 4253 section 9. Zero means 1 GiB; there are
	// at least 256.
	RekeyThreshold uint64
	// Version is the software name in the identification string, at most 200
	// printable ASCII characters without blank or "-". Empty means
	// "Quaymaster". It should not contain "OpenSSH": some clients change their
	// behaviour by that word.
	Version string
	// Banner is shown by clients before the login; empty: none.
	Banner string

	// Partial says what becomes of interrupted uploads.
	Partial quaymaster.PartialPolicy

	loop    serve.Loop
	leases  session.Leases
	logins  session.Logins
	buffers batch.Buffers
	ballast atomic.Pointer[[]byte]
	proofs  atomic.Pointer[[]*hostKey] // see announced
}

// announced returns the plain keys that clients are told, once config ran.
func (s *Server) announced() []*hostKey { return *s.proofs.Load() }
