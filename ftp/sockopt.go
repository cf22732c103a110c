package ftp

import (
	"errors"
	"net"
	"syscall"
)

// setsockopt runs set on the socket of nc, if nc is one.
func setsockopt(nc net.Conn, set func(fd uintptr) error) error {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = set(fd) })
	return errors.Join(err, failed)
}
