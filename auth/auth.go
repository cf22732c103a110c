package auth

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/vfs"
)

// Authenticator decides who a client is. It must be safe for concurrent use,
// and should take the same time for a user that does not exist as for a wrong
// credential.
type Authenticator interface {
	// Authenticate looks at one credential. It returns
	//   - an Identity and nil: the client is in, if its Check agrees;
	//   - nil and a *Partial: this factor is right, go on with another;
	//   - nil and an error matching ErrDenied: it is wrong;
	//   - nil and any other error: it could not tell.
	// Only the first lets anybody in. For a PublicKey that is not Proven the
	// answer means no more than "this key would do"; servers never log anyone
	// in by it, whatever is returned.
	Authenticate(ctx context.Context, r *Request) (*Identity, error)
}

// Func is an Authenticator made of a function.
type Func func(ctx context.Context, r *Request) (*Identity, error)

func (f Func) Authenticate(ctx context.Context, r *Request) (*Identity, error) { return f(ctx, r) }

// ErrDenied means that a credential is wrong, or that its user is unknown:
// callers can't tell which.
var ErrDenied = errors.New("auth: denied")

// Partial is the error that says: right, but not enough.
type Partial struct {
	Next []Method // any one of these goes on; never empty
	// NoTouch, in an answer about a PublicKey that is not Proven, says that a
	// security key need not say that its user touched it. Servers must insist
	// on that otherwise.
	NoTouch bool
}

func (p *Partial) Error() string {
	names := make([]string, len(p.Next))
	for i, m := range p.Next {
		names[i] = string(m)
	}
	return "auth: more needed: " + strings.Join(names, " or ")
}

// Request is one attempt.
type Request struct {
	Conn *quaymaster.Conn
	User string // as the client sent it; untrusted
	Cred Credential
	// Passed holds the factors proven earlier on this connection by this user,
	// in order. Public keys in it are Proven.
	Passed []Credential
}

