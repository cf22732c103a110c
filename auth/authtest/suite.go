package authtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/vfs"
)

const (
	wrong   = "certainly not the password"
	unknown = "nobody-of-that-name"
)

func (s *suite) testLogin(t *testing.T) {
	id, err := s.login(t, s.conn())
	if err != nil || id == nil {
		t.Fatalf("login with the right factors: %v", err)
	}
	s.checkIdentity(t, id)
}

func (s *suite) checkIdentity(t *testing.T, id *auth.Identity) {
	t.Helper()
	want := s.c.Canonical
	if want == "" {
		want = s.c.User
	}
	if id.User != want {
		t.Errorf("Identity.User = %q, want %q", id.User, want)
	}
	if err := id.Check(); err != nil {
		t.Fatalf("Identity.Check: %v", err)
	}
	fsys, err := id.Home(t.Context())
	if err != nil || fsys == nil {
		t.Fatalf("Home: %v, %v", fsys, err)
	}
	if fi, err := fsys.Stat(t.Context(), "."); err != nil || !fi.IsDir() {
		t.Errorf("the root of Home is no directory: %v", err)
	}
	if id.Permit != nil {
		// The answer is the policy's; it must have one for what it can't know.
		_ = id.Permit(t.Context(), &vfs.Op{Kind: vfs.OpStat, Name: "."})
	}
	if c, ok := fsys.(io.Closer); ok {
		if err := c.Close(); err != nil {
			t.Errorf("close Home: %v", err)
		}
	}
}

func (s *suite) testEmptyUser(t *testing.T) {
	for _, f := range s.factors() {
		s.denied(t, string(f.Method()), s.request("", f))
	}
	s.denied(t, "empty password", s.request("", auth.Password("")))
}

// testHostileUser holds to auth.CheckUser.
func (s *suite) testHostileUser(t *testing.T) {
	names := map[string]string{
		"too long":       strings.Repeat("a", 256),
		"megabyte":       strings.Repeat("a", 1<<20),
		"NUL":            s.c.User + "\x00",
		"NUL inside":     s.c.User + "\x00admin",
		"line feed":      s.c.User + "\n",
		"escape":         "\x1b[2J" + s.c.User,
		"zero width":     s.c.User + "\u200b",
		"bidi override":  "\u202e" + s.c.User,
		"line separator": s.c.User + "\u2028",
		"invalid UTF-8":  s.c.User + "\xff",
		"BOM":            "\ufeff" + s.c.User,
	}
	for what, name := range names {
		for _, f := range s.factors() {
			s.denied(t, what, s.request(name, f))
		}
	}
}

func (s *suite) testEmptyPassword(t *testing.T) {
	for _, user := range []string{s.c.User, unknown} {
		s.denied(t, user, s.request(user, auth.Password("")))
		s.denied(t, user+" dialogue", s.request(user, dialogue("")))
		s.denied(t, user+" token", s.request(user, auth.Token("")))
	}
	// Neither does it after factors that were right.
	r, ok := s.beforeLast(t)
	if ok && len(r.Passed) > 0 {
		r.Cred = auth.Password("")
		s.out(t, "after other factors", r)
	}
}

func (s *suite) testWrongPassword(t *testing.T) {
	for what, p := range map[string]string{
		"wrong": wrong, "NUL": s.c.Password + "\x00", "NUL and more": s.c.Password + "\x00x",
		"megabyte": strings.Repeat("x", 1<<20), "not UTF-8": "\xff\xfe",
	} {
		s.denied(t, what, s.request(s.c.User, auth.Password(p)))
		s.denied(t, what+" in a dialogue", s.request(s.c.User, dialogue(p)))
	}
	if p := s.c.Password; p != "" {
		s.out(t, "prefix", s.request(s.c.User, auth.Password(p[:len(p)-1])))
		s.out(t, "doubled", s.request(s.c.User, auth.Password(p+p)))
		s.out(t, "with a blank", s.request(s.c.User, auth.Password(p+" ")))
	}
}

// testUnknownUser compares texts: neither the client nor a log that it can
// read may tell who exists.
func (s *suite) testUnknownUser(t *testing.T) {
	for _, f := range append(s.factors(), auth.Password(wrong), dialogue(wrong)) {
		s.denied(t, string(f.Method()), s.request(unknown, f))
	}
	for _, f := range []auth.Credential{auth.Password(wrong), auth.Password(""), dialogue(wrong)} {
		known := s.out(t, "known user", s.request(s.c.User, f))
		other := s.out(t, "unknown user", s.request(unknown, f))
		if fmt.Sprint(known) != fmt.Sprint(other) {
			t.Errorf("%s: errors differ: %q for a known user, %q for an unknown one", f.Method(), known, other)
		}
	}
}

