package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/quaymaster/quaymaster/auth"
)

// issuer is an authority for certificates.
type issuer struct {
	ts   *testscript.TestScript
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuer(ts *testscript.TestScript, file string) *issuer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	i := &issuer{ts: ts, key: key, cert: &x509.Certificate{
		Subject: pkix.Name{CommonName: file}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SerialNumber: big.NewInt(1),
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}}
	der, err := x509.CreateCertificate(rand.Reader, i.cert, i.cert, key.Public(), key)
	ts.Check(err)
	i.cert, err = x509.ParseCertificate(der)
	ts.Check(err)
	writePEM(ts, file, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	return i
}

// issue writes a certificate for a client or a server, with its key.
func (i *issuer) issue(file, name string, serial int64) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	i.ts.Check(err)
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, i.cert, key.Public(), i.key)
	i.ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	i.ts.Check(err)
	writePEM(i.ts, file, &pem.Block{Type: "CERTIFICATE", Bytes: der}, &pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

func writePEM(ts *testscript.TestScript, file string, blocks ...*pem.Block) {
	var text []byte
	for _, b := range blocks {
		text = append(text, pem.EncodeToMemory(b)...)
	}
	ts.Check(os.WriteFile(ts.MkAbs(file), text, 0o600))
}

// clients are the serial numbers of the certificates of cmdPKI.
var clients = []string{"", "", "anna", "bert", "Anna"}

func cmdPKI(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: pki")
	}
	ca := newIssuer(ts, "ca.pem")
	for serial, name := range clients[2:] {
		file := name + ".pem"
		if name == "Anna" {
			file = "upper.pem" // some file systems don't tell the case of letters
		}
		ca.issue(file, name, int64(serial)+2)
	}
	ca.issue("second.pem", "Anna2", 5)
	ca.issue("server.pem", "localhost", 100)
	ca.issue("server2.pem", "localhost", 101)
	newIssuer(ts, "otherca.pem").issue("other.pem", "anna", 2)
	stateOf(ts).ca = ca
	ca.revoke(99)
}

func cmdRevoke(ts *testscript.TestScript, neg bool, args []string) {
	for serial, name := range clients {
		if !neg && len(args) == 1 && name != "" && name == args[0] {
			stateOf(ts).ca.revoke(int64(serial))
			return
		}
	}
	ts.Fatalf("usage: revoke NAME")
}

// revoke writes a list with one certificate.
func (i *issuer) revoke(serial int64) {
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(serial), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(serial), RevocationTime: time.Now()}},
	}, i.cert, i.key)
	i.ts.Check(err)
	writePEM(i.ts, "revoked.crl", &pem.Block{Type: "X509 CRL", Bytes: der})
}

// cmdCode sets a variable to the one-time code of this moment.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: code KEY VAR")
	}
	key, err := auth.ParseTOTPKey(args[0])
	ts.Check(err)
	code, err := key.Code(time.Now())
	ts.Check(err)
	ts.Setenv(args[1], code)
}
