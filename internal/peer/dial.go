package peer

import (
	"net"
	"testing"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/sshd"
)

// SFTP starts srv on loopback for as long as the test runs, and logs in with
// pkg/sftp, the client that Go programs use.
func SFTP(t testing.TB, srv *sshd.Server, user, password string) (*sftp.Client, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		srv.Serve(l) // the test closes it
	}()
	t.Cleanup(func() {
		require.NoError(t, srv.Close())
		<-ended
	})
	conn, err := ssh.Dial("tcp", l.Addr().String(), &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.Password(password)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	return sftp.NewClient(conn)
}