// testUnprovenKey: asking whether a key would do lets nobody in and changes
// nothing.
func (s *suite) testUnprovenKey(t *testing.T) {
	if s.c.Key == nil {
		t.Skip("Config has no Key")
	}
	conn := s.conn()
	for range 3 {
		r := &auth.Request{Conn: conn, User: s.c.User, Cred: s.key(false)}
		id, err := s.a.Authenticate(t.Context(), r)
		var p *auth.Partial
		switch {
		case err == nil && id == nil:
			t.Error("neither an Identity nor an error")
		case errors.As(err, &p):
			checkPartial(t, id, p)
		case errors.Is(err, auth.ErrDenied) && s.startsWithKey():
			t.Errorf("a key that logs in would not do: %v", err)
		}
	}
	for _, f := range []auth.Credential{auth.Password(wrong), auth.Password(""), dialogue(wrong)} {
		s.denied(t, "wrong password after a query", &auth.Request{Conn: conn, User: s.c.User, Cred: f})
	}
	if id, err := s.login(t, conn); err != nil || id == nil {
		t.Errorf("login after queries: %v", err)
	}
}

func (s *suite) startsWithKey() bool {
	_, ok := s.factors()[0].(auth.PublicKey)
	return ok
}

// testTwoKeyTrick is CVE-2024-45337: ask about a key that is allowed, prove
// another.
func (s *suite) testTwoKeyTrick(t *testing.T) {
	if s.c.Key == nil || s.c.OtherKey == nil {
		t.Skip("Config has no Key and OtherKey")
	}
	conn := s.conn()
	other := *s.c.OtherKey
	other.Proven = true
	for range 2 {
		s.a.Authenticate(t.Context(), &auth.Request{Conn: conn, User: s.c.User, Cred: s.key(false)})
		s.denied(t, "other key", &auth.Request{Conn: conn, User: s.c.User, Cred: other})
	}
	// A key and the description of another one do not mix.
	mixed := s.key(true)
	mixed.Blob = other.Blob
	s.denied(t, "blob of the other key", &auth.Request{Conn: conn, User: s.c.User, Cred: mixed})
	mixed = s.key(true)
	mixed.Blob = mixed.Blob[:len(mixed.Blob)-1]
	s.denied(t, "truncated blob", &auth.Request{Conn: conn, User: s.c.User, Cred: mixed})
}

// beforeLast passes all factors but the last; false if there is only one.
func (s *suite) beforeLast(t *testing.T) (*auth.Request, bool) {
	t.Helper()
	factors := s.factors()
	r := s.request(s.c.User, nil)
	for _, f := range factors[:len(factors)-1] {
		r.Cred = f
		id, err := s.a.Authenticate(t.Context(), r)
		var p *auth.Partial
		if !errors.As(err, &p) {
			t.Fatalf("%s: got %v, want a *Partial", f.Method(), err)
		}
		checkPartial(t, id, p)
		r.Passed = append(r.Passed, f)
	}
	r.Cred = factors[len(factors)-1]
	return r, len(factors) > 1
}

// testUnprovenPassed: a key that nobody proved is no factor, even if a server
// counts it.
func (s *suite) testUnprovenPassed(t *testing.T) {
	r, ok := s.beforeLast(t)
	if !ok {
		t.Skip("one factor is enough for this user")
	}
	i := slices.IndexFunc(r.Passed, func(c auth.Credential) bool { return c.Method() == auth.MethodPublicKey })
	if i < 0 {
		t.Skip("no key before the last factor")
	}
	key := r.Passed[i].(auth.PublicKey)
	key.Proven = false
	r.Conn = s.conn()
	r.Passed = slices.Clone(r.Passed)
	r.Passed[i] = key
	s.out(t, "unproven key in Passed", r)
	r.Passed = nil
	s.out(t, "last factor alone", r)
}

// testDuplicateFactor: passing the first factor again gets nobody further.
func (s *suite) testDuplicateFactor(t *testing.T) {
	r, ok := s.beforeLast(t)
	if !ok {
		t.Skip("one factor is enough for this user")
	}
	r.Cred = r.Passed[len(r.Passed)-1]
	s.out(t, "same factor twice", r)
}

// testDialogue: a client that breaks off, answers too little or too much is
// not let in.
func (s *suite) testDialogue(t *testing.T) {
	answers := map[string][]string{"none": nil, "one": {wrong}, "two": {wrong, s.c.Password}, "empty": {""}}
	for what, a := range answers {
		s.denied(t, what, s.request(s.c.User, auth.Interactive{
			Ask: func(context.Context, string, string, []auth.Question) ([]string, error) { return a, nil },
		}))
	}
	gone := errors.New("client is gone")
	s.out(t, "error", s.request(s.c.User, auth.Interactive{
		Ask: func(context.Context, string, string, []auth.Question) ([]string, error) { return nil, gone },
	}))
	s.samePrompts(t)
}

