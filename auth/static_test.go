package auth_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/auth/authtest"
	"github.com/quaymaster/quaymaster/vfs"
)

var key, password, interactive = auth.MethodPublicKey, auth.MethodPassword, auth.MethodInteractive

func TestStaticConformance(t *testing.T) {
	blob, other := ed25519Blob(t), ed25519Blob(t)
	keys := mustKeys(t, line("", blob))
	hash := hashOf(t, "right one")
	s := &auth.Static{Hasher: cheap(), Users: map[string]*auth.User{
		"pw":   {PasswordHash: hash, Home: home(t)},
		"key":  {AuthorizedKeys: keys, Home: home(t)},
		"both": {PasswordHash: hash, AuthorizedKeys: keys, Home: home(t), Require: [][]auth.Method{{key, password}}},
		"rev":  {PasswordHash: hash, AuthorizedKeys: keys, Home: home(t), Require: [][]auth.Method{{interactive, key}}},
	}}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	configs := map[string]authtest.Config{
		"Password": {User: "pw", Password: "right one"},
		"Key":      {User: "key", Key: &auth.PublicKey{Blob: blob}},
		"Both": {User: "both", Password: "right one", Key: &auth.PublicKey{Blob: blob},
			Factors: func() []auth.Credential { return []auth.Credential{proven(blob), auth.Password("right one")} }},
		"Reverse": {User: "rev", Password: "right one", Key: &auth.PublicKey{Blob: blob},
			Factors: func() []auth.Credential { return []auth.Credential{answering("right one"), proven(blob)} },
			Skip:    map[string]string{"DuplicateFactor": "the dialogue has no identity of its own"}},
	}
	for name, c := range configs {
		if c.Key != nil {
			c.OtherKey = &auth.PublicKey{Blob: other}
		}
		t.Run(name, func(t *testing.T) { authtest.Test(t, s, c) })
		t.Run(name+"/Chain", func(t *testing.T) {
			authtest.Test(t, auth.Chain(&auth.Static{Hasher: cheap()}, s, auth.Anonymous{}), c)
		})
	}
}

// TestZeroStatic: what is not configured lets nobody in.
func TestZeroStatic(t *testing.T) {
	blob := ed25519Blob(t)
	for what, s := range map[string]*auth.Static{
		"zero":       {Hasher: cheap()},
		"nil user":   {Hasher: cheap(), Users: map[string]*auth.User{"u": nil}},
		"zero user":  {Hasher: cheap(), Users: map[string]*auth.User{"u": {}}},
		"no home":    {Hasher: cheap(), Users: map[string]*auth.User{"u": {PasswordHash: hashOf(t, "p"), AuthorizedKeys: mustKeys(t, line("", blob))}}},
		"only home":  {Hasher: cheap(), Users: map[string]*auth.User{"u": {Home: home(t)}}},
		"empty way":  {Hasher: cheap(), Users: map[string]*auth.User{"u": {Home: home(t), PasswordHash: hashOf(t, "p"), AuthorizedKeys: mustKeys(t, line("", blob)), Require: [][]auth.Method{{}}}}},
		"no way":     {Hasher: cheap(), Users: map[string]*auth.User{"u": {Home: home(t), PasswordHash: hashOf(t, "p"), AuthorizedKeys: mustKeys(t, line("", blob)), Require: [][]auth.Method{}}}},
		"disabled":   {Hasher: cheap(), Users: map[string]*auth.User{"u": {Home: home(t), PasswordHash: hashOf(t, "p"), AuthorizedKeys: mustKeys(t, line("", blob)), Disabled: true}}},
		"expired":    {Hasher: cheap(), Users: map[string]*auth.User{"u": {Home: home(t), PasswordHash: hashOf(t, "p"), AuthorizedKeys: mustKeys(t, line("", blob)), Expires: time.Now()}}},
		"empty user": {Hasher: cheap(), Users: map[string]*auth.User{"": {Home: home(t), PasswordHash: hashOf(t, "p"), AuthorizedKeys: mustKeys(t, line("", blob))}}},
	} {
		t.Run(what, func(t *testing.T) {
			for _, user := range []string{"u", "", "nobody"} {
				for _, c := range []auth.Credential{auth.Password("p"), auth.Password(""), answering("p"), proven(blob),
					auth.PublicKey{Blob: blob}, auth.Token("p"), auth.ClientCert{}, nil, new(auth.Password), &auth.PublicKey{Blob: blob}} {
					deny(t, s, &auth.Request{User: user, Cred: c})
				}
			}
		})
	}
	if got := (&auth.Static{}).Offers(); len(got) != 0 {
		t.Errorf("Offers = %v", got)
	}
}