// Remote returns the client's IP address without zone, unmapped, or the zero
// Addr when there is none.
func (r *Request) Remote() netip.Addr {
	if r.Conn == nil || r.Conn.Remote == nil {
		return netip.Addr{}
	}
	ap, err := netip.ParseAddrPort(r.Conn.Remote.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// HasPassed tells whether a factor of that method was proven before.
func (r *Request) HasPassed(m Method) bool {
	for _, c := range r.Passed {
		if c.Method() == m {
			return true
		}
	}
	return false
}

// Method names a way to authenticate, in the words of RFC 4252 where it has
// them.
type Method string

const (
	MethodPassword    Method = "password"
	MethodPublicKey   Method = "publickey"
	MethodInteractive Method = "keyboard-interactive"
	MethodClientCert  Method = "client-cert"
	MethodToken       Method = "token"
)

// Offerer is an Authenticator that knows which methods can begin a login. The
// answer must not depend on whether a user exists.
type Offerer interface{ Offers() []Method }

// Offers returns the methods with which a can begin; all that servers know
// when a does not say.
func Offers(a Authenticator) []Method {
	if o, ok := a.(Offerer); ok {
		return o.Offers()
	}
	return []Method{MethodPublicKey, MethodPassword, MethodInteractive, MethodClientCert, MethodToken}
}

// Credential is one factor. Its implementations are the types of this package.
type Credential interface {
	Method() Method
	credential()
}

type (
	// Password is a plain password. It prints and logs as "[redacted]".
	Password string
	// Token is a bearer token. It prints and logs as "[redacted]".
	Token string
	// PublicKey is an SSH public key.
	PublicKey struct {
		Algo string // algorithm of the key, such as "ssh-ed25519"
		Blob []byte // wire format, RFC 4253 section 6.6; without the certificate
		// Proven: the client signed this session's identifier with the key.
		Proven bool
		// Cert is set when the client presented the key in a certificate whose
		// signature, validity period, type, source-address and critical options
		// the server verified. Whether its CA is trusted, and for whom, is for
		// the Authenticator to say.
		Cert *Cert
		// Presence and Verification: a FIDO key's signature says that its user
		// touched it, and that its user was verified (PIN or biometric).
		Presence, Verification bool
	}
	// Interactive lets an Authenticator ask questions (RFC 4256).
	Interactive struct {
		// Ask shows name and instruction and returns one answer for each
		// question, in order.
		Ask func(ctx context.Context, name, instruction string, questions []Question) ([]string, error)
	}
	// ClientCert is a TLS client certificate chain, leaf first. The handshake
	// proved the key; whether the chain is trusted is for the Authenticator
	// to say.
	ClientCert struct{ Chain []*x509.Certificate }
)

// Question is one prompt of an Interactive credential.
type Question struct {
	Text string
	Echo bool // show what is typed
}

// Cert describes an OpenSSH user certificate.
type Cert struct {
	CA         []byte // wire format of the signing key
	KeyID      string
	Serial     uint64
	Principals []string // a certificate without principals fits nobody
	ValidAfter time.Time
	// ValidBefore is the zero time when the certificate does not expire.
	ValidBefore     time.Time
	CriticalOptions map[string]string
	Extensions      map[string]string
}

func (Password) Method() Method    { return MethodPassword }
func (Token) Method() Method       { return MethodToken }
func (PublicKey) Method() Method   { return MethodPublicKey }
func (Interactive) Method() Method { return MethodInteractive }
func (ClientCert) Method() Method  { return MethodClientCert }

func (Password) credential()    {}
func (Token) credential()       {}
func (PublicKey) credential()   {}
func (Interactive) credential() {}
func (ClientCert) credential()  {}

const redacted = "[redacted]"

func (Password) String() string               { return redacted }
func (Password) GoString() string             { return redacted }
func (Password) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Password) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (Token) String() string                  { return redacted }
func (Token) GoString() string                { return redacted }
func (Token) LogValue() slog.Value            { return slog.StringValue(redacted) }
func (Token) MarshalText() ([]byte, error)    { return []byte(redacted), nil }

// Format covers the verbs for which fmt does not ask String, such as %d.
func (Password) Format(s fmt.State, _ rune) { io.WriteString(s, redacted) }

// Format covers the verbs for which fmt does not ask String, such as %d.
func (Token) Format(s fmt.State, _ rune) { io.WriteString(s, redacted) }

// Identity is who a client turned out to be and what it may do.
type Identity struct {
	User string // canonical name; never empty
	// Home opens the file system of the session. It is called at most once a
	// session, when it is first needed. If what it returns is an io.Closer it
	// is closed with the session; see Home for a shared one. Required.
	Home func(ctx context.Context) (vfs.FS, error)
	// Permit decides about each operation on Home; nil: all that Home allows.
	Permit vfs.Check
	Limits Limits
	// Pace, if not nil, is asked about every byte of a file that is moved; see
	// package limit for one.
	Pace Pacer
	// ForceCommand, if not empty, is the only thing that a session may run,
	// whatever it asks for: the OpenSSH options command= and force-command.
	// "internal-sftp" is the SFTP subsystem.
	ForceCommand string
	Data         any // for the embedding program

	expired *expired // see Expired
}

// Limits bounds what an Identity uses. Zero fields mean: no limit of its own,
// the server's holds.
type Limits struct {
	Sessions    int           // at the same time, on one server
	Idle        time.Duration // without any request
	Lifetime    time.Duration // of a session
	MaxFileSize int64         // bytes in one uploaded file
}

// Home returns a function for Identity.Home that gives every session the same
// fsys and does not close it.
func Home(fsys vfs.FS) func(context.Context) (vfs.FS, error) {
	if _, ok := fsys.(io.Closer); ok {
		fsys = keepOpen(fsys)
	}
	return func(context.Context) (vfs.FS, error) { return fsys, nil }
}

// keepOpen hides the Close method of fsys.
func keepOpen(fsys vfs.FS) vfs.FS {
	return &vfs.Forward{
		Route: func(_ context.Context, op *vfs.Op) (vfs.Route, error) {
			return vfs.Route{FS: fsys, Name: op.Name, Target: op.Target}, nil
		},
		Have: func() vfs.Features { return vfs.FeaturesOf(fsys) },
	}
}

// CheckUser refuses user names that no server should even look up: empty ones,
// over 255 bytes, with invalid UTF-8, or with control, format or separator
// characters. The error matches ErrDenied.
func CheckUser(name string) error {
	if name == "" || len(name) > 255 || !utf8.ValidString(name) {
		return ErrDenied
	}
	for _, r := range name {
		// Cf holds bidi overrides and zero-width characters.
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return ErrDenied
		}
	}
	return nil
}
