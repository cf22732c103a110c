package peer

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
)

// SSH is a server on loopback for the programs of others, and what they need
// to log in as user "u".
type SSH struct {
	Host, Port  string
	Key, Known  string // files: the private key of the user, the known hosts
	MoreKeys    string // file of authorized keys that the test may write
	Fingerprint string // of the host key
	Password    string
}

// StartSSH serves home by srv for as long as the test runs. It sets the host
// key and the Authenticator, and a Logger when there is none.
func StartSSH(t testing.TB, srv *sshd.Server, home vfs.FS) *SSH {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	public := ssh.MarshalAuthorizedKey(signer.PublicKey())
	authorized, err := auth.ParseAuthorizedKeys(bytes.NewReader(public))
	require.NoError(t, err)
	s := &SSH{Fingerprint: ssh.FingerprintSHA256(signer.PublicKey()), Password: "p"}
	s.Key = filepath.Join(t.TempDir(), "key")
	s.Known, s.MoreKeys = s.Key+".known", s.Key+".more"
	hash, err := (&auth.Hasher{Params: auth.Argon2Params{Memory: 8, Time: 1, Threads: 1}}).Hash(t.Context(), s.Password)
	require.NoError(t, err)

	srv.HostKeys = []ssh.Signer{signer}
	srv.Auth = &auth.Static{Users: map[string]*auth.User{
		"u": {AuthorizedKeys: authorized, AuthorizedKeysFile: s.MoreKeys, PasswordHash: hash, Home: auth.Home(home)},
	}}
	if srv.Logger == nil {
		srv.Logger = slog.New(slog.DiscardHandler)
	}
	s.Host, s.Port, err = net.SplitHostPort(Serve(t, srv))
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.Key, pem.EncodeToMemory(block), 0o600))
	require.NoError(t, os.WriteFile(s.Known, fmt.Appendf(nil, "[%s]:%s %s", s.Host, s.Port, public), 0o600))
	return s
}

// Options are the arguments for OpenSSH's ssh, sftp and scp.
func (s *SSH) Options() []string {
	return []string{"-F", "/dev/null", "-i", s.Key, "-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=" + s.Known,
		"-o", "StrictHostKeyChecking=yes", "-o", "Port=" + s.Port}
}