// TestConstantCost counts hashes: whoever the user is, a password takes one.
func TestConstantCost(t *testing.T) {
	good := func() *auth.User { return &auth.User{Home: home(t), PasswordHash: hashOf(t, "p")} }
	users := map[string]*auth.User{"good": good(), "disabled": good(), "expired": good(), "keys": {Home: home(t)},
		"homeless": {PasswordHash: hashOf(t, "p")}, "nil": nil, "broken": good(), "keyfirst": good()}
	users["disabled"].Disabled = true
	users["expired"].Expires = time.Now().Add(-time.Hour)
	users["broken"].PasswordHash = "!"
	users["keyfirst"].Require = [][]auth.Method{{key, password}}
	for _, decoy := range []string{"", hashOf(t, "p")} {
		s := &auth.Static{Hasher: cheap(), Users: users, Decoy: decoy}
		for _, user := range append(slices.Collect(maps.Keys(users)), "nobody") {
			for _, c := range []auth.Credential{auth.Password("wrong"), answering("wrong"), auth.Password("p")} {
				before := s.Hasher.Runs()
				_, err := s.Authenticate(t.Context(), &auth.Request{User: user, Cred: c})
				if n := s.Hasher.Runs() - before; n != 1 {
					t.Errorf("%s, %s: %d hashes computed", user, c.Method(), n)
				}
				if wantIn := user == "good" && c == auth.Password("p"); wantIn != (err == nil) {
					t.Errorf("%s: %v", user, err)
				}
				if user == "broken" != errors.Is(err, auth.ErrHashFormat) {
					t.Errorf("%s: %v", user, err)
				}
				if user != "broken" && user != "good" && err.Error() != auth.ErrDenied.Error() {
					t.Errorf("%s: the text tells: %v", user, err)
				}
			}
		}
	}
}

func TestStaticIdentity(t *testing.T) {
	permit := func(context.Context, *vfs.Op) error { return nil }
	blob := ed25519Blob(t)
	s := &auth.Static{Hasher: cheap(), Users: map[string]*auth.User{"u": {
		PasswordHash: hashOf(t, "p"), AuthorizedKeys: mustKeys(t, line(`command="internal-sftp"`, blob)),
		Home: home(t), Permit: permit, Limits: auth.Limits{Sessions: 3}, Data: 42, Expires: time.Now().Add(time.Hour),
	}}}
	for _, c := range []auth.Credential{auth.Password("p"), answering("p"), proven(blob)} {
		id := let(t, s, &auth.Request{User: "u", Cred: c})
		wantForce := ""
		if c.Method() == key {
			wantForce = "internal-sftp"
		}
		if id.User != "u" || id.Home == nil || id.Permit == nil || id.Limits.Sessions != 3 || id.Data != 42 || id.ForceCommand != wantForce {
			t.Errorf("%s: %+v", c.Method(), id)
		}
	}
}

