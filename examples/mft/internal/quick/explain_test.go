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

func TestFTPCommand(t *testing.T) {
	for _, test := range []struct{ protocol, user, ip, want string }{
		{"ftp", "mft", "127.0.0.1", "curl --ssl-reqd --insecure --pinnedpubkey sha256//a+b= --user mft ftp://127.0.0.1:21/"},
		{"ftps", "o'hara", "::1", `curl --insecure --pinnedpubkey sha256//a+b= --user 'o'\''hara' 'ftps://[::1]:21/'`},
	} {
		addr := &net.TCPAddr{IP: net.ParseIP(test.ip), Port: 21}
		if got := ftpCommand(test.protocol, test.user, "sha256//a+b=", addr); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}
