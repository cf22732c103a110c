package certificate

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/quaymaster/quaymaster/auth"
)

// Authorities judge the certificates of clients. They are safe for concurrent
// use.
type Authorities struct {
	pool    *x509.CertPool
	revoked *watched[[]*x509.RevocationList] // nil: nobody asks
}

// LoadAuthorities reads the certificates of the authorities.
func LoadAuthorities(files ...string) (*Authorities, error) {
	a := &Authorities{pool: x509.NewCertPool()}
	for _, file := range files {
		if err := a.add(file); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// LoadRevoked reads the lists of what the authorities revoked, which from then
// on must be there. It may be called once, before a is used.
func (a *Authorities) LoadRevoked(files ...string) error {
	a.revoked = &watched[[]*x509.RevocationList]{files: files, parse: parseLists}
	_, _, err := a.revoked.load()
	return err
}

func (a *Authorities) add(file string) error {
	text, _, err := readFile(file)
	if err != nil {
		return err
	}
	found, bad := false, error(nil)
	eachBlock(text, func(b *pem.Block) {
		if b.Type != "CERTIFICATE" || bad != nil {
			return
		}
		found = true
		cert, err := x509.ParseCertificate(b.Bytes)
		switch {
		case err != nil:
			bad = err
		case !cert.BasicConstraintsValid || !cert.IsCA:
			bad = fmt.Errorf("%s is not the certificate of an authority", cert.Subject)
		default:
			a.pool.AddCert(cert)
		}
	})
	if !found {
		bad = errNothing
	}
	if bad != nil {
		return fmt.Errorf("%s: %w", file, bad)
	}
	return nil
}

// Pool is for tls.Config.ClientCAs.
func (a *Authorities) Pool() *x509.CertPool { return a.pool }

// VerifyConnection is a tls.Config.VerifyConnection: it refuses revoked
// certificates, also where a session is resumed.
func (a *Authorities) VerifyConnection(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return nil // whether there must be one is for ClientAuth to say
	}
	return a.Verify(state.PeerCertificates)
}

// Verify wants a chain, leaf first, that leads to one of the authorities at
// this time and of which nothing is revoked.
func (a *Authorities) Verify(chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return errors.New("no certificate")
	}
	between := x509.NewCertPool()
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	ways, err := chain[0].Verify(x509.VerifyOptions{
		Roots: a.pool, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil || a.revoked == nil {
		return err
	}
	lists, _, err := a.revoked.load()
	if err != nil {
		return fmt.Errorf("revoked certificates: %w", err)
	}
	for _, way := range ways {
		if err = checkRevoked(way, lists); err == nil {
			return nil
		}
	}
	return err
}

// VerifyUser is Verify for who logs in as user: the leaf has that name, byte for
// byte, as its only common name.
func (a *Authorities) VerifyUser(chain []*x509.Certificate, user string) error {
	if err := a.Verify(chain); err != nil {
		return err
	}
	var names []any
	for _, n := range chain[0].Subject.Names {
		if n.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 3}) {
			names = append(names, n.Value)
		}
	}
	if len(names) != 1 {
		return fmt.Errorf("%d common names", len(names))
	}
	// Control characters, NUL among them, have no place in names.
	if name, ok := names[0].(string); !ok || auth.CheckUser(name) != nil || name != user {
		return fmt.Errorf("common name %q is another user", names[0])
	}
	return nil
}

// parseLists reads lists of revoked certificates, which must be understood in
// full.
func parseLists(texts [][]byte) ([]*x509.RevocationList, error) {
	var all []*x509.RevocationList
	for _, text := range texts {
		found := false
		var bad error
		add := func(der []byte) {
			found = true
			list, err := x509.ParseRevocationList(der)
			if err == nil {
				err = checkList(list)
			}
			all, bad = append(all, list), errors.Join(bad, err)
		}
		eachBlock(text, func(b *pem.Block) {
			if b.Type == "X509 CRL" {
				add(b.Bytes)
			}
		})
		if !found {
			add(text) // DER
		}
		if bad != nil {
			return nil, bad
		}
	}
	return all, nil
}

// checkList refuses partial, indirect and other lists that mean something else
// than the others: their extensions are critical (RFC 5280 section 5.2).
func checkList(list *x509.RevocationList) error {
	for _, e := range list.Extensions {
		if e.Critical {
			return fmt.Errorf("list of %s: critical extension %v is not understood", list.Issuer, e.Id)
		}
	}
	for _, entry := range list.RevokedCertificateEntries {
		for _, e := range entry.Extensions {
			if e.Critical {
				return fmt.Errorf("list of %s: critical extension %v is not understood", list.Issuer, e.Id)
			}
		}
	}
	return nil
}

// checkRevoked goes up a chain that was verified. The leaf needs a list of its
// authority that is up to date, what is above it only when there is one at all.
func checkRevoked(chain []*x509.Certificate, lists []*x509.RevocationList) error {
	for i, cert := range chain[:len(chain)-1] {
		there, current := false, false
		for _, list := range lists {
			if !bytes.Equal(list.RawIssuer, cert.RawIssuer) || list.CheckSignatureFrom(chain[i+1]) != nil {
				continue
			}
			there = true
			if now := time.Now(); !now.Before(list.ThisUpdate) && now.Before(list.NextUpdate) {
				current = true
			}
			if slices.ContainsFunc(list.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool { return e.SerialNumber.Cmp(cert.SerialNumber) == 0 }) {
				return fmt.Errorf("certificate of %s was revoked", cert.Subject)
			}
		}
		if !current && (there || i == 0) {
			return fmt.Errorf("no list of revoked certificates of %s that is up to date", cert.Issuer)
		}
	}
	return nil
}
