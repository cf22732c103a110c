package auth_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

func ExampleStatic() {
	hash, err := auth.HashPassword("correct horse")
	if err != nil {
		fmt.Println(err)
		return
	}
	users := &auth.Static{Users: map[string]*auth.User{
		"ann": {PasswordHash: hash, Home: auth.Home(memfs.New())},
	}}
	if err := users.Check(); err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	id, err := users.Authenticate(ctx, &auth.Request{User: "ann", Cred: auth.Password("correct horse")})
	fmt.Println(id.User, err)
	_, err = users.Authenticate(ctx, &auth.Request{User: "ann", Cred: auth.Password("")})
	fmt.Println(err)
	// Output:
	// ann <nil>
	// auth: denied
}

// Two factors: what a server does between them.
func ExampleRequire() {
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPUdpwsPZhvSlxLdR0V5+xpNj1hzvoTvx4CJqbRVx0B ann@laptop"
	keys, err := auth.ParseAuthorizedKeys(strings.NewReader(key))
	if err != nil {
		fmt.Println(err)
		return
	}
	hash, _ := auth.HashPassword("correct horse")
	a := auth.Require(&auth.Static{Users: map[string]*auth.User{
		"ann": {AuthorizedKeys: keys, PasswordHash: hash, Home: auth.Home(memfs.New())},
	}}, auth.MethodPublicKey, auth.MethodPassword)

	ctx := context.Background()
	r := &auth.Request{Conn: &quaymaster.Conn{}, User: "ann"}
	r.Cred = auth.PublicKey{Blob: keys.Keys()[0].Blob, Proven: true}
	_, err = a.Authenticate(ctx, r)
	var partial *auth.Partial
	fmt.Println(errors.As(err, &partial), err)

	r.Passed = append(r.Passed, r.Cred)
	r.Cred = auth.Password("correct horse")
	id, err := a.Authenticate(ctx, r)
	fmt.Println(id.User, err)
	// Output:
	// true auth: more needed: password
	// ann <nil>
}

// An Authenticator of one's own, after the static users and before anonymous
// ones.
func ExampleChain() {
	tokens := auth.Func(func(ctx context.Context, r *auth.Request) (*auth.Identity, error) {
		if t, ok := r.Cred.(auth.Token); !ok || t != "of the build robot" || r.User != "robot" {
			return nil, auth.ErrDenied
		}
		return &auth.Identity{User: "robot", Home: auth.Home(memfs.New())}, nil
	})
	a := auth.Chain(&auth.Static{}, tokens, auth.Anonymous{Home: auth.Home(memfs.New())})
	for _, r := range []*auth.Request{
		{User: "robot", Cred: auth.Token("of the build robot")},
		{User: "robot", Cred: auth.Token("of somebody")},
		{User: "ftp", Cred: auth.Password("ann@example.org")},
	} {
		id, err := a.Authenticate(context.Background(), r)
		fmt.Println(id != nil, err, r.Cred)
	}
	// Output:
	// true <nil> [redacted]
	// false auth: denied [redacted]
	// true <nil> [redacted]
}

// A second factor for everybody who has set one up, around any Authenticator.
func ExampleTOTP() {
	users := &auth.Static{} // or whatever knows the passwords
	keys := map[string]string{"ann": "otpauth://totp/quay:ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}
	login := &auth.TOTP{Auth: users, Key: func(_ context.Context, user string) (*auth.TOTPKey, error) {
		text, ok := keys[user]
		if !ok {
			return nil, nil // needs no code
		}
		return auth.ParseTOTPKey(text)
	}}
	key, err := login.Key(context.Background(), "ann")
	if err != nil {
		fmt.Println(err)
		return
	}
	code, err := key.Code(time.Unix(59, 0))
	fmt.Println(code, err)
	fmt.Println(key) // as it would stand in a log
	// Output:
	// 287082 <nil>
	// [redacted]
}
