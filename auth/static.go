package auth

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
)

// Static is an Authenticator over a fixed set of users. The zero value lets
// nobody in. Its fields, and those of its users, must not change after the
// first use, nor may it be copied. It is safe for concurrent use.
//
// Passwords come as the method "password" or as the only answer of
// "keyboard-interactive". What is wrong with a login is not told: an unknown,
// disabled or expired user, one without a password and a wrong password all
// take one hash to verify and end in ErrDenied. That holds in time, too, if all
// stored hashes cost the same; see Decoy.
//
// For a public key that is not Proven, Static answers with a *Partial that
// asks for the method "publickey" if the key would do, and never with an
// Identity.
type Static struct {
	// Users by name, compared byte for byte. A nil or zero User lets nobody in.
	Users map[string]*User
	// TrustedCAs holds certificate authorities for all users. A certificate
	// signed by one of its cert-authority lines admits a user that it names as
	// a principal. KeyParser with Authorities reads a plain list of keys.
	TrustedCAs *AuthorizedKeys
	// RevokedKeys says which keys, certificates and authorities let nobody in,
	// whoever trusts them. When the file can't be used no key lets anybody in.
	// Nil: none.
	RevokedKeys *RevokedKeysFile
	// ClientCAs are the authorities whose TLS client certificates let in the users
	// that User.ClientCerts says. Nil: none.
	ClientCAs *x509.CertPool
	// ClientCRLs are revocation lists of these authorities and of those below
	// them. While all lists of an issuer are past their next update, none of its
	// certificates lets in.
	ClientCRLs []*x509.RevocationList
	// Hasher verifies the passwords. Nil: one of its own. Share one between
	// several authenticators to bound the memory of all.
	Hasher *Hasher
	// Decoy is the hash that is verified, in vain, for users that have none.
	// Empty: an argon2id hash at the price of Hasher. If the users' hashes are
	// of another kind, such as imported bcrypt hashes, put one like them here,
	// or the time of an answer tells who exists.
	Decoy string
	// MinRSABits is as in KeyParser, for AuthorizedKeysFile.
	MinRSABits int
	// Logger is told, at level Warn, about key files that can't be used, and
	// at level Debug why a key was denied. Nil: slog.Default().
	Logger *slog.Logger

	own Hasher
}

// User is an account of one Static.
type User struct {
	// PasswordHash is what HashPassword made, or another hash that
	// VerifyPassword knows. Empty: no password does.
	PasswordHash string
	// PasswordExpires is when the password lets in no more until it is changed,
	// see PasswordChange; keys are not concerned. The zero time is never, any
	// other that is over means at once.
	PasswordExpires time.Time
	// AuthorizedKeys are the user's public keys.
	AuthorizedKeys *AuthorizedKeys
	// AuthorizedKeysFile names a file with more of them, which is read again
	// whenever it changed. It may be missing, must be at most 4 MiB long, and
	// is refused when its group or everybody can write to it (not checked on
	// Windows). Empty: none.
	AuthorizedKeysFile string
	// ClientCerts say which TLS client certificates of Static.ClientCAs are the
	// user's; one of them is enough.
	ClientCerts []CertRule
	// Require holds the ways to log in: each is a list of methods to be passed
	// in that order, and one complete list is enough, as in OpenSSH's
	// AuthenticationMethods. Nil: any one method is enough. An empty list can't
	// be completed. "publickey" twice means two different keys.
	Require [][]Method
	// Disabled keeps the user out, and so does Expires from that time on; the
	// zero time is never.
	Disabled bool
	Expires  time.Time

	// Home opens what the user gets to see, see Identity. Required.
	Home   func(context.Context) (vfs.FS, error)
	Permit vfs.Check // nil: all that Home allows
	Limits Limits
	Data   any // for the embedding program

	file watchedFile[*AuthorizedKeys]
}

var (
	_ Authenticator = (*Static)(nil)
	_ Offerer       = (*Static)(nil)
)

// Authenticate implements Authenticator. What r.Passed says about passwords
// and public keys is verified once more; that an Interactive in it was answered
// right, and all of it by this user on this connection, is the server's word.
func (s *Static) Authenticate(ctx context.Context, r *Request) (*Identity, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := CheckUser(r.User); err != nil {
		return nil, err
	}
	u := s.Users[r.User]
	if !u.active() {
		u = nil
	}
	var way step
	if u != nil && r.Cred != nil && !reused(r) {
		way = u.step(r)
	}
	if !way.open {
		u = nil // as if there were no such user
	}
	got, err := s.verify(ctx, u, r)
	if err != nil {
		return nil, err
	}
	if isQuery(r) {
		return nil, &Partial{Next: []Method{MethodPublicKey}, NoTouch: got.noTouch}
	}
	if !way.last {
		return nil, &Partial{Next: way.next}
	}
	if got, err = s.verifyPassed(ctx, u, r, got); err != nil {
		return nil, err
	}
	id := &Identity{User: r.User, Home: u.Home, Permit: u.Permit, Limits: u.Limits,
		ForceCommand: got.force, Data: u.Data}
	if got.byPassword && !u.PasswordExpires.IsZero() && !time.Now().Before(u.PasswordExpires) {
		return Expired(id, got.password), nil
	}
	return id, nil
}

