package sshd_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
)

// sshClient is OpenSSH's client in a directory of its own, which answers
// prompts from a script.
type sshClient struct {
	t    *testing.T
	dir  string
	addr string
	args []string
	// stdin, if not nil, keeps the session open as long as it is.
	stdin *os.File
}

func newSSHClient(t *testing.T, addr string) *sshClient {
	t.Helper()
	peer.Need(t, "ssh", "openssh-client")
	if runtime.GOOS == "windows" {
		t.Skip("the script that answers prompts needs a Unix shell")
	}
	c := &sshClient{t: t, dir: t.TempDir(), addr: addr}
	c.args = []string{
		"-F", "/dev/null", "-o", "UserKnownHostsFile=" + c.file("known"), "-o", "GlobalKnownHostsFile=/dev/null",
		"-o", "StrictHostKeyChecking=no", "-o", "IdentitiesOnly=yes", "-o", "IdentityFile=none", "-o", "LogLevel=INFO",
	}
	return c
}

func (c *sshClient) file(name string) string { return filepath.Join(c.dir, name) }

func (c *sshClient) option(words ...string) *sshClient {
	for _, w := range words {
		c.args = append(c.args, "-o", w)
	}
	return c
}

// key gives the client a private key.
func (c *sshClient) key(private any) *sshClient {
	c.t.Helper()
	block, err := ssh.MarshalPrivateKey(private, "")
	require.NoError(c.t, err)
	require.NoError(c.t, os.WriteFile(c.file("id"), pem.EncodeToMemory(block), 0o600))
	c.args = append(c.args, "-i", c.file("id"))
	return c
}

// answers makes ssh ask a script instead of the terminal. A word in the prompt
// selects the answer; several for one word are given one after the other. What
// was asked is in the file "asked".
func (c *sshClient) answers(pairs ...string) *sshClient {
	c.t.Helper()
	script := "#!/bin/sh\necho \"$1\" >>" + c.file("asked") + "\n"
	given := map[string]int{}
	for i := 0; i < len(pairs); i += 2 {
		given[pairs[i]]++
		script += fmt.Sprintf("case \"$1\" in *'%s'*) n=$(grep -c -F '%s' %s); [ $n -eq %d ] && { echo '%s'; exit; };; esac\n",
			pairs[i], pairs[i], c.file("asked"), given[pairs[i]], pairs[i+1])
	}
	require.NoError(c.t, os.WriteFile(c.file("askpass"), []byte(script+"exit 1\n"), 0o700))
	return c
}

func (c *sshClient) asked() string {
	text, err := os.ReadFile(c.file("asked"))
	if err != nil {
		return ""
	}
	return string(text)
}

func (c *sshClient) start(program string, args ...string) (string, error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	require.NoError(c.t, os.RemoveAll(c.file("asked")))
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "SSH_ASKPASS="+c.file("askpass"), "SSH_ASKPASS_REQUIRE=force", "SSH_AUTH_SOCK=")
	if c.stdin != nil {
		cmd.Stdin = c.stdin
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run executes a command on the server as user "u".
func (c *sshClient) run(extra ...string) (string, error) {
	c.t.Helper()
	host, port, err := net.SplitHostPort(c.addr)
	require.NoError(c.t, err)
	args := append(append(append([]string(nil), c.args...), extra...), "-p", port, "u@"+host, "hello")
	return c.start("ssh", args...)
}

// sftp runs a batch.
func (c *sshClient) sftp(batch string) (string, error) {
	c.t.Helper()
	host, port, err := net.SplitHostPort(c.addr)
	require.NoError(c.t, err)
	require.NoError(c.t, os.WriteFile(c.file("batch"), []byte(batch), 0o600))
	args := append(append([]string(nil), c.args...), "-P", port, "-o", "BatchMode=no", "-b", c.file("batch"), "u@"+host)
	return c.start("sftp", args...)
}

func (c *sshClient) lets(extra ...string) {
	c.t.Helper()
	out, err := c.run(extra...)
	assert.NoError(c.t, err, out)
	assert.Contains(c.t, out, "hello u\n")
}

// stays logged in until cond holds.
func (c *sshClient) stays(cond func() bool) {
	c.t.Helper()
	in, stop, err := os.Pipe()
	require.NoError(c.t, err)
	defer in.Close()
	c.stdin = in
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		out, err := c.run()
		assert.NoError(c.t, err, out)
	}()
	assert.Eventually(c.t, cond, 10*time.Second, 10*time.Millisecond)
	stop.Close()
	<-ended
	c.stdin = nil
}

