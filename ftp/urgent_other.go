//go:build !unix && !windows

package ftp

import "net"

// urgentInline would have urgent data come in their place.
func urgentInline(net.Conn) error { return nil }
