package authtest_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/auth/authtest"
	"github.com/quaymaster/quaymaster/vfs"
)

const brokenEnv = "AUTHTEST_BROKEN"

var (
	good  = auth.PublicKey{Algo: "x", Blob: []byte("good key")}
	other = auth.PublicKey{Algo: "x", Blob: []byte("other key")}
)

func home(context.Context) (vfs.FS, error) {
	empty, err := vfs.Mount(nil, nil)
	if err != nil {
		return nil, err
	}
	return vfs.Mount(nil, map[string]vfs.FS{"inbox": empty})
}

// reference is as plain as an Authenticator can be: a key, then a password.
func reference(ctx context.Context, r *auth.Request) (*auth.Identity, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := auth.CheckUser(r.User); err != nil {
		return nil, err
	}
	switch c := r.Cred.(type) {
	case auth.PublicKey:
		if r.User == "ann" && string(c.Blob) == string(good.Blob) && c.Cert == nil && len(r.Passed) == 0 {
			return nil, &auth.Partial{Next: []auth.Method{auth.MethodPassword}}
		}
	case auth.Password:
		if len(r.Passed) != 1 || r.User != "ann" || c != "right" {
			break
		}
		if k, ok := r.Passed[0].(auth.PublicKey); ok && k.Proven {
			return &auth.Identity{User: "ann", Home: home}, nil
		}
	}
	return nil, auth.ErrDenied
}

func config() authtest.Config {
	proven := good
	proven.Proven = true
	return authtest.Config{User: "ann", Password: "right", Key: &good, OtherKey: &other,
		Factors: func() []auth.Credential { return []auth.Credential{proven, auth.Password("right")} }}
}

func TestReference(t *testing.T) { authtest.Test(t, auth.Func(reference), config()) }

// broken are mistakes, by the test that has to find each.
func broken() map[string]auth.Func {
	in := func() (*auth.Identity, error) { return &auth.Identity{User: "ann", Home: home}, nil }
	when := func(mistake func(r *auth.Request) bool) auth.Func {
		return func(ctx context.Context, r *auth.Request) (*auth.Identity, error) {
			if mistake(r) {
				return in()
			}
			return reference(ctx, r)
		}
	}
	password := func(r *auth.Request) (auth.Password, bool) { p, ok := r.Cred.(auth.Password); return p, ok }
	seen := false
	return map[string]auth.Func{
		"Login":         func(context.Context, *auth.Request) (*auth.Identity, error) { return nil, auth.ErrDenied },
		"EmptyUser":     when(func(r *auth.Request) bool { return r.User == "" }),
		"HostileUser":   when(func(r *auth.Request) bool { return strings.Contains(r.User, "\x00") }),
		"EmptyPassword": when(func(r *auth.Request) bool { p, ok := password(r); return ok && p == "" }),
		"WrongPassword": when(func(r *auth.Request) bool { p, _ := password(r); return strings.HasPrefix(string(p), "right\x00") }),
		"UnknownUser": func(ctx context.Context, r *auth.Request) (*auth.Identity, error) {
			if r.User == "nobody-of-that-name" {
				return nil, errors.Join(auth.ErrDenied, errors.New("no such user"))
			}
			return reference(ctx, r)
		},
		// What was asked about counts as proven.
		"UnprovenKey": when(func(r *auth.Request) bool {
			k, ok := r.Cred.(auth.PublicKey)
			seen = seen || ok && !k.Proven && string(k.Blob) == string(good.Blob)
			_, pw := password(r)
			return pw && seen
		}),
		"TwoKeyTrick": when(func(r *auth.Request) bool {
			k, ok := r.Cred.(auth.PublicKey)
			return ok && k.Proven && string(k.Blob) == string(other.Blob)
		}),
		"UnprovenPassed": when(func(r *auth.Request) bool {
			p, _ := password(r)
			return p == "right" && r.HasPassed(auth.MethodPublicKey)
		}),
		"DuplicateFactor": when(func(r *auth.Request) bool {
			return len(r.Passed) == 1 && r.Cred.Method() == auth.MethodPublicKey
		}),
		"Dialogue": func(ctx context.Context, r *auth.Request) (*auth.Identity, error) {
			if c, ok := r.Cred.(auth.Interactive); ok && c.Ask != nil && r.User == "ann" {
				c.Ask(ctx, "", "", []auth.Question{{Text: "Password: "}})
			}
			return reference(ctx, r)
		},
		"UselessCredentials": when(func(r *auth.Request) bool { c, ok := r.Cred.(auth.ClientCert); return ok && len(c.Chain) == 0 }),
		"NilConn":            when(func(r *auth.Request) bool { return r.Conn == nil }),
		"CancelledContext": func(_ context.Context, r *auth.Request) (*auth.Identity, error) {
			return reference(context.Background(), r)
		},
		"Concurrent": when(func(r *auth.Request) bool { p, ok := password(r); return ok && strings.Contains(string(p), "not the") }),
	}
}

// TestBroken runs the suite on every mistake in a process of its own, which
// has to fail.
func TestBroken(t *testing.T) {
	if name := os.Getenv(brokenEnv); name != "" {
		authtest.Test(t, broken()[name], config())
		return
	}
	for _, name := range slices.Sorted(maps.Keys(broken())) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBroken$/^"+name+"$")
			cmd.Env = append(os.Environ(), brokenEnv+"="+name)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestBroken/"+name) {
				t.Errorf("the suite did not find the mistake: %v\n%s", err, out)
			}
		})
	}
}
