package auth_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/auth/authtest"
)

// expiredUser is a Static whose user "u" with the password "p" and a key must
// change the password.
func expiredUser(t *testing.T, ways ...[]auth.Method) (*auth.Static, []byte) {
	t.Helper()
	blob := ed25519Blob(t)
	return &auth.Static{Hasher: cheap(), Users: map[string]*auth.User{"u": {
		PasswordHash: hashOf(t, "p"), PasswordExpires: time.Unix(1, 0), Require: ways,
		AuthorizedKeys: mustKeys(t, line(`command="only"`, blob)), Home: home(t),
	}}}, blob
}

// locked asserts that nobody gets anything out of id.
func locked(t *testing.T, id *auth.Identity, err error) {
	t.Helper()
	require.NoError(t, err)
	assert.ErrorIs(t, id.Check(), auth.ErrPasswordExpired)
	_, err = id.Home(t.Context())
	assert.ErrorIs(t, err, auth.ErrPasswordExpired)
}

// open asserts that id is as good as any.
func open(t *testing.T, id *auth.Identity) {
	t.Helper()
	require.NoError(t, id.Check())
	_, err := id.Home(t.Context())
	assert.NoError(t, err)
}

func TestExpiredPassword(t *testing.T) {
	users, blob := expiredUser(t)
	for _, cred := range []auth.Credential{auth.Password("p"), say(pw, "p").cred()} {
		r := &auth.Request{User: "u", Cred: cred, Conn: conn("127.0.0.1")}
		id, err := users.Authenticate(t.Context(), r)
		locked(t, id, err)
		// Whoever passes it on keeps it locked.
		for _, a := range []auth.Authenticator{auth.Chain(users), auth.Require(users, cred.Method()), &auth.TOTP{Auth: users, Key: noKey}} {
			id, err := a.Authenticate(t.Context(), r)
			locked(t, id, err)
		}
	}
	deny(t, users, &auth.Request{User: "u", Cred: auth.Password("x")})
	open(t, let(t, users, &auth.Request{User: "u", Cred: proven(blob)}))
	users.Users["u"].PasswordExpires = time.Now().Add(time.Hour)
	open(t, let(t, users, &auth.Request{User: "u", Cred: auth.Password("p")}))
	assert.Error(t, (*auth.Identity)(nil).Check())
	assert.Error(t, (&auth.Identity{User: "u"}).Check())
}

func noKey(context.Context, string) (*auth.TOTPKey, error) { return nil, nil }

// The password is only looked at when all factors were right, in any order, and
// the change of it takes away no restriction of the others.
func TestExpiredPasswordAmongFactors(t *testing.T) {
	for _, way := range [][]auth.Method{
		{auth.MethodPublicKey, auth.MethodPassword}, {auth.MethodPassword, auth.MethodPublicKey},
		{auth.MethodInteractive, auth.MethodPublicKey}, {auth.MethodPublicKey, auth.MethodInteractive},
	} {
		for _, wrapped := range []string{"Static", "Require"} {
			users, blob := expiredUser(t, way)
			var inner auth.Authenticator = users
			if wrapped == "Require" {
				users.Users["u"].Require = nil
				inner = auth.Require(users, way...)
			}
			var old *auth.Password
			a := &auth.PasswordChange{Auth: inner, Change: func(_ context.Context, _ string, o, _ auth.Password) error {
				old = &o
				return nil
			}}
			c := conn("127.0.0.1")
			var passed []auth.Credential
			cred := func(m auth.Method) auth.Credential {
				switch m {
				case auth.MethodPublicKey:
					return proven(blob)
				case auth.MethodPassword:
					return auth.Password("p")
				}
				return say(pw, "p", new1, "next", new2, "next").cred()
			}
			var id *auth.Identity
			for i, m := range append(append([]auth.Method(nil), way...), auth.MethodInteractive) {
				assert.Nil(t, old, "no change before all factors")
				now := cred(m)
				if i == len(way) {
					now = say(new1, "next", new2, "next").cred() // asks for nothing else
				}
				var err error
				id, err = a.Authenticate(t.Context(), &auth.Request{User: "u", Conn: c, Cred: now, Passed: passed})
				if err == nil {
					break
				}
				var p *auth.Partial
				require.ErrorAs(t, err, &p, "%s %v", wrapped, way)
				passed = append(passed, now)
			}
			require.NotNil(t, id, "%s %v", wrapped, way)
			open(t, id)
			assert.Equal(t, "only", id.ForceCommand, "%s %v", wrapped, way)
			require.NotNil(t, old)
			if !(way[0] == auth.MethodInteractive && wrapped == "Static") { // that answer is gone
				assert.Equal(t, "p", string(*old), "%s %v", wrapped, way)
			}
		}
	}
}