func (c *sshClient) denies(extra ...string) string {
	c.t.Helper()
	out, err := c.run(extra...)
	assert.Error(c.t, err)
	assert.NotContains(c.t, out, "hello")
	return out
}

// hello greets who is logged in, and goes when the client has nothing to say.
var hello = sshd.HandlerFunc(func(_ context.Context, s *sshd.Session) error {
	if _, err := fmt.Fprintf(s, "hello %s\n", s.Identity().User); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, s)
	return err
})

func startHello(t *testing.T, srv *sshd.Server) string {
	t.Helper()
	srv.Commands = map[string]sshd.Handler{"hello": hello}
	srv.Subsystems = map[string]sshd.Handler{"sftp": &sftp.Handler{}}
	return start(t, srv)
}

// newUser is a Static with one user "u" whose password is "secret" and who has
// the key that is returned.
func newUser(t *testing.T, ways ...[]auth.Method) (*auth.Static, *auth.User, ed25519.PrivateKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	hasher := &auth.Hasher{Params: auth.Argon2Params{Memory: 64, Time: 1}}
	hash, err := hasher.Hash(t.Context(), "secret")
	require.NoError(t, err)
	u := &auth.User{PasswordHash: hash, Home: identity("u").Home, Require: ways, AuthorizedKeys: keysOf(t, "", signer.PublicKey())}
	users := &auth.Static{Hasher: hasher, Users: map[string]*auth.User{"u": u}}
	require.NoError(t, users.Check())
	return users, u, private
}

// changing is a Static that a test exchanges between logins.
type changing struct{ atomic.Pointer[auth.Static] }

func (c *changing) Authenticate(ctx context.Context, r *auth.Request) (*auth.Identity, error) {
	return c.Load().Authenticate(ctx, r)
}

// set makes it base with other keys for user "u", and other authorities.
func (c *changing) set(base *auth.Static, keys, authorities *auth.AuthorizedKeys) {
	u := base.Users["u"]
	c.Store(&auth.Static{Hasher: base.Hasher, TrustedCAs: authorities, Users: map[string]*auth.User{
		"u": {PasswordHash: u.PasswordHash, Home: u.Home, Require: u.Require, AuthorizedKeys: keys},
	}})
}

func keysOf(t testing.TB, options string, key ssh.PublicKey) *auth.AuthorizedKeys {
	t.Helper()
	line := string(ssh.MarshalAuthorizedKey(key))
	if options != "" {
		line = options + " " + line
	}
	keys, err := auth.ParseAuthorizedKeys(strings.NewReader(line))
	require.NoError(t, err)
	return keys
}

var both = []auth.Method{auth.MethodPublicKey, auth.MethodPassword}

func TestOpenSSHKeyThenPassword(t *testing.T) {
	users, _, private := newUser(t, both)
	addr := startHello(t, &sshd.Server{Auth: users})
	newSSHClient(t, addr).key(private).answers("password:", "secret").lets()
	newSSHClient(t, addr).key(private).answers("password:", "wrong").denies()
	newSSHClient(t, addr).key(private).denies("-o", "PreferredAuthentications=publickey")
	c := newSSHClient(t, addr).answers("password:", "secret")
	c.denies()
	assert.Empty(t, c.asked(), "no password is asked for before the key")
	out, err := newSSHClient(t, addr).key(private).answers("password:", "secret").sftp("pwd\n")
	assert.NoError(t, err, out)
	assert.Contains(t, out, "Remote working directory: /")
}

