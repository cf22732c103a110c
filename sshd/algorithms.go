package sshd

import (
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Algorithms lists what a server negotiates, in order of preference, by the
// names of the SSH registries. SSH lets the client's order win. An empty list
// means that of DefaultAlgorithms.
type Algorithms struct {
	KeyExchanges []string
	Ciphers      []string
	MACs         []string
	PublicKeys   []string // signature algorithms for user keys and certificates
	// HostKeys are the signature algorithms of host keys, with and without
	// certificates; their order means nothing.
	HostKeys []string
}

// DefaultAlgorithms returns what x/crypto/ssh supports and calls secure,
// without SHA-1 and without the finite-field exchanges, whose cost lets few
// clients keep a server busy.
func DefaultAlgorithms() *Algorithms {
	all := ssh.SupportedAlgorithms()
	return &Algorithms{
		KeyExchanges: without(all.KeyExchanges, "diffie-hellman"),
		Ciphers:      all.Ciphers,
		MACs:         without(all.MACs, "hmac-sha1"),
		PublicKeys:   all.PublicKeyAuths,
		HostKeys:     slices.DeleteFunc(all.HostKeys, func(n string) bool { return strings.Contains(n, "-cert-v01") }),
	}
}

func without(names []string, prefix string) []string {
	return slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, prefix) })
}

// orDefault fills the empty lists of a.
func (a *Algorithms) orDefault() Algorithms {
	d := *DefaultAlgorithms()
	if a == nil {
		return d
	}
	pick := func(list, otherwise []string) []string {
		if len(list) == 0 {
			return otherwise
		}
		return list
	}
	return Algorithms{
		KeyExchanges: pick(a.KeyExchanges, d.KeyExchanges),
		Ciphers:      pick(a.Ciphers, d.Ciphers),
		MACs:         pick(a.MACs, d.MACs),
		PublicKeys:   pick(a.PublicKeys, d.PublicKeys),
		HostKeys:     pick(a.HostKeys, d.HostKeys),
	}
}
