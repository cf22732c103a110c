//go:build unix

package ftp

import (
	"net"
	"syscall"
)

// controlLost tells whether the peer of nc has closed it or is gone. When a
// client dies, the system ends all of its connections, and the end of its data
// connection must not pass for the end of a file.
func controlLost(nc net.Conn) bool {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	lost := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		lost = n == 0 && err == nil || err == syscall.ECONNRESET
	})
	return lost || err != nil
}