// sshpass answers the prompt at a terminal, as scripts of many users do.
func TestSSHPass(t *testing.T) {
	program := peer.Need(t, "sshpass", "sshpass")
	users, _, _ := newUser(t)
	addr := startHello(t, &sshd.Server{Auth: users})
	for _, method := range []string{"password", "keyboard-interactive"} {
		c := newSSHClient(t, addr).option("PreferredAuthentications=" + method)
		host, port, err := net.SplitHostPort(addr)
		require.NoError(t, err)
		cmd := exec.Command(program, append([]string{"-p", "secret", "ssh"}, append(c.args, "-p", port, "u@"+host, "hello")...)...)
		out, err := cmd.CombinedOutput()
		assert.NoError(t, err, "%s: %s", method, out)
	}
}

// codes returns the code of now and the next one that is good after it.
func codes(t *testing.T, key *auth.TOTPKey) (now, next string) {
	t.Helper()
	var err error
	now, err = key.Code(time.Now())
	require.NoError(t, err)
	next, err = key.Code(time.Now().Add(30 * time.Second))
	require.NoError(t, err)
	return now, next
}

func withCodes(inner auth.Authenticator) (*auth.TOTP, *auth.TOTPKey) {
	key := auth.NewTOTPKey()
	return &auth.TOTP{Auth: inner, Key: func(context.Context, string) (*auth.TOTPKey, error) { return key, nil }}, key
}

func TestOpenSSHKeyThenCode(t *testing.T) {
	users, _, private := newUser(t, []auth.Method{auth.MethodPublicKey})
	totp, key := withCodes(users)
	addr := startHello(t, &sshd.Server{Auth: totp})
	now, next := codes(t, key)
	c := newSSHClient(t, addr).key(private)
	c.answers("Verification code:", now).lets()
	c.denies("-o", "NumberOfPasswordPrompts=1") // used
	out, err := c.answers("Verification code:", next).sftp("pwd\n")
	assert.NoError(t, err, out)
	c.answers().denies()
	newSSHClient(t, addr).answers("Verification code:", next).denies()
}

func TestOpenSSHPasswordAndCodeInOneDialogue(t *testing.T) {
	users, _, _ := newUser(t)
	totp, key := withCodes(users)
	addr := startHello(t, &sshd.Server{Auth: totp})
	now, next := codes(t, key)
	c := newSSHClient(t, addr).option("PreferredAuthentications=keyboard-interactive", "NumberOfPasswordPrompts=1")
	c.answers("Password:", "secret", "Verification code:", now).lets()
	// What is asked does not depend on what is wrong.
	for _, answers := range [][]string{
		{"Password:", "secret", "Verification code:", "000000"},
		{"Password:", "wrong", "Verification code:", next},
		{"Password:", "secret", "Verification code:", now},
	} {
		c.answers(answers...).denies()
		assert.Contains(t, c.asked(), "Password:")
		assert.Contains(t, c.asked(), "Verification code:")
	}
	out, err := c.answers("Password:", "secret", "Verification code:", next).sftp("pwd\n")
	assert.NoError(t, err, out)
}

func TestOpenSSHPasswordThenCode(t *testing.T) {
	users, _, _ := newUser(t)
	totp, key := withCodes(users)
	addr := startHello(t, &sshd.Server{Auth: totp})
	now, _ := codes(t, key)
	c := newSSHClient(t, addr).option("PreferredAuthentications=password,keyboard-interactive")
	c.answers("password:", "secret", "Verification code:", now).lets()
	c.answers("password:", "secret").denies("-o", "PreferredAuthentications=password")
}

func TestOpenSSHExpiredPassword(t *testing.T) {
	for _, methods := range []string{"keyboard-interactive", "password,keyboard-interactive"} {
		users, u, _ := newUser(t)
		u.PasswordExpires = time.Now().Add(-time.Minute)
		var got []auth.Password
		change := &auth.PasswordChange{Auth: users, Change: func(_ context.Context, user string, old, new auth.Password) error {
			if len(new) < 8 {
				return &auth.PolicyError{Text: "Too short."}
			}
			assert.Equal(t, "u", user)
			got = []auth.Password{old, new}
			return nil
		}}
		addr := startHello(t, &sshd.Server{Auth: change})
		c := newSSHClient(t, addr).option("PreferredAuthentications=" + methods)
		c.answers("assword:", "secret", "New password:", "short", "password again:", "short",
			"New password:", "long enough", "password again:", "long enough")
		// "New password:" also matches "assword:", whose second answer there is none.
		out, err := c.run()
		assert.NoError(t, err, "%s: %s\nasked: %s", methods, out, c.asked())
		require.Len(t, got, 2)
		assert.Equal(t, "secret", string(got[0]))
		assert.Equal(t, "long enough", string(got[1]))
		assert.Contains(t, out, "Too short. Choose another one.")

		c.answers("assword:", "secret").denies()
		newSSHClient(t, startHello(t, &sshd.Server{Auth: users})).answers("assword:", "secret").denies()
	}
}

