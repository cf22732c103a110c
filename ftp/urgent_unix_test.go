//go:build unix

package ftp_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// urgent sends text with its last byte as urgent data.
func urgent(t *testing.T, nc net.Conn, text string) {
	t.Helper()
	sock, err := nc.(*net.TCPConn).SyscallConn()
	require.NoError(t, err)
	var failed error
	require.NoError(t, sock.Write(func(fd uintptr) bool {
		failed = unix.Sendto(int(fd), []byte(text), unix.MSG_OOB, nil)
		return true
	}))
	require.NoError(t, failed)
}

// Python's ftplib sends all of ABOR as urgent data, others the byte of DM.
func TestUrgentABOR(t *testing.T) {
	p := newEndless(t, nil)
	c := p.login()
	for _, signal := range [][]string{{"ABOR\r\n"}, {"\xff\xf4\xff", "\xf2ABOR\r\n"}, {"\xff\xf4\xff\xf2", "ABOR\r\n"}} {
		d := c.begin("RETR big")
		for _, text := range signal {
			urgent(t, c.Conn, text)
		}
		c.codes(426, 226)
		d.Close()
		c.want(200, "NOOP")
		urgent(t, c.Conn, "ABOR\r\n")
		c.codes(226)
	}
}
