package ftp

import (
	"net"
	"syscall"
)

const soOOBInline = 0x100 // SO_OOBINLINE, of which package syscall has no name here

// urgentInline has urgent data come in their place. Clients send ABOR as such,
// the end of its line included (RFC 959 section 4.1.3).
func urgentInline(nc net.Conn) error {
	return setsockopt(nc, func(fd uintptr) error {
		return syscall.SetsockoptInt(syscall.Handle(fd), syscall.SOL_SOCKET, soOOBInline, 1)
	})
}
