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
	}
}

// hostKeySigner restricts RSA keys to SHA-2 signatures (RFC 8332).
func hostKeySigner(key ssh.Signer) (ssh.Signer, error) {
	kind := key.PublicKey().Type()
	if kind != ssh.KeyAlgoRSA && kind != ssh.CertAlgoRSAv01 {
		return key, nil
	}
	as, ok := key.(ssh.AlgorithmSigner)
	if !ok {
		return nil, errRSASigner
	}
	return ssh.NewSignerWithAlgorithms(as, []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256})
}
