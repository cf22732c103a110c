package auth_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/auth/authtest"
	"github.com/quaymaster/quaymaster/vfs"
)

// login does what a server does with the factors.
func login(t *testing.T, a auth.Authenticator, user string, factors ...auth.Credential) (*auth.Identity, error) {
	t.Helper()
	r := &auth.Request{Conn: conn("192.0.2.1"), User: user}
	for i, f := range factors {
		r.Cred = f
		id, err := a.Authenticate(t.Context(), r)
		var p *auth.Partial
		if i == len(factors)-1 || !errors.As(err, &p) {
			return id, err
		}
		r.Passed = append(r.Passed, f)
	}
	return nil, nil
}

func TestChainErrors(t *testing.T) {
	h := home(t)
	in := func(name string) auth.Func {
		return func(context.Context, *auth.Request) (*auth.Identity, error) {
			return &auth.Identity{User: name, Home: h}, nil
		}
	}
	fail := func(err error) auth.Func {
		return func(context.Context, *auth.Request) (*auth.Identity, error) { return nil, err }
	}
	down := errors.New("directory is down")
	for _, v := range []struct {
		what  string
		chain []auth.Authenticator
		user  string
		want  error
	}{
		{"empty", nil, "", auth.ErrDenied},
		{"first wins", []auth.Authenticator{in("a"), in("b")}, "a", nil},
		{"denied goes on", []auth.Authenticator{fail(auth.ErrDenied), in("b")}, "b", nil},
		{"down goes on", []auth.Authenticator{fail(down), in("b")}, "b", nil},
		{"down is not denied", []auth.Authenticator{fail(down), fail(auth.ErrDenied)}, "", down},
		{"down last", []auth.Authenticator{fail(auth.ErrDenied), fail(down)}, "", down},
		{"all denied", []auth.Authenticator{fail(auth.ErrDenied), fail(auth.ErrDenied)}, "", auth.ErrDenied},
	} {
		id, err := auth.Chain(v.chain...).Authenticate(t.Context(), &auth.Request{User: "u", Cred: auth.Password("p")})
		if v.want == nil {
			if err != nil || id.User != v.user {
				t.Errorf("%s: %v, %v", v.what, id, err)
			}
			continue
		}
		if id != nil || !errors.Is(err, v.want) || v.want == down && errors.Is(err, auth.ErrDenied) {
			t.Errorf("%s: %v", v.what, err)
		}
	}
	// What breaks the contract lets nobody in.
	for what, broken := range map[string]auth.Func{
		"nothing": func(context.Context, *auth.Request) (*auth.Identity, error) { return nil, nil },
		"no user": func(context.Context, *auth.Request) (*auth.Identity, error) { return &auth.Identity{Home: h}, nil },
		"no home": func(context.Context, *auth.Request) (*auth.Identity, error) { return &auth.Identity{User: "u"}, nil },
		"both": func(context.Context, *auth.Request) (*auth.Identity, error) {
			return &auth.Identity{User: "u", Home: h}, auth.ErrDenied
		},
		"empty partial": fail(&auth.Partial{}),
		"denied and partial": fail(errors.Join(auth.ErrDenied,
			&auth.Partial{Next: []auth.Method{password}})),
	} {
		for _, a := range []auth.Authenticator{auth.Chain(broken), auth.Require(broken, password)} {
			id, err := a.Authenticate(t.Context(), &auth.Request{Conn: conn("192.0.2.1"), User: "u", Cred: auth.Password("p")})
			var p *auth.Partial
			if id != nil || err == nil || errors.As(err, &p) && !errors.Is(err, auth.ErrDenied) {
				t.Errorf("%s: %v, %v", what, id, err)
			}
		}
	}
}

// twins are two directories that have each an account "u" for which a key and
// a password are needed, of different people.
func twins(t *testing.T) (a, b *auth.Static, keyA, keyB []byte) {
	keyA, keyB = ed25519Blob(t), ed25519Blob(t)
	account := func(blob []byte, p string) *auth.Static {
		return &auth.Static{Hasher: cheap(), Users: map[string]*auth.User{"u": {
			AuthorizedKeys: mustKeys(t, line("", blob)), PasswordHash: hashOf(t, p), Home: home(t), Data: p,
			Require: [][]auth.Method{{key, password}, {interactive, key}},
		}}}
	}
	return account(keyA, "a"), account(keyB, "b"), keyA, keyB
}

