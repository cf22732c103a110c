package certificate_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/quaymaster/quaymaster/examples/mft/internal/certificate"
)

func TestVerifyUser(t *testing.T) {
	dir := t.TempDir()
	ca := newPair(t, nil, authority("ca"))
	clients, err := certificate.LoadAuthorities(write(t, dir, "ca.pem", ca.certPEM()))
	check(t, err)
	common := func(name string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.Subject.CommonName = name }
	}
	for _, test := range []struct {
		name, user string
		issuer     *pair
		change     func(*x509.Certificate)
		want       string // of the error; empty: it lets in
	}{
		{"right", "anna", ca, common("anna"), ""},
		{"any key usage", "anna", ca, func(c *x509.Certificate) { c.ExtKeyUsage = nil }, ""},
		{"case", "anna", ca, common("Anna"), "another user"},
		{"another", "anna", ca, common("bert"), "another user"},
		{"CVE-2009-2408: NUL", "anna", ca, common("anna\x00.example.com"), "another user"},
		{"NUL in the user name", "anna\x00", ca, common("anna\x00"), "another user"},
		{"blank", "anna", ca, common("anna "), "another user"},
		{"no name", "", ca, common(""), "0 common names"},
		{"two names", "anna", ca, func(c *x509.Certificate) {
			c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{
				{Type: []int{2, 5, 4, 3}, Value: "bert"}, {Type: []int{2, 5, 4, 3}, Value: "anna"}}
		}, "2 common names"},
		{"alternative name only", "localhost", ca, common("anna"), "another user"},
		{"another authority of that name", "anna", newPair(t, nil, authority("ca")), common("anna"), "unknown authority"},
		{"signed by itself", "anna", nil, common("anna"), "unknown authority"},
		{"by a client", "anna", newPair(t, ca, common("bert")), common("anna"), "unknown authority"},
		{"for servers", "anna", ca, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, "usage"},
		{"expired", "anna", ca, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, "expired"},
		{"not yet", "anna", ca, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }, "not yet valid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			chain := []*x509.Certificate{newPair(t, test.issuer, test.change).cert}
			if test.issuer != nil {
				chain = append(chain, test.issuer.cert)
			}
			wantError(t, clients.VerifyUser(chain, test.user), test.want)
		})
	}
	wantError(t, clients.VerifyUser(nil, "anna"), "no certificate")
	check(t, clients.VerifyConnection(tls.ConnectionState{}))
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil && want == "" {
		return
	}
	if err == nil || want == "" || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// Between the root and the client is one more authority.
func TestRevoked(t *testing.T) {
	root := newPair(t, nil, authority("root"))
	middle := newPair(t, root, authority("middle"))
	leaf := newPair(t, middle, func(*x509.Certificate) {})
	stranger := newPair(t, nil, authority("middle"))
	asPEM := func(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}) }
	for _, test := range []struct {
		name, want string
		files      [][]byte
	}{
		{"another is", "", [][]byte{middle.list(t, time.Hour, false, 8)}},
		{"in PEM", "", [][]byte{bytes.Join([][]byte{asPEM(root.list(t, time.Hour, false)), asPEM(middle.list(t, time.Hour, false))}, nil)}},
		{"it is", "was revoked", [][]byte{middle.list(t, time.Hour, false, 8, 7)}},
		{"in an old list", "was revoked", [][]byte{middle.list(t, time.Hour, false), middle.list(t, -time.Hour, false, 7)}},
		{"expired", "up to date", [][]byte{middle.list(t, -time.Hour, false)}},
		{"no list of its authority", "up to date", [][]byte{root.list(t, time.Hour, false)}},
		{"of a stranger of that name", "up to date", [][]byte{stranger.list(t, time.Hour, false)}},
		{"the authority is", "was revoked", [][]byte{middle.list(t, time.Hour, false), root.list(t, time.Hour, false, 7)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			clients, err := certificate.LoadAuthorities(write(t, dir, "ca.pem", root.certPEM()))
			check(t, err)
			var files []string
			for i, text := range test.files {
				files = append(files, write(t, dir, string(rune('a'+i)), text))
			}
			check(t, clients.LoadRevoked(files...))
			state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf.cert, middle.cert}}
			wantError(t, clients.VerifyConnection(state), test.want)
			// While a list can't be read nobody comes in.
			write(t, dir, "a", []byte("nothing"))
			wantError(t, clients.VerifyConnection(state), "revoked certificates: ")
		})
	}
	dir := t.TempDir()
	clients, err := certificate.LoadAuthorities(write(t, dir, "ca.pem", root.certPEM()))
	check(t, err)
	wantError(t, clients.LoadRevoked(write(t, dir, "partial", root.list(t, time.Hour, true))), "critical extension 2.5.29.28 is not understood")
}

func TestLoadAuthorities(t *testing.T) {
	dir := t.TempDir()
	leaf := newPair(t, nil, func(*x509.Certificate) {})
	_, err := certificate.LoadAuthorities(write(t, dir, "leaf", leaf.certPEM()))
	wantError(t, err, "is not the certificate of an authority")
	_, err = certificate.LoadAuthorities(write(t, dir, "none", leaf.keyPEM(t)))
	wantError(t, err, "no certificate in it")
}
