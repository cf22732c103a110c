package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Networks are networks of IP addresses.
type Networks []netip.Prefix

func (*Networks) kind() string { return "list of networks" }

func (n *Networks) read(text string) error {
	return eachItem(text, func(item string) error {
		p, err := parseNetwork(item)
		*n = append(*n, p)
		return err
	})
}

// parseNetwork reads "192.0.2.0/24", or an address alone.
func parseNetwork(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, errors.New("is neither a network, such as 192.0.2.0/24, nor an IP address")
		}
		p = netip.PrefixFrom(addr, addr.BitLen())
	}
	switch {
	case p.Addr().Is4In6():
		return netip.Prefix{}, errors.New("is an IPv4 address in the clothes of IPv6: write the IPv4 address")
	case p.Masked() != p:
		return netip.Prefix{}, fmt.Errorf("has bits behind its length: write %v, or the address without a length", p.Masked())
	}
	return p, nil
}

// Rule is a line of Rules.
type Rule struct {
	Allow bool
	Nets  Networks
}

// Rules decide about addresses: the first that matches counts, and who matches
// none is not allowed. No rules at all allow everybody.
type Rules []Rule

func (*Rules) kind() string { return "rules" }

func (r *Rules) read(text string) error {
	allowed := false
	err := eachItem(text, func(item string) error {
		rule, err := parseRule(item)
		allowed = allowed || rule.Allow
		*r = append(*r, rule)
		return err
	})
	if err == nil && !allowed {
		return errors.New("allows nobody: end with \"allow all\"")
	}
	return err
}

// everywhere is all addresses of both families.
func everywhere() Networks {
	return Networks{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
}

func parseRule(text string) (Rule, error) {
	words := strings.Fields(text)
	if len(words) != 2 || words[0] != "allow" && words[0] != "deny" {
		return Rule{}, errors.New("is not of the form \"allow NETWORK\" or \"deny NETWORK\"")
	}
	rule := Rule{Allow: words[0] == "allow", Nets: everywhere()}
	if words[1] != "all" {
		p, err := parseNetwork(words[1])
		if err != nil {
			return Rule{}, err
		}
		rule.Nets = Networks{p}
	}
	return rule, nil
}

// Admit decides about addr, which must have no zone and not be mapped.
func (r Rules) Admit(addr netip.Addr) bool {
	for _, rule := range r {
		for _, p := range rule.Nets {
			if p.Contains(addr) {
				return rule.Allow
			}
		}
	}
	return len(r) == 0
}