// TestChainConfusion: factors of two accounts of one name never add up.
func TestChainConfusion(t *testing.T) {
	a, b, keyA, keyB := twins(t)
	for _, v := range []struct {
		what    string
		factors []auth.Credential
		want    any
	}{
		{"a", []auth.Credential{proven(keyA), auth.Password("a")}, "a"},
		{"b", []auth.Credential{proven(keyB), auth.Password("b")}, "b"},
		{"a by dialogue", []auth.Credential{answering("a"), proven(keyA)}, "a"},
		{"b by dialogue", []auth.Credential{answering("b"), proven(keyB)}, "b"},
		{"key of a, password of b", []auth.Credential{proven(keyA), auth.Password("b")}, nil},
		{"key of b, password of a", []auth.Credential{proven(keyB), auth.Password("a")}, nil},
		{"dialogue of a, key of b", []auth.Credential{answering("a"), proven(keyB)}, nil},
		{"dialogue of b, key of a", []auth.Credential{answering("b"), proven(keyA)}, nil},
	} {
		for name, chain := range map[string]auth.Authenticator{
			"chain": auth.Chain(a, b), "nested": auth.Chain(auth.Chain(a), auth.Chain(b))} {
			id, err := login(t, chain, "u", v.factors...)
			if v.want == nil {
				if id != nil || !errors.Is(err, auth.ErrDenied) {
					t.Errorf("%s, %s: %v, %v", name, v.what, id, err)
				}
			} else if err != nil || id.Data != v.want {
				t.Errorf("%s, %s: %v, %v", name, v.what, id, err)
			}
		}
	}
}

// TestChainForgery: a Passed that the chain did not hand out counts for
// nothing, nor does one of another user or connection.
func TestChainForgery(t *testing.T) {
	a, b, keyA, _ := twins(t)
	b.Users["v"] = a.Users["u"]
	chain := auth.Chain(a, b)
	c := conn("192.0.2.1")
	passed := []auth.Credential{proven(keyA)}
	last := func(c *quaymaster.Conn, user string) *auth.Request {
		return &auth.Request{Conn: c, User: user, Cred: auth.Password("a"), Passed: passed}
	}
	deny(t, chain, last(c, "u"))
	deny(t, chain, last(nil, "u"))
	part(t, chain, &auth.Request{Conn: c, User: "u", Cred: proven(keyA)})
	deny(t, chain, last(c, "v"))
	deny(t, chain, last(conn("192.0.2.1"), "u"))
	deny(t, chain, last(nil, "u"))
	let(t, chain, last(c, "u"))
	// A query is no factor.
	c = conn("192.0.2.1")
	part(t, chain, &auth.Request{Conn: c, User: "u", Cred: auth.PublicKey{Blob: keyA}})
	deny(t, chain, last(c, "u"))
}

