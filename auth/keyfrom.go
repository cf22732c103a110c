package auth

import (
	"errors"
	"net/netip"
	"strings"
)

// fromRule is one pattern of a from= list.
type fromRule struct {
	negate bool
	prefix netip.Prefix // valid: an address or a network
	glob   string       // else: a pattern over the text of the address
}

// parseFrom reads a list of addresses, networks and patterns. Host names are
// accepted but match nothing: the peer's name is never looked up, because
// whoever controls its reverse zone would choose it. A negated one would thus
// exclude nobody, and is refused.
func parseFrom(list string) ([]fromRule, error) {
	var rules []fromRule
	for item := range strings.SplitSeq(list, ",") {
		text, negate := strings.CutPrefix(item, "!")
		rule := fromRule{negate: negate}
		switch addr, err := netip.ParseAddr(text); {
		case text == "" || strings.ContainsAny(text, " \t%!"):
			return nil, errors.New("malformed pattern")
		case err == nil:
			addr = addr.Unmap()
			rule.prefix = netip.PrefixFrom(addr, addr.BitLen())
		case strings.Contains(text, "/"):
			p, err := netip.ParsePrefix(text)
			// A network with host bits set is more likely a mistake than not.
			if err != nil || p.Masked() != p || p.Addr().Is4In6() {
				return nil, errors.New("malformed network")
			}
			rule.prefix = p
		default:
			rule.glob = strings.ToLower(text)
			if negate && strings.Trim(rule.glob, "0123456789abcdef.:*?") != "" {
				return nil, errors.New("host names are not looked up, so none can be excluded")
			}
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// matchFrom tells whether addr is in the list: one pattern fits, and no
// negated one does. An unknown address fits nothing.
func matchFrom(rules []fromRule, addr netip.Addr) bool {
	if !addr.IsValid() {
		return false
	}
	found := false
	for _, rule := range rules {
		fits := rule.prefix.Contains(addr)
		if !rule.prefix.IsValid() {
			fits = matchGlob(rule.glob, addr.String())
		}
		if fits && rule.negate {
			return false
		}
		found = found || fits
	}
	return found
}

// matchGlob knows "*" and "?". It goes back to the last star only, so it takes
// at most len(pattern) times len(s) steps.
func matchGlob(pattern, s string) bool {
	star, mark := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
