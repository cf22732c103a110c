package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// TLSVersion is the range of versions of TLS.
type TLSVersion struct{ Min, Max uint16 }

func (*TLSVersion) kind() string { return "`secure`, or list of `tlsv1.2` and `tlsv1.3`" }

func (v *TLSVersion) read(text string) error {
	alone := false
	err := eachItem(text, func(item string) error {
		switch item {
		case "secure":
			alone = true
			v.add(tls.VersionTLS12)
			v.add(tls.VersionTLS13)
		case "tlsv1.2":
			v.add(tls.VersionTLS12)
		case "tlsv1.3":
			v.add(tls.VersionTLS13)
		case "all", "tlsv1.0", "tlsv1.1", "sslv3":
			return errors.New("would allow versions before TLS 1.2, which are broken and not available")
		default:
			return unknownName(item, []string{"secure", "tlsv1.2", "tlsv1.3"})
		}
		return nil
	})
	if err == nil && alone && text != "secure" {
		return errors.New("can't be \"secure\" and something else")
	}
	return err
}

func (v *TLSVersion) add(version uint16) {
	if v.Min == 0 || version < v.Min {
		v.Min = version
	}
	v.Max = max(v.Max, version)
}

// TLSCiphers are cipher suites of TLS 1.2; none: those of crypto/tls.
type TLSCiphers []uint16

func (*TLSCiphers) kind() string { return "`secure`, or list of cipher suites" }

func (c *TLSCiphers) read(text string) error {
	if text == "secure" {
		*c = nil
		return nil
	}
	known := make(map[string]uint16)
	var names []string
	for _, suite := range tls.CipherSuites() {
		if slices.Contains(suite.SupportedVersions, tls.VersionTLS12) {
			known[suite.Name], known[openSSLName(suite.Name)] = suite.ID, suite.ID
			names = append(names, suite.Name, openSSLName(suite.Name))
		}
	}
	// OpenSSL's lists have colons.
	return eachItem(strings.ReplaceAll(text, ":", ","), func(name string) error {
		id, ok := known[name]
		if !ok {
			return fmt.Errorf("is no cipher suite of TLS 1.2 that is known here and secure; the nearest is %q", nearest(name, append(names, "secure")))
		}
		if !slices.Contains(*c, id) {
			*c = append(*c, id)
		}
		return nil
	})
}

// openSSLName is what OpenSSL calls a cipher suite of IANA's name.
func openSSLName(iana string) string {
	name := strings.NewReplacer("TLS_", "", "_WITH_", "-", "AES_", "AES", "CBC_", "", "_", "-").Replace(iana)
	return strings.Replace(name, "CHACHA20-POLY1305-SHA256", "CHACHA20-POLY1305", 1)
}
