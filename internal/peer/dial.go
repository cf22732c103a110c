package peer

import (
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/sshd"
)

// SFTP starts srv on loopback for as long as the test runs, and logs in with
// pkg/sftp, the client that Go programs use.
func SFTP(t testing.TB, srv *sshd.Server, user, password string) (*sftp.Client, error) {
	t.Helper()
	conn, err := ssh.Dial("tcp", Serve(t, srv), &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.Password(password)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	return sftp.NewClient(conn)
}
