package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/internal/transcript"
)

// A file that is being uploaded over SFTP can't be written over FTP, and is there
// when it is done.
func TestOneFileTwoProtocols(t *testing.T) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	key, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	cert := peer.NewCertificate(t)
	overSSH, overFTP, err := newServers(t.TempDir(), key, cert.TLS)
	require.NoError(t, err)
	c, err := peer.SFTP(t, overSSH, "demo", "demo-password")
	require.NoError(t, err)
	f, err := c.Create("file")
	require.NoError(t, err)
	_, err = f.Write([]byte("content"))
	require.NoError(t, err)

	nc, err := net.Dial("tcp", peer.Serve(t, overFTP))
	require.NoError(t, err)
	defer nc.Close()
	p := &transcript.Player{Conn: nc, TLS: &tls.Config{RootCAs: cert.Pool, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(1)}}
	require.NoError(t, p.Play(`S: 220 {*}
C: AUTH TLS
S: 234 {*}
T: control
C: USER demo
S: 331 {*}
C: PASS demo-password
S: 230 {*}
C: PROT P
S: 200 {*}
C: TYPE I
S: 200 {*}
C: EPSV
S: 229 {*}(|||{port}|)
C: STOR file
S: 450 File is being written by another session.`))
	require.NoError(t, f.Close())
	require.NoError(t, p.Play(`C: EPSV
S: 229 {*}(|||{port}|)
D: connect
C: RETR file
S: 150 {*} (7 bytes).
D> "content"
S: 226 Transfer complete.
C: QUIT
S: 221 Goodbye.
X:`))
}
