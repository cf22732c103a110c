//go:build unix

package ftp

import (
	"net"
	"syscall"
)

// urgentInline has urgent data come in their place. Clients send ABOR as such,
// the end of its line included (RFC 959 section 4.1.3): the last byte would be
// missing, and the next command be taken for a part of this one.
func urgentInline(nc net.Conn) error {
	return setsockopt(nc, func(fd uintptr) error {
		return syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_OOBINLINE, 1)
	})
}
