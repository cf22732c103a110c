package limit

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
)

// addrOf returns the client's address, or the zero Addr when it has none, as
// on a pipe.
func addrOf(c *quaymaster.Conn) netip.Addr {
	r := auth.Request{Conn: c}
	return r.Remote()
}

func ipOf(a net.Addr) netip.Addr { return addrOf(&quaymaster.Conn{Remote: a}) }

// grouping says which addresses are one source.
type grouping struct{ bits4, bits6 int }

// source returns the network that a counts with; the zero Prefix for no
// address.
func (g grouping) source(a netip.Addr) netip.Prefix {
	bits := g.bits6
	if a.Is4() {
		bits = g.bits4
	}
	p, err := a.Prefix(bits)
	if err != nil { // the zero Addr
		return netip.Prefix{}
	}
	return p
}

// prefixSet finds the network of an address among many in as many steps as
// there are different lengths.
type prefixSet struct {
	nets         map[netip.Prefix]struct{}
	bits4, bits6 []int
}

// newPrefixSet fails for what is not a prefix: a rule must never be dropped
// in silence.
func newPrefixSet(what string, list []netip.Prefix) (prefixSet, error) {
	s := prefixSet{nets: make(map[netip.Prefix]struct{}, len(list))}
	for i, p := range list {
		p, err := canonical(p)
		if err != nil {
			return prefixSet{}, fmt.Errorf("limit: %s[%d]: %w", what, i, err)
		}
		s.nets[p] = struct{}{}
		bits := &s.bits6
		if p.Addr().Is4() {
			bits = &s.bits4
		}
		if !slices.Contains(*bits, p.Bits()) {
			*bits = append(*bits, p.Bits())
		}
	}
	return s, nil
}

// canonical clears the host bits of p, and makes IPv4 of an IPv4-mapped one,
// as is done with addresses.
func canonical(p netip.Prefix) (netip.Prefix, error) {
	if !p.IsValid() {
		return netip.Prefix{}, fmt.Errorf("not a network: %v", p)
	}
	if a := p.Addr(); a.Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("neither IPv4 nor IPv6: %v", p)
		}
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

func (s prefixSet) empty() bool { return len(s.nets) == 0 }

// find returns the network of the set that a is in.
func (s prefixSet) find(a netip.Addr) (netip.Prefix, bool) {
	bits := s.bits6
	if a.Is4() {
		bits = s.bits4
	}
	for _, b := range bits {
		p, err := a.Prefix(b)
		if err != nil {
			continue
		}
		if _, ok := s.nets[p]; ok {
			return p, true
		}
	}
	return netip.Prefix{}, false
}