// knownKeys returns the types of the keys that the client knows of the server.
func (c *sshClient) knownKeys() (kinds []string) {
	text, err := os.ReadFile(c.file("known"))
	require.NoError(c.t, err)
	for line := range strings.Lines(string(text)) {
		kinds = append(kinds, strings.Fields(line)[1])
	}
	return kinds
}

func rsaKey(t testing.TB) ssh.Signer {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	key, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return key
}

func ecdsaKey(t testing.TB) ssh.Signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	key, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return key
}

// A client learns the keys that it has not seen, in use or not, whatever it
// checked the server by, and forgets one that is gone.
func TestOpenSSHUpdateHostKeys(t *testing.T) {
	users, _, _ := newUser(t)
	old, next := newKey(t), newKey(t)
	rsa, ecdsa := rsaKey(t), ecdsaKey(t)
	addr := startHello(t, &sshd.Server{Auth: users, HostKeys: []ssh.Signer{old, rsa, ecdsa}, AnnounceKeys: []ssh.Signer{next}})
	second := startHello(t, &sshd.Server{Auth: users, HostKeys: []ssh.Signer{next, rsa}})
	for _, algorithm := range []string{"ssh-ed25519", "rsa-sha2-256", "rsa-sha2-512", "ecdsa-sha2-nistp256"} {
		c := newSSHClient(t, addr).answers("assword:", "secret").option("UpdateHostKeys=yes",
			"HostKeyAlgorithms="+algorithm+",ssh-ed25519,rsa-sha2-512,ecdsa-sha2-nistp256")
		c.lets() // learns nothing more yet, because it did not know the server
		c.stays(func() bool { return len(c.knownKeys()) == 4 })
		assert.ElementsMatch(t, []string{"ssh-ed25519", "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"}, c.knownKeys(), algorithm)
		text, err := os.ReadFile(c.file("known"))
		require.NoError(t, err)
		assert.Contains(t, string(text), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(next.PublicKey()))))

		// The server that has changed its key is known already.
		c.addr = second
		bracketed := func(addr string) string { return "[" + strings.Replace(addr, ":", "]:", 1) }
		moved := strings.ReplaceAll(string(text), bracketed(addr), bracketed(second))
		require.NoError(t, os.WriteFile(c.file("known"), []byte(moved), 0o600))
		c.args = append([]string{"-o", "StrictHostKeyChecking=yes", "-o", "HostKeyAlgorithms=ssh-ed25519,ssh-rsa,ecdsa-sha2-nistp256"}, c.args...)
		c.stays(func() bool { return len(c.knownKeys()) == 2 })
		assert.ElementsMatch(t, []string{"ssh-ed25519", "ssh-rsa"}, c.knownKeys(), "what is not announced is forgotten")
	}
}

// A client that knows no certificates gets the plain key; what is announced is
// never a certificate.
func TestOpenSSHHostCertificate(t *testing.T) {
	users, _, _ := newUser(t)
	ca := newKey(t)
	for _, key := range []ssh.Signer{newKey(t), rsaKey(t), ecdsaKey(t)} {
		cert := certificate(t, ca, key.PublicKey(), func(c *ssh.Certificate) {
			c.CertType, c.ValidPrincipals = ssh.HostCert, []string{"127.0.0.1"}
		})
		signer, err := ssh.NewCertSigner(cert, key)
		require.NoError(t, err)
		addr := startHello(t, &sshd.Server{Auth: users, HostKeys: []ssh.Signer{signer}})

		c := newSSHClient(t, addr).option("UpdateHostKeys=yes").answers("assword:", "secret")
		trust := "@cert-authority * " + string(ssh.MarshalAuthorizedKey(ca.PublicKey()))
		require.NoError(t, os.WriteFile(c.file("known"), []byte(trust), 0o600))
		c.args = append([]string{"-o", "StrictHostKeyChecking=yes"}, c.args...)
		c.lets()

		c = newSSHClient(t, addr).option("UpdateHostKeys=yes",
			"HostKeyAlgorithms=ssh-ed25519,rsa-sha2-512,ecdsa-sha2-nistp256").answers("assword:", "secret")
		c.lets()
		c.lets()
		assert.Equal(t, []string{key.PublicKey().Type()}, c.knownKeys())
	}
}

