package sshd_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/sshd"
)

// CVE-2026-39828: what a key or certificate restricts still holds when another
// factor completes the login.
func TestCVE2026_39828(t *testing.T) {
	ca, key := newKey(t), newKey(t)
	users, _, _ := newUser(t, both)
	now := new(changing)
	ran := make(chan string, 4)
	command := func(name string) sshd.Handler {
		return sshd.HandlerFunc(func(context.Context, *sshd.Session) error { ran <- name; return nil })
	}
	addr := start(t, &sshd.Server{Auth: now, Commands: map[string]sshd.Handler{"only": command("only"), "any": command("any")}})
	run := func(signer ssh.Signer) (string, error) {
		c, err := ssh.Dial("tcp", addr, clientConfig(ssh.PublicKeys(signer), ssh.Password("secret")))
		if err != nil {
			return "", err
		}
		defer c.Close()
		if err := newSession(t, c).Run("any"); err != nil {
			return "", err
		}
		return <-ran, nil
	}
	now.set(users, keysOf(t, `command="only"`, key.PublicKey()), nil)
	name, err := run(key)
	require.NoError(t, err)
	assert.Equal(t, "only", name)

	now.set(users, nil, keysOf(t, "cert-authority", ca.PublicKey()))
	certified := func(options map[string]string) ssh.Signer {
		s, err := ssh.NewCertSigner(certificate(t, ca, key.PublicKey(), func(c *ssh.Certificate) { c.CriticalOptions = options }), key)
		require.NoError(t, err)
		return s
	}
	name, err = run(certified(map[string]string{"force-command": "only"}))
	require.NoError(t, err)
	assert.Equal(t, "only", name)
	name, err = run(certified(nil))
	require.NoError(t, err)
	assert.Equal(t, "any", name)
}

// CVE-2026-46595, CVE-2026-56854: source-address holds whichever factor comes
// last, and whether or not the Authenticator looks at it.
func TestCVE2026_46595(t *testing.T) {
	ca, key := newKey(t), newKey(t)
	twoSteps := func(next auth.Method) auth.Authenticator {
		return auth.Func(func(ctx context.Context, r *auth.Request) (*auth.Identity, error) {
			if len(r.Passed) == 0 && r.Cred.Method() == auth.MethodPublicKey {
				if next == "" {
					return identity(r.User), nil
				}
				return nil, &auth.Partial{Next: []auth.Method{next}}
			}
			if len(r.Passed) == 1 {
				return identity(r.User), nil
			}
			return nil, auth.ErrDenied
		})
	}
	certified := func(source string) ssh.AuthMethod {
		s, err := ssh.NewCertSigner(certificate(t, ca, key.PublicKey(), func(c *ssh.Certificate) {
			c.CriticalOptions = map[string]string{"source-address": source}
		}), key)
		require.NoError(t, err)
		return ssh.PublicKeys(s)
	}
	second := map[auth.Method]ssh.AuthMethod{
		"": nil, auth.MethodPassword: ssh.Password("p"), auth.MethodInteractive: ssh.KeyboardInteractive(
			func(string, string, []string, []bool) ([]string, error) { return nil, nil }),
	}
	for next, method := range second {
		addr := start(t, &sshd.Server{Auth: twoSteps(next)})
		for source, want := range map[string]bool{
			"127.0.0.0/8": true, "10.0.0.0/8,127.0.0.1": true,
			"127.0.0.2/32": false, "": false, "garbage": false, "127.0.0.1,garbage/": true, "garbage/,127.0.0.1": false,
		} {
			methods := []ssh.AuthMethod{certified(source)}
			if method != nil {
				methods = append(methods, method)
			}
			err := try(addr, methods...)
			assert.Equal(t, want, err == nil, "%q then %q: %v", source, next, err)
		}
	}
}

// CVE-2026-35414, empty principals, options that are not known, revoked
// authorities (CVE-2026-42508): all of it with Static, as it is used.
func TestCertificateClasses(t *testing.T) {
	ca, key := newKey(t), newKey(t)
	users, u, _ := newUser(t)
	users.TrustedCAs = keysOf(t, "cert-authority", ca.PublicKey())
	users.Users["root"] = u
	revoked := filepath.Join(t.TempDir(), "revoked")
	users.RevokedKeys = &auth.RevokedKeysFile{Path: revoked}
	revoke := func(keys ...ssh.PublicKey) {
		var lines []byte
		for _, k := range keys {
			lines = append(lines, ssh.MarshalAuthorizedKey(k)...)
		}
		require.NoError(t, os.WriteFile(revoked, lines, 0o600))
	}
	revoke()
	addr := start(t, &sshd.Server{Auth: users})
	attempt := func(change func(*ssh.Certificate)) error {
		s, err := ssh.NewCertSigner(certificate(t, ca, key.PublicKey(), change), key)
		require.NoError(t, err)
		cfg := clientConfig(ssh.PublicKeys(s))
		cfg.User = "root"
		c, err := ssh.Dial("tcp", addr, cfg)
		if err == nil {
			c.Close()
		}
		return err
	}
	root := func(c *ssh.Certificate) { c.ValidPrincipals = []string{"deploy", "root"} }
	require.NoError(t, attempt(root))
	for name, principals := range map[string][]string{
		"comma": {"deploy,root"}, "commas": {"root,"}, "none": nil, "empty": {""}, "case": {"Root"}, "blank": {"root "},
		"wildcard": {"*"}, "negated": {"!deploy"}, "other": {"deploy"}, "nul": {"root\x00"},
	} {
		assert.Error(t, attempt(func(c *ssh.Certificate) { c.ValidPrincipals = principals }), name)
	}
	for _, option := range []string{"frobnicate", "source-address ", "Force-Command", ""} {
		assert.Error(t, attempt(func(c *ssh.Certificate) { root(c); c.CriticalOptions = map[string]string{option: "x"} }), option)
	}
	assert.NoError(t, attempt(func(c *ssh.Certificate) { root(c); c.Extensions = map[string]string{"frobnicate": "x"} }))

	revoke(ca.PublicKey())
	assert.Error(t, attempt(root), "revoked authority")
	revoke(key.PublicKey())
	assert.Error(t, attempt(root), "revoked key")
	require.NoError(t, os.Remove(revoked))
	assert.Error(t, attempt(root), "nobody knows what is revoked")
	revoke(newKey(t).PublicKey())
	assert.NoError(t, attempt(root))
}