// TestChainAsksOnce: two directories need not ask for the password twice.
func TestChainAsksOnce(t *testing.T) {
	s := func(p string) *auth.Static {
		return &auth.Static{Hasher: cheap(), Users: map[string]*auth.User{"u": {PasswordHash: hashOf(t, p), Home: home(t)}}}
	}
	asked := 0
	d := auth.Interactive{Ask: func(_ context.Context, _, _ string, q []auth.Question) ([]string, error) {
		asked++
		return []string{"b"}, nil
	}}
	let(t, auth.Chain(s("a"), s("b")), &auth.Request{User: "u", Cred: d})
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

func TestChainForgets(t *testing.T) {
	a, b, keyA, _ := twins(t)
	chain := auth.Chain(a, b)
	for range 10 {
		part(t, chain, &auth.Request{Conn: conn("192.0.2.1"), User: "u", Cred: proven(keyA)})
	}
	kept := conn("192.0.2.1")
	part(t, chain, &auth.Request{Conn: kept, User: "u", Cred: proven(keyA)})
	deadline := time.Now().Add(10 * time.Second)
	for auth.ChainLogins(chain) > 1 && time.Now().Before(deadline) {
		runtime.GC()
		runtime.Gosched()
	}
	if n := auth.ChainLogins(chain); n != 1 || !auth.RemembersConn(chain, kept) {
		t.Errorf("%d logins remembered", n)
	}
	runtime.KeepAlive(kept)
}

func TestRequireConformance(t *testing.T) {
	blob := ed25519Blob(t)
	s := &auth.Static{Hasher: cheap(), Users: map[string]*auth.User{
		"u": {AuthorizedKeys: mustKeys(t, line("", blob)), PasswordHash: hashOf(t, "right one"), Home: home(t)},
	}}
	c := authtest.Config{User: "u", Password: "right one", Key: &auth.PublicKey{Blob: blob}, OtherKey: &auth.PublicKey{Blob: ed25519Blob(t)},
		Factors: func() []auth.Credential { return []auth.Credential{proven(blob), auth.Password("right one")} }}
	both := auth.Require(s, key, password)
	t.Run("Require", func(t *testing.T) { authtest.Test(t, both, c) })
	t.Run("RequireInChain", func(t *testing.T) { authtest.Test(t, auth.Chain(auth.Anonymous{}, both), c) })
	t.Run("ChainInRequire", func(t *testing.T) {
		authtest.Test(t, auth.Require(auth.Chain(&auth.Static{Hasher: cheap()}, s), key, password), c)
	})
}

// TestRequireMixed: Require around a Chain does not add up two people either.
func TestRequireMixed(t *testing.T) {
	keyA, keyB := ed25519Blob(t), ed25519Blob(t)
	account := func(blob []byte, p string) *auth.Static {
		return &auth.Static{Hasher: cheap(), Users: map[string]*auth.User{"u": {
			AuthorizedKeys: mustKeys(t, line("", blob)), PasswordHash: hashOf(t, p), Home: home(t), Data: p}}}
	}
	both := auth.Require(auth.Chain(account(keyA, "a"), account(keyB, "b")), key, password)
	if id, err := login(t, both, "u", proven(keyB), auth.Password("b")); err != nil || id.Data != "b" {
		t.Errorf("%v, %v", id, err)
	}
	if id, err := login(t, both, "u", proven(keyB), auth.Password("a")); id != nil || !errors.Is(err, auth.ErrDenied) {
		t.Errorf("%v, %v", id, err)
	}
	if id, err := login(t, both, "u", proven(keyA), proven(keyB), auth.Password("a")); id != nil || !errors.Is(err, auth.ErrDenied) {
		t.Errorf("%v, %v", id, err)
	}
}

func TestRequireRechecks(t *testing.T) {
	blob := ed25519Blob(t)
	s := &auth.Static{Hasher: cheap(), Users: map[string]*auth.User{
		"u": {AuthorizedKeys: mustKeys(t, line("", blob)), PasswordHash: hashOf(t, "p"), Home: home(t)},
		"v": {AuthorizedKeys: mustKeys(t, line("", blob)), PasswordHash: hashOf(t, "p"), Home: home(t)},
	}}
	both := auth.Require(s, key, password)
	k, p := proven(blob), auth.Password("p")
	c := conn("192.0.2.1")
	passed := []auth.Credential{k}
	deny(t, both, &auth.Request{Conn: c, User: "u", Cred: p})                 // not its turn
	deny(t, both, &auth.Request{Conn: c, User: "u", Cred: p, Passed: passed}) // forged
	part(t, both, &auth.Request{Conn: c, User: "u", Cred: auth.PublicKey{Blob: blob}})
	deny(t, both, &auth.Request{Conn: c, User: "u", Cred: p, Passed: passed}) // only asked
	if next := part(t, both, &auth.Request{Conn: c, User: "u", Cred: k}); !slices.Equal(next, []auth.Method{password}) {
		t.Errorf("next = %v", next)
	}
	deny(t, both, &auth.Request{Conn: c, User: "v", Cred: p, Passed: passed}) // of another user
	deny(t, both, &auth.Request{User: "u", Cred: p, Passed: passed})          // of no connection
	deny(t, both, &auth.Request{Conn: c, User: "u", Cred: k, Passed: passed}) // twice
	deny(t, both, &auth.Request{Conn: c, User: "u", Cred: auth.Password("q"), Passed: passed})
	let(t, both, &auth.Request{Conn: c, User: "u", Cred: p, Passed: passed})
	if got := auth.Offers(both); !slices.Equal(got, []auth.Method{key}) {
		t.Errorf("Offers = %v", got)
	}
	if got := auth.Offers(auth.Require(s, auth.MethodToken)); got != nil {
		t.Errorf("Offers = %v", got)
	}
}

// TestDuplicateKeyTrick: two methods "publickey" need two keys.
func TestDuplicateKeyTrick(t *testing.T) {
	one, two := ed25519Blob(t), ed25519Blob(t)
	s := &auth.Static{Users: map[string]*auth.User{"u": {AuthorizedKeys: mustKeys(t, line("", one), line("", two)), Home: home(t)}}}
	a := auth.Require(s, key, key)
	if id, err := login(t, a, "u", proven(one), proven(one)); id != nil || !errors.Is(err, auth.ErrDenied) {
		t.Errorf("%v, %v", id, err)
	}
	if _, err := login(t, a, "u", proven(one), proven(two)); err != nil {
		t.Error(err)
	}
}

// TestRequireNarrows: the login may do what every factor allows.
func TestRequireNarrows(t *testing.T) {
	h := home(t)
	no := func(kind vfs.OpKind) vfs.Check {
		return func(_ context.Context, op *vfs.Op) error {
			if op.Kind == kind {
				return fs.ErrPermission
			}
			return nil
		}
	}
	a := auth.Func(func(_ context.Context, r *auth.Request) (*auth.Identity, error) {
		id := &auth.Identity{User: "u", Home: h}
		switch c := r.Cred.(type) {
		case auth.PublicKey:
			id.ForceCommand, id.Permit = "internal-sftp", no(vfs.OpRemove)
			id.Limits = auth.Limits{Sessions: 1, MaxFileSize: 10}
		case auth.Password:
			id.Permit, id.Limits = no(vfs.OpMkdir), auth.Limits{Sessions: 5, Idle: time.Minute}
			switch c {
			case "other user":
				id.User = "v"
			case "other command":
				id.ForceCommand = "scp"
			}
		}
		return id, nil
	})
	both := auth.Require(a, key, password)
	id, err := login(t, both, "u", proven([]byte("k")), auth.Password("p"))
	if err != nil {
		t.Fatal(err)
	}
	if id.ForceCommand != "internal-sftp" || id.Limits != (auth.Limits{Sessions: 1, MaxFileSize: 10, Idle: time.Minute}) {
		t.Errorf("%+v", id)
	}
	for kind, want := range map[vfs.OpKind]error{vfs.OpRemove: fs.ErrPermission, vfs.OpMkdir: fs.ErrPermission, vfs.OpStat: nil} {
		if err := id.Permit(t.Context(), &vfs.Op{Kind: kind, Name: "x"}); !errors.Is(err, want) {
			t.Errorf("%v: %v", kind, err)
		}
	}
	for _, p := range []auth.Password{"other user", "other command"} {
		if id, err := login(t, both, "u", proven([]byte("k")), p); id != nil || !errors.Is(err, auth.ErrDenied) {
			t.Errorf("%#v: %v", id, err)
		}
	}
	// Nobody without a proven key, whatever a says.
	if id, err := login(t, auth.Require(a, key), "u", auth.PublicKey{Blob: []byte("k")}); id != nil || err == nil {
		t.Errorf("unproven key: %v", err)
	}
}

func TestAnonymous(t *testing.T) {
	a := auth.Anonymous{Home: home(t)}
	for _, user := range []string{"anonymous", "ftp"} {
		for _, p := range []auth.Password{"", "who@example.org"} {
			id := let(t, a, &auth.Request{User: user, Cred: p})
			if id.User != "anonymous" || id.Permit == nil {
				t.Errorf("%+v", id)
			}
			write := &vfs.Op{Kind: vfs.OpOpen, Name: "x", Flag: os.O_WRONLY | os.O_CREATE}
			if err := id.Permit(t.Context(), write); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("anonymous write: %v", err)
			}
			if err := id.Permit(t.Context(), &vfs.Op{Kind: vfs.OpOpen, Name: "x"}); err != nil {
				t.Errorf("anonymous read: %v", err)
			}
		}
		deny(t, a, &auth.Request{User: user, Cred: answering("")})
		deny(t, a, &auth.Request{User: user, Cred: proven([]byte("k"))})
		deny(t, auth.Anonymous{}, &auth.Request{User: user, Cred: auth.Password("")})
	}
	for _, user := range []string{"", "root", "Anonymous", "anonymous "} {
		deny(t, a, &auth.Request{User: user, Cred: auth.Password("")})
	}
	if auth.Offers(auth.Anonymous{}) != nil {
		t.Error("the zero value offers methods")
	}
	authtest.Test(t, a, authtest.Config{User: "ftp", Canonical: "anonymous", Password: "x", Skip: map[string]string{
		"EmptyPassword": "any password does", "WrongPassword": "any password does", "UnknownUser": "any password does",
		"NilConn": "any password does", "Concurrent": "any password does",
	}})
}
