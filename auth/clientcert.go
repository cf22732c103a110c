package auth

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// CertRule says which TLS client certificates are a user's, see User.ClientCerts.
// Each field that is not empty must fit, byte for byte; a rule without fields
// fits nothing.
type CertRule struct {
	// CommonName is that of the subject.
	CommonName string
	// SAN is one of the subject's alternative names: a DNS name, an e-mail
	// address, an IP address or a URI, as text.
	SAN string
	// Issuer is the distinguished name of the issuer, as RFC 2253 writes it:
	// "CN=Partner CA,O=Partner".
	Issuer string
	// Fingerprint is the SHA-256 of the certificate in lower case hexadecimal,
	// without colons.
	Fingerprint string
}

// fits tells whether leaf is what the rule means.
func (r *CertRule) fits(leaf *x509.Certificate) bool {
	sum := sha256.Sum256(leaf.Raw)
	return *r != CertRule{} &&
		(r.CommonName == "" || r.CommonName == leaf.Subject.CommonName) &&
		(r.SAN == "" || slices.Contains(alternativeNames(leaf), r.SAN)) &&
		(r.Issuer == "" || r.Issuer == leaf.Issuer.String()) &&
		(r.Fingerprint == "" || strings.EqualFold(r.Fingerprint, hex.EncodeToString(sum[:])))
}

func alternativeNames(c *x509.Certificate) []string {
	names := slices.Concat(c.DNSNames, c.EmailAddresses)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	for _, uri := range c.URIs {
		names = append(names, uri.String())
	}
	return names
}

// verifyCert makes sure that the certificate is trusted, for clients, not
// revoked, and the user's.
func (s *Static) verifyCert(u *User, c ClientCert) error {
	if u == nil || s.ClientCAs == nil || len(c.Chain) == 0 || len(u.ClientCerts) == 0 {
		return ErrDenied
	}
	leaf := c.Chain[0]
	between := x509.NewCertPool()
	for _, other := range c.Chain[1:] {
		between.AddCert(other)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots: s.ClientCAs, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return fmt.Errorf("%w: client certificate: %w", ErrDenied, err)
	}
	if !slices.ContainsFunc(u.ClientCerts, func(r CertRule) bool { return r.fits(leaf) }) {
		return fmt.Errorf("%w: client certificate of another", ErrDenied)
	}
	for _, chain := range chains {
		if err = s.revoked(chain); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: client certificate: %w", ErrDenied, err)
}

var (
	errCertRevoked = errors.New("revoked")
	errListExpired = errors.New("the revocation list of the issuer has expired")
)

// revoked looks at the lists of those who issued the certificates of chain. An
// issuer without a list revokes nothing; one whose lists are all out of date
// might.
func (s *Static) revoked(chain []*x509.Certificate) error {
	for i, cert := range chain[:len(chain)-1] {
		issuer := chain[i+1]
		var have, current bool
		for _, list := range s.ClientCRLs {
			if !bytes.Equal(list.RawIssuer, cert.RawIssuer) || list.CheckSignatureFrom(issuer) != nil {
				continue
			}
			have = true
			current = current || list.NextUpdate.IsZero() || time.Now().Before(list.NextUpdate)
			for _, entry := range list.RevokedCertificateEntries {
				if entry.SerialNumber.Cmp(cert.SerialNumber) == 0 {
					return errCertRevoked
				}
			}
		}
		if have && !current {
			return errListExpired
		}
	}
	return nil
}
