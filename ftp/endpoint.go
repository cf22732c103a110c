package ftp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// pasv is PASV: RFC 959, RFC 1123 section 4.1.2.6.
func (c *conn) pasv(context.Context, string) *reply {
	if c.epsvAll {
		return say(codeSequence, "EPSV ALL came before.")
	}
	addr := c.srv.PassiveAddress.Unmap()
	if !addr.IsValid() {
		local, ok := addrOf(c.nc.LocalAddr())
		if !ok || !local.Addr().Is4() {
			return say(codeNoData, "No IPv4 address here, use EPSV.")
		}
		addr = local.Addr()
	}
	port, refusal := c.passive()
	if refusal != nil {
		return refusal
	}
	ip := addr.As4()
	return say(codePassive, "Entering Passive Mode (%d,%d,%d,%d,%d,%d).", ip[0], ip[1], ip[2], ip[3], port>>8, port&255)
}

// epsv is EPSV: RFC 2428 section 3.
func (c *conn) epsv(_ context.Context, arg string) *reply {
	local, ok := addrOf(c.nc.LocalAddr())
	switch {
	case strings.EqualFold(arg, "ALL"):
		c.epsvAll = true
		return say(codeOK, "EPSV ALL: nothing else from now on.")
	case arg != "" && (len(arg) != 1 || arg[0] < '0' || arg[0] > '9'):
		return say(codeArgument, "EPSV takes 1, 2 or ALL.")
	case arg != "" && (!ok || arg != family(local.Addr())):
		return say(codeBadProtocol, "Network protocol not supported, use (%s)", family(local.Addr()))
	}
	port, refusal := c.passive()
	if refusal != nil {
		return refusal
	}
	return say(codeExtendedPassive, "Entering Extended Passive Mode (|||%d|)", port)
}

// passive opens a port for the next data connection.
func (c *conn) passive() (port uint16, refusal *reply) {
	c.data.close()
	l, err := c.listen()
	if err != nil {
		c.log.Warn("no passive port", "error", err)
		return 0, say(codeNoData, "Can't open a passive port, try later.")
	}
	at, ok := addrOf(l.Addr())
	if !ok {
		l.Close()
		return 0, say(codeNoData, "Can't open a passive port, try later.")
	}
	c.data.listener = l
	return at.Port(), nil
}

// port is PORT.
func (c *conn) port(_ context.Context, arg string) *reply {
	c.data.close()
	target, err := parsePort(arg)
	if err != nil {
		return say(codeArgument, "PORT takes six numbers up to 255.")
	}
	return c.active(target)
}

// eprt is EPRT: RFC 2428 section 2.
func (c *conn) eprt(_ context.Context, arg string) *reply {
	c.data.close()
	target, err := parseEPRT(arg)
	if errors.Is(err, errFamily) {
		return say(codeBadProtocol, "Network protocol not supported, use (1,2)")
	}
	if err != nil {
		return say(codeArgument, "EPRT takes |1|address|port| or |2|address|port|.")
	}
	return c.active(target)
}

// active takes only the client itself as a target: no attacks on others by way
// of this server (RFC 2577).
func (c *conn) active(target netip.AddrPort) *reply {
	peer, ok := addrOf(c.nc.RemoteAddr())
	switch {
	case c.epsvAll:
		return say(codeSequence, "EPSV ALL came before.")
	case c.srv.PassiveOnly:
		return say(codeUnimplemented, "Active mode is not available, use PASV or EPSV.")
	case !ok || target.Addr().Unmap() != peer.Addr().WithZone(""):
		c.log.Warn("data connection to another host was refused", "target", target)
		return say(codeArgument, "Only to your own address.")
	case target.Port() < 1024:
		return say(codeArgument, "Not to a port below 1024.")
	}
	c.data.target = netip.AddrPortFrom(peer.Addr(), target.Port())
	return say(codeOK, "Active data connection prepared.")
}

// family is the number of an address family in RFC 2428.
func family(a netip.Addr) string {
	if a.Is4() {
		return "1"
	}
	return "2"
}

var errFamily = errors.New("unknown address family")

// parsePort takes h1,h2,h3,h4,p1,p2 apart.
func parsePort(arg string) (netip.AddrPort, error) {
	fields := strings.Split(arg, ",")
	if len(fields) != 6 {
		return netip.AddrPort{}, fmt.Errorf("%d numbers", len(fields))
	}
	var b [6]byte
	for i, f := range fields {
		n, err := strconv.ParseUint(strings.TrimSpace(f), 10, 8)
		if err != nil {
			return netip.AddrPort{}, err
		}
		b[i] = byte(n)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), uint16(b[4])<<8|uint16(b[5])), nil
}

// parseEPRT takes |family|address|port| apart; "|" is any printable character.
func parseEPRT(arg string) (netip.AddrPort, error) {
	if len(arg) < 2 || arg[0] < '!' || arg[0] > '~' {
		return netip.AddrPort{}, errors.New("no delimiter")
	}
	fields := strings.Split(arg, arg[:1])
	if len(fields) != 5 || fields[4] != "" {
		return netip.AddrPort{}, fmt.Errorf("%d fields", len(fields))
	}
	if fields[1] != "1" && fields[1] != "2" {
		return netip.AddrPort{}, errFamily
	}
	addr, err := netip.ParseAddr(fields[2])
	if err != nil {
		return netip.AddrPort{}, err
	}
	if addr.Zone() != "" || family(addr) != fields[1] {
		return netip.AddrPort{}, errors.New("address of another family")
	}
	port, err := strconv.ParseUint(fields[3], 10, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(addr, uint16(port)), nil
}
