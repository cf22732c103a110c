package quick

import (
	"net"
	"testing"
)

func TestSFTPCommand(t *testing.T) {
	for _, test := range []struct{ user, ip, want string }{
		{"mft", "127.0.0.1", "sftp -P 22 mft@127.0.0.1"},
		{"mft", "0.0.0.0", "sftp -P 22 mft@localhost"},
		{"mft", "::", "sftp -P 22 mft@localhost"},
		{"mft", "::1", "sftp -P 22 'mft@[::1]'"},
		{"o'hara $x", "127.0.0.1", `sftp -P 22 'o'\''hara $x@127.0.0.1'`},
	} {
		addr := &net.TCPAddr{IP: net.ParseIP(test.ip), Port: 22}
		if got := sftpCommand(test.user, addr); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}
