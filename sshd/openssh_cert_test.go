package sshd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/sshd"
)

// Certificates, keys and revocations made by ssh-keygen, used by ssh.
func TestOpenSSHCertificates(t *testing.T) {
	program := peer.Need(t, "ssh-keygen", "openssh-client")
	dir := t.TempDir()
	keygen := func(args ...string) {
		t.Helper()
		cmd := exec.Command(program, append([]string{"-q"}, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		keygen("-t", kind, "-N", "", "-f", "id_"+kind)
	}
	keygen("-t", "rsa", "-N", "", "-f", "ca") // signs with SHA-2 unless told otherwise
	text, err := os.ReadFile(filepath.Join(dir, "ca.pub"))
	require.NoError(t, err)
	authority, err := auth.KeyParser{Authorities: true}.Parse(mustOpen(t, filepath.Join(dir, "ca.pub")))
	require.NoError(t, err, "%s", text)
	users, u, _ := newUser(t)
	u.AuthorizedKeys, u.PasswordHash = nil, ""
	users.TrustedCAs = authority
	revoked := filepath.Join(dir, "krl")
	keygen("-k", "-f", "krl")
	users.RevokedKeys = &auth.RevokedKeysFile{Path: revoked}
	addr := startHello(t, &sshd.Server{Auth: users})
	with := func(kind string, args ...string) *sshClient {
		t.Helper()
		keygen(append(append([]string{"-s", "ca", "-I", "ann@laptop", "-z", "42"}, args...), "id_"+kind+".pub")...)
		c := newSSHClient(t, addr)
		c.args = append(c.args, "-i", filepath.Join(dir, "id_"+kind))
		return c.option("PreferredAuthentications=publickey")
	}
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		with(kind, "-n", "x,u").lets()
	}
	with("ed25519", "-n", "u", "-O", "source-address=127.0.0.0/8").lets()
	with("ed25519", "-n", "u", "-O", "force-command=hello", "-V", "-1d:+1d").lets("-o", "RemoteCommand=none")
	for name, args := range map[string][]string{
		"principal": {"-n", "v"}, "none": {}, "expired": {"-n", "u", "-V", "-2d:-1d"}, "not yet": {"-n", "u", "-V", "+1d:+2d"},
		"address": {"-n", "u", "-O", "source-address=127.0.0.2/32"}, "unknown": {"-n", "u", "-O", "critical:new@example.com=x"},
		"verify": {"-n", "u", "-O", "verify-required"}, "command": {"-n", "u", "-O", "force-command=other"},
		"sha1": {"-n", "u", "-t", "ssh-rsa"},
	} {
		out, err := with("ed25519", args...).run()
		assert.Error(t, err, name)
		assert.NotContains(t, out, "hello", name)
	}
	c := with("ed25519", "-n", "u")
	c.lets()
	keygen("-k", "-f", "krl", "-s", "ca.pub", "id_ed25519-cert.pub")
	c.denies()
	with("ecdsa", "-n", "u", "-z", "43").lets()
	keygen("-k", "-u", "-f", "krl", "ca.pub")
	with("ecdsa", "-n", "u", "-z", "43").denies()
	require.NoError(t, os.WriteFile(revoked, []byte("SSHKRL\n\x00"), 0o600))
	with("ecdsa", "-n", "u", "-z", "44").denies()
}

func mustOpen(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}