// server-sig-algs (RFC 8308) says what user keys may sign with.
func TestOpenSSHServerSigAlgs(t *testing.T) {
	users, _, private := newUser(t)
	for _, algorithms := range []*sshd.Algorithms{sshd.DefaultAlgorithms(), sshd.LegacyAlgorithms(), {PublicKeys: []string{"ssh-ed25519"}}} {
		addr := startHello(t, &sshd.Server{Auth: users, Algorithms: algorithms})
		out, err := newSSHClient(t, addr).key(private).run("-vvv")
		require.NoError(t, err, out)
		assert.Contains(t, out, "kex_input_ext_info: server-sig-algs=<"+strings.Join(algorithms.PublicKeys, ",")+">")
	}
}

func TestOpenSSHLegacy(t *testing.T) {
	users, _, _ := newUser(t)
	host, ca := rsaKey(t), newKey(t)
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	user, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	now := new(changing)
	now.set(users, keysOf(t, "", user.PublicKey()), nil)
	legacy := startHello(t, &sshd.Server{Auth: now, HostKeys: []ssh.Signer{host}, Algorithms: sshd.LegacyAlgorithms()})
	modern := startHello(t, &sshd.Server{Auth: now, HostKeys: []ssh.Signer{host}})
	old := []string{"KexAlgorithms=diffie-hellman-group14-sha1", "HostKeyAlgorithms=ssh-rsa", "PubkeyAcceptedAlgorithms=ssh-rsa", "MACs=hmac-sha1", "Ciphers=aes128-ctr"}
	current := []string{"KexAlgorithms=curve25519-sha256", "HostKeyAlgorithms=rsa-sha2-512", "PubkeyAcceptedAlgorithms=rsa-sha2-512", "MACs=hmac-sha2-256", "Ciphers=aes128-ctr"}

	newSSHClient(t, legacy).option(old...).key(private).lets()
	newSSHClient(t, legacy).key(private).lets()
	newSSHClient(t, modern).option(current...).key(private).lets()
	for i := range old { // each of them alone
		some := slices.Clone(current)
		some[i] = old[i]
		newSSHClient(t, legacy).option(some...).key(private).lets()
		if old[i] != current[i] {
			newSSHClient(t, modern).option(some...).key(private).denies()
		}
	}
	for _, kex := range []string{"diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512", "diffie-hellman-group-exchange-sha256"} {
		newSSHClient(t, legacy).option("KexAlgorithms=" + kex).key(private).lets()
		newSSHClient(t, modern).option("KexAlgorithms=" + kex).key(private).denies()
	}

	// Certificates of RSA keys, signed by the user with SHA-1 and by the
	// authority with something better.
	now.set(users, nil, keysOf(t, "cert-authority", ca.PublicKey()))
	cert := certificate(t, ca, user.PublicKey(), nil)
	withCert := func(addr, algorithm string) *sshClient {
		c := newSSHClient(t, addr).key(private).option("PubkeyAcceptedAlgorithms=" + algorithm + ",rsa-sha2-256") // without the latter ssh skips the key
		require.NoError(t, os.WriteFile(c.file("id-cert.pub"), ssh.MarshalAuthorizedKey(cert), 0o600))
		return c.option("CertificateFile=" + c.file("id-cert.pub"))
	}
	withCert(legacy, "ssh-rsa-cert-v01@openssh.com").lets()
	withCert(modern, "ssh-rsa-cert-v01@openssh.com").denies()
	withCert(modern, "rsa-sha2-512-cert-v01@openssh.com").lets()
}