// TestUnprovenKey: a query never yields an Identity, with or without Require.
func TestUnprovenKey(t *testing.T) {
	blob := ed25519Blob(t)
	s := &auth.Static{Hasher: cheap(), Users: map[string]*auth.User{
		"one": {AuthorizedKeys: mustKeys(t, line("", blob)), Home: home(t)},
		"two": {AuthorizedKeys: mustKeys(t, line("", blob)), PasswordHash: hashOf(t, "p"), Home: home(t), Require: [][]auth.Method{{key, password}}},
		"rev": {AuthorizedKeys: mustKeys(t, line("", blob)), PasswordHash: hashOf(t, "p"), Home: home(t), Require: [][]auth.Method{{password, key}}},
	}}
	query := auth.PublicKey{Blob: blob}
	for _, user := range []string{"one", "two"} {
		if next := part(t, s, &auth.Request{User: user, Cred: query}); !slices.Equal(next, []auth.Method{key}) {
			t.Errorf("%s: next = %v", user, next)
		}
	}
	deny(t, s, &auth.Request{User: "rev", Cred: query})
	part(t, s, &auth.Request{User: "rev", Cred: query, Passed: []auth.Credential{auth.Password("p")}})
	deny(t, s, &auth.Request{User: "two", Cred: auth.Password("p"), Passed: []auth.Credential{query}})
	pointer := proven(blob)
	deny(t, s, &auth.Request{User: "two", Cred: auth.Password("p"), Passed: []auth.Credential{&pointer}})
}

func TestRequireOrder(t *testing.T) {
	blob, second := ed25519Blob(t), ed25519Blob(t)
	s := &auth.Static{Hasher: cheap(), Users: map[string]*auth.User{
		"u": {AuthorizedKeys: mustKeys(t, line("", blob), line("", second)), PasswordHash: hashOf(t, "p"), Home: home(t),
			Require: [][]auth.Method{{key, password}, {key, interactive}, {key, key, key}}},
	}}
	pass := func(c ...auth.Credential) []auth.Credential { return c }
	k, p := proven(blob), auth.Password("p")
	if next := part(t, s, &auth.Request{User: "u", Cred: k}); !slices.Equal(next, []auth.Method{password, interactive, key}) {
		t.Errorf("next = %v", next)
	}
	let(t, s, &auth.Request{User: "u", Cred: p, Passed: pass(k)})
	let(t, s, &auth.Request{User: "u", Cred: answering("p"), Passed: pass(k)})
	deny(t, s, &auth.Request{User: "u", Cred: p})
	deny(t, s, &auth.Request{User: "u", Cred: p, Passed: pass(p)})
	deny(t, s, &auth.Request{User: "u", Cred: auth.Password("wrong"), Passed: pass(k)})
	deny(t, s, &auth.Request{User: "u", Cred: p, Passed: pass(proven(ed25519Blob(t)))})
	// One key is one factor.
	deny(t, s, &auth.Request{User: "u", Cred: k, Passed: pass(k)})
	part(t, s, &auth.Request{User: "u", Cred: proven(second), Passed: pass(k)})
	deny(t, s, &auth.Request{User: "u", Cred: k, Passed: pass(k, proven(second))})
	// A password that is required is verified once more.
	s.Users["v"] = &auth.User{AuthorizedKeys: mustKeys(t, line("", blob)), PasswordHash: hashOf(t, "p"), Home: home(t), Require: [][]auth.Method{{password, key}}}
	let(t, s, &auth.Request{User: "v", Cred: k, Passed: pass(p)})
	deny(t, s, &auth.Request{User: "v", Cred: k, Passed: pass(auth.Password("wrong"))})
	if got := s.Offers(); !slices.Equal(got, []auth.Method{key, password}) {
		t.Errorf("Offers = %v", got)
	}
}

// TestPartialKeepsRestrictions is CVE-2026-39828: what limits a key must
// survive the factors after it.
func TestPartialKeepsRestrictions(t *testing.T) {
	forced, other := ed25519Blob(t), ed25519Blob(t)
	keys := mustKeys(t, line(`command="internal-sftp"`, forced), line(`command="scp"`, other))
	s := &auth.Static{Hasher: cheap(), Users: map[string]*auth.User{
		"own":   {AuthorizedKeys: keys, PasswordHash: hashOf(t, "p"), Home: home(t), Require: [][]auth.Method{{key, password}, {key, key}}},
		"outer": {AuthorizedKeys: keys, PasswordHash: hashOf(t, "p"), Home: home(t)},
	}}
	for _, user := range []string{"own", "outer"} {
		r := &auth.Request{User: user, Cred: auth.Password("p"), Passed: []auth.Credential{proven(forced)}}
		if id := let(t, s, r); id.ForceCommand != "internal-sftp" {
			t.Errorf("%s: ForceCommand = %q", user, id.ForceCommand)
		}
		deny(t, s, &auth.Request{User: user, Cred: proven(other), Passed: []auth.Credential{proven(forced)}})
	}
	c := conn("192.0.2.1")
	both := auth.Require(s, key, password)
	part(t, both, &auth.Request{Conn: c, User: "outer", Cred: proven(forced)})
	id := let(t, both, &auth.Request{Conn: c, User: "outer", Cred: auth.Password("p"), Passed: []auth.Credential{proven(forced)}})
	if id.ForceCommand != "internal-sftp" {
		t.Errorf("Require: ForceCommand = %q", id.ForceCommand)
	}
}

