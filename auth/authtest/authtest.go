// Package authtest is the conformance suite for implementations of
// auth.Authenticator. What it asserts is the contract of that interface; an
// Authenticator that passes needs only tests for what is its own.
//
//	func TestConformance(t *testing.T) {
//		authtest.Test(t, newAuthenticator(t), authtest.Config{User: "ann", Password: "right"})
//	}
package authtest

import (
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
)

// Config tells the suite about a user whom the Authenticator knows.
type Config struct {
	// User is the name to log in with. Required.
	User string
	// Canonical is the name in the Identity; empty: User.
	Canonical string
	// Password is the user's password; empty: there is none.
	Password string
	// Key is a public key of the user; nil: there is none. The suite sets
	// Proven. No signature is needed: servers verify those.
	Key *auth.PublicKey
	// OtherKey is a key that is not the user's, to be told from Key.
	OtherKey *auth.PublicKey
	// Factors returns what logs the user in, in order; fresh ones on each call,
	// so that one-time codes work. Nil: the Key, or if there is none the
	// Password. Public keys in it must be Proven.
	Factors func() []auth.Credential
	// Conn is what requests come with; each login gets a copy. Nil: one from
	// the loopback address.
	Conn *quaymaster.Conn
	// Skip leaves out tests: the key is the name of the subtest, the value the
	// reason.
	Skip map[string]string
}

// Test runs the suite against a as subtests of t.
func Test(t *testing.T, a auth.Authenticator, c Config) {
	t.Helper()
	if c.User == "" || c.Factors == nil && c.Key == nil && c.Password == "" {
		t.Fatal("authtest: Config needs a User and a way to log in")
	}
	s := &suite{a: a, c: c}
	tests := s.tests()
	for name := range c.Skip {
		if !slices.ContainsFunc(tests, func(one test) bool { return one.name == name }) {
			t.Errorf("authtest: Skip names %q, which is no test", name)
		}
	}
	for _, one := range tests {
		t.Run(one.name, func(t *testing.T) {
			if why := c.Skip[one.name]; why != "" {
				t.Skip(why)
			}
			one.run(t)
		})
	}
}

type test struct {
	name string
	run  func(*testing.T)
}

func (s *suite) tests() []test {
	return []test{
		{"Login", s.testLogin},
		{"EmptyUser", s.testEmptyUser},
		{"HostileUser", s.testHostileUser},
		{"EmptyPassword", s.testEmptyPassword},
		{"WrongPassword", s.testWrongPassword},
		{"UnknownUser", s.testUnknownUser},
		{"UnprovenKey", s.testUnprovenKey},
		{"TwoKeyTrick", s.testTwoKeyTrick},
		{"UnprovenPassed", s.testUnprovenPassed},
		{"DuplicateFactor", s.testDuplicateFactor},
		{"Dialogue", s.testDialogue},
		{"UselessCredentials", s.testUselessCredentials},
		{"NilConn", s.testNilConn},
		{"CancelledContext", s.testCancelledContext},
		{"Concurrent", s.testConcurrent},
		{"Offers", s.testOffers},
		{"Redacted", testRedacted},
	}
}

type suite struct {
	a auth.Authenticator
	c Config
}

// conn returns a connection of its own for one login.
func (s *suite) conn() *quaymaster.Conn {
	if s.c.Conn != nil {
		c := *s.c.Conn
		return &c
	}
	remote := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000}
	return &quaymaster.Conn{ID: quaymaster.NewID(), Protocol: "sftp", Remote: remote, Start: time.Now()}
}

func (s *suite) request(user string, cred auth.Credential, passed ...auth.Credential) *auth.Request {
	return &auth.Request{Conn: s.conn(), User: user, Cred: cred, Passed: passed}
}

func (s *suite) factors() []auth.Credential {
	switch {
	case s.c.Factors != nil:
		return s.c.Factors()
	case s.c.Key != nil:
		return []auth.Credential{s.key(true)}
	}
	return []auth.Credential{auth.Password(s.c.Password)}
}

func (s *suite) key(proven bool) auth.PublicKey {
	k := *s.c.Key
	k.Proven = proven
	return k
}

// login does what a server does. It returns what the last request got.
func (s *suite) login(t *testing.T, conn *quaymaster.Conn) (*auth.Identity, error) {
	t.Helper()
	r := &auth.Request{Conn: conn, User: s.c.User}
	factors := s.factors()
	for i, f := range factors {
		r.Cred = f
		id, err := s.a.Authenticate(t.Context(), r)
		var p *auth.Partial
		if i == len(factors)-1 || !errors.As(err, &p) {
			return id, err
		}
		checkPartial(t, id, p)
		r.Passed = append(r.Passed, f)
	}
	return nil, errors.New("authtest: no factors")
}

func checkPartial(t *testing.T, id *auth.Identity, p *auth.Partial) {
	t.Helper()
	if id != nil {
		t.Error("an Identity came with a *Partial")
	}
	if len(p.Next) == 0 {
		t.Error("a *Partial names no next method")
	}
}

// out asserts that a does not let r in, and returns its error.
func (s *suite) out(t *testing.T, what string, r *auth.Request) error {
	t.Helper()
	id, err := s.a.Authenticate(t.Context(), r)
	if id != nil || err == nil {
		t.Errorf("%s: got identity %v, error %v; want none and an error", what, id != nil, err)
	}
	return err
}

// denied asserts that a denies r: not let in, not a factor, not unsure.
func (s *suite) denied(t *testing.T, what string, r *auth.Request) {
	t.Helper()
	err := s.out(t, what, r)
	var p *auth.Partial
	if errors.As(err, &p) || !errors.Is(err, auth.ErrDenied) {
		t.Errorf("%s: got error %v, want ErrDenied", what, err)
	}
}
