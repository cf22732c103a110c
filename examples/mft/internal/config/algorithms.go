package config

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/sshd"
)

func (*Algorithms) kind() string { return "`secure`, `legacy`, or list of algorithms" }

// read takes the name of a profile, or algorithms of all kinds in one list, as
// their names tell the kinds apart.
func (a *Algorithms) read(text string) error {
	switch text {
	case "secure":
		*a = Algorithms{}
		return nil
	case "legacy":
		*a = Algorithms{Algorithms: sshd.LegacyAlgorithms(), Legacy: true}
		return nil
	}
	*a = Algorithms{Algorithms: new(sshd.Algorithms)}
	good, bad := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	return eachItem(text, func(name string) error {
		insecure := a.take(name, &bad)
		if !a.take(name, &good) && !insecure {
			return fmt.Errorf("is no algorithm that is known here; the nearest is %q", nearest(name, append(names(&good), "secure", "legacy")))
		}
		a.Legacy = a.Legacy || insecure
		return nil
	})
}

// take adds name to each list of which it is in known.
func (a *Algorithms) take(name string, known *ssh.Algorithms) (found bool) {
	for _, k := range []struct {
		list  *[]string
		known []string
	}{
		{&a.KeyExchanges, known.KeyExchanges}, {&a.Ciphers, known.Ciphers}, {&a.MACs, known.MACs},
		{&a.PublicKeys, known.PublicKeyAuths}, {&a.HostKeys, withoutCertificates(known.HostKeys)},
	} {
		if !slices.Contains(k.known, name) {
			continue
		}
		found = true
		if !slices.Contains(*k.list, name) {
			*k.list = append(*k.list, name)
		}
	}
	return found
}

// names returns what may stand in a list.
func names(known *ssh.Algorithms) []string {
	all := slices.Concat(known.KeyExchanges, known.Ciphers, known.MACs, known.PublicKeyAuths, withoutCertificates(known.HostKeys))
	slices.Sort(all)
	return slices.Compact(all)
}

// withoutCertificates leaves out host certificates, which go with their keys.
func withoutCertificates(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return strings.Contains(n, "-cert-v01") })
}