// TestDialogueGone: a client that goes away in the dialogue was not wrong.
func TestDialogueGone(t *testing.T) {
	gone := errors.New("gone")
	s := &auth.Static{Hasher: cheap()}
	_, err := s.Authenticate(t.Context(), &auth.Request{User: "u", Cred: auth.Interactive{
		Ask: func(context.Context, string, string, []auth.Question) ([]string, error) { return nil, gone },
	}})
	if !errors.Is(err, gone) || errors.Is(err, auth.ErrDenied) {
		t.Errorf("error %v", err)
	}
}

func TestStaticCheck(t *testing.T) {
	ok := func() *auth.User {
		return &auth.User{Home: home(t), PasswordHash: hashOf(t, "p"), AuthorizedKeys: &auth.AuthorizedKeys{}}
	}
	if err := (&auth.Static{Users: map[string]*auth.User{"u": ok()}}).Check(); err != nil {
		t.Error(err)
	}
	for what, change := range map[string]func(*auth.User){
		"no home":        func(u *auth.User) { u.Home = nil },
		"bad hash":       func(u *auth.User) { u.PasswordHash = "secret" },
		"empty list":     func(u *auth.User) { u.Require = [][]auth.Method{{}} },
		"no lists":       func(u *auth.User) { u.Require = [][]auth.Method{} },
		"token":          func(u *auth.User) { u.Require = [][]auth.Method{{auth.MethodToken}} },
		"same password":  func(u *auth.User) { u.Require = [][]auth.Method{{password, interactive}} },
		"no password":    func(u *auth.User) { u.PasswordHash = ""; u.Require = [][]auth.Method{{password}} },
		"no keys":        func(u *auth.User) { u.AuthorizedKeys = nil; u.Require = [][]auth.Method{{key}} },
		"key file a dir": func(u *auth.User) { u.AuthorizedKeysFile = t.TempDir() },
	} {
		u := ok()
		change(u)
		err := (&auth.Static{Users: map[string]*auth.User{"name": u}}).Check()
		if err == nil || !strings.Contains(err.Error(), `"name"`) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, s := range map[string]*auth.Static{
		"decoy":     {Decoy: "x"},
		"nil user":  {Users: map[string]*auth.User{"u": nil}},
		"user name": {Users: map[string]*auth.User{"a\n": ok()}},
		"price":     {Hasher: &auth.Hasher{Params: auth.Argon2Params{Time: 1 << 30}}},
	} {
		if s.Check() == nil {
			t.Errorf("%s: no complaint", what)
		}
	}
}

// BenchmarkLogin shows whether the time tells who exists: compare the lines.
func BenchmarkLogin(b *testing.B) {
	hash, err := auth.HashPassword("p")
	if err != nil {
		b.Fatal(err)
	}
	s := &auth.Static{Users: map[string]*auth.User{"known": {Home: home(b), PasswordHash: hash}}}
	for _, v := range []struct{ user, password string }{{"known", "p"}, {"known", "wrong"}, {"unknown", "wrong"}} {
		b.Run(fmt.Sprintf("%s-%s", v.user, v.password), func(b *testing.B) {
			for b.Loop() {
				s.Authenticate(b.Context(), &auth.Request{User: v.user, Cred: auth.Password(v.password)})
			}
		})
	}
}