func TestPasswordChange(t *testing.T) {
	users, _ := expiredUser(t)
	var stored []string
	var fail error
	a := &auth.PasswordChange{Auth: users, Change: func(_ context.Context, user string, old, new auth.Password) error {
		if fail != nil {
			return fail
		}
		stored = append(stored, user+" "+string(old)+" "+string(new))
		return nil
	}}
	// rounds answers the change's questions with one pair after the other.
	rounds := func(pairs ...string) (auth.Interactive, *[]string) {
		var told []string
		return auth.Interactive{Ask: func(_ context.Context, _, instruction string, q []auth.Question) ([]string, error) {
			if len(q) == 1 {
				return []string{"p"}, nil
			}
			told = append(told, instruction)
			if len(pairs) == 0 {
				return nil, errors.New("hung up")
			}
			answers := strings.Split(pairs[0], "|")
			pairs = pairs[1:]
			return answers, nil
		}}, &told
	}
	try := func(pairs ...string) ([]string, error) {
		cred, told := rounds(pairs...)
		id, err := a.Authenticate(t.Context(), &auth.Request{User: "u", Cred: cred})
		if err == nil {
			open(t, id)
		}
		return *told, err
	}
	told, err := try("a|b", "p|p", "new|new")
	assert.NoError(t, err)
	assert.Equal(t, []string{"Your password has expired. Choose a new one.", "The two are not the same. Choose another one.",
		"That is the old password. Choose another one."}, told)
	assert.Equal(t, []string{"u p new"}, stored)
	told, err = try("a|b", "|", "x\x00|x\x00", "new|new")
	assert.ErrorIs(t, err, auth.ErrDenied)
	assert.Len(t, told, 3, "there are three tries")
	_, err = try("new")
	assert.ErrorIs(t, err, auth.ErrDenied, "one answer to two questions")
	_, err = try()
	assert.ErrorContains(t, err, "hung up")
	fail = &auth.PolicyError{Text: "Too weak."}
	told, err = try("new|new", "new|new", "new|new")
	assert.ErrorIs(t, err, auth.ErrDenied)
	assert.Equal(t, "Too weak. Choose another one.", told[2])
	fail = auth.ErrDenied // by a store, which means nothing
	_, err = try("new|new", "newer|newer")
	assert.Error(t, err)
	assert.NotErrorIs(t, err, auth.ErrDenied)
	assert.NotContains(t, err.Error(), "new|new")
	assert.Len(t, stored, 1)

	_, err = (&auth.PasswordChange{}).Authenticate(t.Context(), &auth.Request{User: "u", Cred: auth.Password("p")})
	assert.Error(t, err)
	assert.Empty(t, auth.Offers(&auth.PasswordChange{}))
	assert.Equal(t, auth.Offers(users), auth.Offers(a))
}

// A second login by the password that is not asked about again has to be a
// dialogue, on the same connection, by the same user.
func TestPasswordChangeAfterPassword(t *testing.T) {
	users, _ := expiredUser(t)
	a := &auth.PasswordChange{Auth: users, Change: func(context.Context, string, auth.Password, auth.Password) error { return nil }}
	c := conn("127.0.0.1")
	first := &auth.Request{User: "u", Cred: auth.Password("p"), Conn: c}
	assert.Equal(t, []auth.Method{auth.MethodInteractive}, part(t, a, first))
	passed := []auth.Credential{auth.Password("p")}
	d := func() auth.Interactive { return say(new1, "next", new2, "next").cred() }
	deny(t, a, &auth.Request{User: "u", Cred: auth.Password("p"), Passed: passed, Conn: c})
	for name, r := range map[string]*auth.Request{
		"user":       {User: "v", Cred: d(), Passed: passed, Conn: c},
		"connection": {User: "u", Cred: d(), Passed: passed, Conn: conn("127.0.0.1")},
		"nothing":    {User: "u", Cred: d(), Conn: c},
	} {
		_, err := a.Authenticate(t.Context(), r)
		assert.Error(t, err, name)
	}
	open(t, let(t, a, &auth.Request{User: "u", Cred: d(), Passed: passed, Conn: c}))
}

// The second factor comes before the change.
func TestPasswordChangeAfterCode(t *testing.T) {
	users, _ := expiredUser(t)
	key := auth.NewTOTPKey()
	changed := false
	a := &auth.PasswordChange{
		Auth: &auth.TOTP{Auth: users, Key: func(context.Context, string) (*auth.TOTPKey, error) { return key, nil }},
		Change: func(context.Context, string, auth.Password, auth.Password) error {
			changed = true
			return nil
		},
	}
	deny(t, a, &auth.Request{User: "u", Cred: say(pw, "p", vc, "0000000", new1, "x", new2, "x").cred()})
	assert.False(t, changed)
	d := say(pw, "p", vc, codeAt(t, key, 0), new1, "next", new2, "next")
	open(t, let(t, a, &auth.Request{User: "u", Cred: d.cred()}))
	assert.Equal(t, []string{pw, vc, new1, new2}, d.asked)
	assert.True(t, changed)
}

func TestWrappersConform(t *testing.T) {
	blob := ed25519Blob(t)
	key := proven(blob)
	users := &auth.Static{Hasher: cheap(), Users: map[string]*auth.User{
		"u": {PasswordHash: hashOf(t, "p"), AuthorizedKeys: mustKeys(t, line("", blob)), Home: home(t)},
	}}
	change := func(context.Context, string, auth.Password, auth.Password) error { return nil }
	authtest.Test(t, &auth.PasswordChange{Auth: users, Change: change}, authtest.Config{User: "u", Password: "p", Key: &key})
	authtest.Test(t, &auth.TOTP{Auth: users, Key: noKey}, authtest.Config{User: "u", Password: "p", Key: &key})

	secret, at := auth.NewTOTPKey(), time.Now()
	users.Users["u"].PasswordExpires = time.Unix(1, 0)
	both := &auth.PasswordChange{Change: change, Auth: &auth.TOTP{Auth: users, Used: steps(func(string, uint64) (bool, error) { return true, nil }),
		Key: func(context.Context, string) (*auth.TOTPKey, error) { return secret, nil }}}
	authtest.Test(t, both, authtest.Config{User: "u", Key: &key, Factors: func() []auth.Credential {
		code, err := secret.Code(at)
		require.NoError(t, err)
		return []auth.Credential{key, say(pw, "wrong", vc, code).cred()}
	}})
}