// samePrompts: the questions must not tell who exists either.
func (s *suite) samePrompts(t *testing.T) {
	prompts := func(user string) string {
		var log strings.Builder
		s.out(t, "prompts", s.request(user, auth.Interactive{
			Ask: func(_ context.Context, name, instruction string, q []auth.Question) ([]string, error) {
				fmt.Fprintf(&log, "%q %q %v\n", name, instruction, q)
				answers := make([]string, len(q))
				for i := range answers {
					answers[i] = wrong
				}
				return answers, nil
			},
		}))
		return log.String()
	}
	if known, other := prompts(s.c.User), prompts(unknown); known != other {
		t.Errorf("prompts differ: %q for a known user, %q for an unknown one", known, other)
	}
}

// dialogue answers every question with text.
func dialogue(text string) auth.Interactive {
	return auth.Interactive{
		Ask: func(_ context.Context, _, _ string, q []auth.Question) ([]string, error) {
			answers := make([]string, len(q))
			for i := range answers {
				answers[i] = text
			}
			return answers, nil
		},
	}
}

func (s *suite) testUselessCredentials(t *testing.T) {
	for what, c := range map[string]auth.Credential{
		"zero key":        auth.PublicKey{Proven: true},
		"zero query":      auth.PublicKey{},
		"garbage key":     auth.PublicKey{Algo: "ssh-ed25519", Blob: []byte("garbage"), Proven: true},
		"huge length":     auth.PublicKey{Blob: []byte("\xff\xff\xff\xff"), Proven: true},
		"empty cert":      auth.PublicKey{Blob: []byte("x"), Cert: &auth.Cert{}, Proven: true},
		"no chain":        auth.ClientCert{},
		"nil certificate": auth.ClientCert{Chain: nil},
		"token":           auth.Token("x"),
	} {
		s.denied(t, what, s.request(s.c.User, c))
	}
	s.out(t, "dialogue without Ask", s.request(s.c.User, auth.Interactive{}))
	s.out(t, "no credential", s.request(s.c.User, nil))
}

// testNilConn only asks for no panic, and no way in for what is wrong.
func (s *suite) testNilConn(t *testing.T) {
	for _, f := range s.factors() {
		s.a.Authenticate(t.Context(), &auth.Request{User: s.c.User, Cred: f})
		s.denied(t, "empty user", &auth.Request{Cred: f})
	}
	s.denied(t, "wrong password", &auth.Request{User: s.c.User, Cred: auth.Password(wrong)})
	s.out(t, "zero request", &auth.Request{})
}

func (s *suite) testCancelledContext(t *testing.T) {
	r, _ := s.beforeLast(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if id, err := s.a.Authenticate(ctx, r); id != nil || err == nil {
		t.Error("let in although the context had ended")
	}
}

// testConcurrent is for the race detector, and for logins that get mixed up.
func (s *suite) testConcurrent(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if i%2 == 0 {
				if id, err := s.login(t, s.conn()); err != nil || id == nil {
					t.Errorf("login: %v", err)
				}
				return
			}
			s.denied(t, "wrong", s.request(s.c.User, auth.Password(wrong)))
			if s.c.OtherKey != nil {
				other := *s.c.OtherKey
				other.Proven = true
				s.denied(t, "other key", s.request(s.c.User, other))
			}
		})
	}
	wg.Wait()
}

func (s *suite) testOffers(t *testing.T) {
	if m := s.factors()[0].Method(); !slices.Contains(auth.Offers(s.a), m) {
		t.Errorf("Offers = %v lacks %q, with which the user begins", auth.Offers(s.a), m)
	}
}

// testRedacted looks at the credential types themselves.
func testRedacted(t *testing.T) {
	const secret = "s3cr3t-text"
	for _, c := range []auth.Credential{auth.Password(secret), auth.Token(secret)} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%08.3f"} {
			fmt.Fprintf(&out, verb+"\n", c)
			fmt.Fprintf(&out, verb+"\n", &auth.Request{User: "u", Cred: c, Passed: []auth.Credential{c}})
		}
		for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			l := slog.New(h)
			l.Info("m", "cred", c, "list", []auth.Credential{c}, "passed", struct{ C auth.Credential }{c})
			l.With("cred", c).WithGroup("g").Info("m")
		}
		for _, leak := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret)} {
			if strings.Contains(out.String(), leak) {
				t.Errorf("%T shows its secret:\n%s", c, out.String())
				break
			}
		}
	}
}