// proof is what factors that were right say about the login.
type proof struct {
	force      string // the only command
	noTouch    bool   // a security key need not be touched
	byPassword bool   // the user's password was among them
	password   Password
}

// verify looks at the factor r.Cred. It succeeds for no u that is nil, but
// costs the same.
func (s *Static) verify(ctx context.Context, u *User, r *Request) (got proof, err error) {
	switch c := r.Cred.(type) {
	case Password:
		return proof{byPassword: true, password: c}, s.verifyPassword(ctx, u, string(c))
	case Interactive:
		password, err := askPassword(ctx, c)
		if err != nil {
			return proof{}, err
		}
		return proof{byPassword: true, password: Password(password)}, s.verifyPassword(ctx, u, password)
	case PublicKey:
		m, err := s.verifyKey(ctx, u, r, &c)
		if err != nil {
			return proof{}, err
		}
		return proof{force: m.ForceCommand, noTouch: m.NoTouch}, nil
	case ClientCert:
		return proof{}, s.verifyCert(u, c)
	}
	return proof{}, ErrDenied
}

func (s *Static) verifyPassword(ctx context.Context, u *User, password string) error {
	if !usablePassword(password) {
		return ErrDenied // for everybody alike
	}
	if u == nil || u.PasswordHash == "" {
		return s.pretend(ctx, password)
	}
	err := s.hasher().Verify(ctx, u.PasswordHash, password)
	if errors.Is(err, ErrHashFormat) {
		if waste := s.pretend(ctx, password); !errors.Is(waste, ErrDenied) {
			return waste
		}
	}
	return err
}

// pretend spends what a verification costs and never succeeds.
func (s *Static) pretend(ctx context.Context, password string) error {
	if s.Decoy == "" {
		return s.hasher().decoy(ctx, password)
	}
	if err := s.hasher().Verify(ctx, s.Decoy, password); err != nil {
		return err
	}
	return ErrDenied
}

func (s *Static) hasher() *Hasher {
	if s.Hasher != nil {
		return s.Hasher
	}
	return &s.own
}

// askPassword asks one question, so that clients which answer a single prompt
// with the password that they have need not bother their user. A dialogue that
// broke off is an error of its own.
func askPassword(ctx context.Context, c Interactive) (string, error) {
	if c.Ask == nil {
		return "", ErrDenied
	}
	answers, err := c.Ask(ctx, "", "", []Question{{Text: "Password: "}})
	if err != nil {
		return "", fmt.Errorf("auth: ask for the password: %w", err)
	}
	if len(answers) != 1 {
		return "", ErrDenied
	}
	return answers[0], nil
}

// verifyKey looks for the line that admits key. A user's own lines come before
// the authorities of all.
func (s *Static) verifyKey(ctx context.Context, u *User, r *Request, key *PublicKey) (*KeyMatch, error) {
	err := s.RevokedKeys.Check(ctx, key)
	if err != nil && !errors.Is(err, ErrDenied) {
		return nil, err // for everybody alike
	}
	if err != nil {
		s.logger().InfoContext(ctx, "auth: revoked public key", "user", r.User, "error", err)
		return nil, ErrDenied
	}
	if u == nil {
		return nil, ErrDenied
	}
	m, why := u.AuthorizedKeys.match(r, key, false)
	if why != nil && u.AuthorizedKeysFile != "" {
		keys, err := s.loadKeys(ctx, u)
		if err != nil {
			return nil, err
		}
		m, err = keys.match(r, key, false)
		why = join(why, err)
	}
	if why != nil && key.Cert != nil {
		m, err = s.TrustedCAs.match(r, key, true)
		why = join(why, err)
	}
	if why != nil {
		s.logger().DebugContext(ctx, "auth: public key denied", "user", r.User, "error", why)
		return nil, ErrDenied
	}
	return m, nil
}

// join keeps the reasons of both, but success if the second is one.
func join(a, b error) error {
	if b == nil {
		return nil
	}
	return errors.Join(a, b)
}

func (s *Static) loadKeys(ctx context.Context, u *User) (*AuthorizedKeys, error) {
	keys, bad, err := s.readKeys(u)
	if err != nil {
		s.logger().WarnContext(ctx, "auth: key file refused", "error", err)
	}
	if bad != nil {
		s.logger().WarnContext(ctx, "auth: some keys can't be used", "file", u.AuthorizedKeysFile, "error", bad)
	}
	return keys, err
}

func (s *Static) readKeys(u *User) (keys *AuthorizedKeys, bad, err error) {
	return u.file.load(u.AuthorizedKeysFile, func(r io.Reader) (*AuthorizedKeys, error, error) {
		keys, bad := KeyParser{MinRSABits: s.MinRSABits}.Parse(r)
		if keys == nil {
			return nil, nil, bad
		}
		return keys, bad, nil
	})
}

func (s *Static) logger() *slog.Logger {
	if s.Logger != nil {
		return s.Logger
	}
	return slog.Default()
}
