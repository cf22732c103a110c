package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// authority is a CA for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	next int64
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	a := &authority{key: key, next: 2}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte(name),
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, key.Public(), key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return a
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// issue makes a client certificate; change may alter it first.
func (a *authority) issue(t *testing.T, name string, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(a.next), Subject: pkix.Name{CommonName: name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	a.next++
	if change != nil {
		change(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), a.key)
	require.NoError(t, err)
	c, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return c
}

// revoke makes a list that is current until then.
func (a *authority) revoke(t *testing.T, until time.Time, certs ...*x509.Certificate) *x509.RevocationList {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: until}
	for _, c := range certs {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	require.NoError(t, err)
	parsed, err := x509.ParseRevocationList(der)
	require.NoError(t, err)
	return parsed
}

func present(chain ...*x509.Certificate) auth.ClientCert { return auth.ClientCert{Chain: chain} }

func TestClientCerts(t *testing.T) {
	ca, other := newAuthority(t, "Partner CA"), newAuthority(t, "Partner CA")
	ann := ca.issue(t, "ann", func(c *x509.Certificate) {
		c.EmailAddresses, c.DNSNames = []string{"ann@example.com"}, []string{"ann.example.com"}
	})
	print := sha256.Sum256(ann.Raw)
	home := auth.Home(memfs.New())
	user := func(rules ...auth.CertRule) *auth.User { return &auth.User{Home: home, ClientCerts: rules} }
	s := &auth.Static{ClientCAs: ca.pool(), Users: map[string]*auth.User{
		"ann":     user(auth.CertRule{CommonName: "ann"}),
		"mail":    user(auth.CertRule{SAN: "ann@example.com"}),
		"dns":     user(auth.CertRule{SAN: "ann.example.com", Issuer: "CN=Partner CA"}),
		"print":   user(auth.CertRule{Fingerprint: hex.EncodeToString(print[:])}),
		"second":  user(auth.CertRule{CommonName: "x"}, auth.CertRule{CommonName: "ann"}),
		"Ann":     user(auth.CertRule{CommonName: "Ann"}),
		"both":    user(auth.CertRule{CommonName: "ann", SAN: "bob@example.com"}),
		"issuer":  user(auth.CertRule{CommonName: "ann", Issuer: "CN=Other"}),
		"empty":   user(auth.CertRule{}),
		"nothing": user(),
		"off":     {Home: home, ClientCerts: []auth.CertRule{{CommonName: "ann"}}, Disabled: true},
	}}
	in := func(name string, cred auth.Credential) bool {
		id, err := s.Authenticate(t.Context(), &auth.Request{Conn: conn("192.0.2.1"), User: name, Cred: cred})
		if err != nil {
			assert.ErrorIs(t, err, auth.ErrDenied)
			return false
		}
		return id != nil
	}
	for name, want := range map[string]bool{
		"ann": true, "mail": true, "dns": true, "print": true, "second": true,
		"Ann": false, "both": false, "issuer": false, "empty": false, "nothing": false, "off": false, "nobody": false,
	} {
		assert.Equal(t, want, in(name, present(ann)), name)
	}
	cert := present(ann)
	assert.False(t, in("ann", &cert), "a pointer is no credential")
	assert.False(t, in("ann", present()), "no certificate")
	for what, c := range map[string]*x509.Certificate{
		"another authority": other.issue(t, "ann", nil),
		"NUL in the name":   ca.issue(t, "ann\x00.evil", nil),
		"for servers only":  ca.issue(t, "ann", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
		"expired":           ca.issue(t, "ann", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
		"not yet":           ca.issue(t, "ann", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }),
	} {
		assert.False(t, in("ann", present(c)), what)
	}
	assert.Contains(t, s.Offers(), auth.MethodClientCert)
	s.ClientCAs = nil
	assert.False(t, in("ann", present(ann)), "no authority is trusted")
	assert.NotContains(t, s.Offers(), auth.MethodClientCert)
}

// A certificate and a password, in that order, and both once more at the end.
func TestClientCertAndPassword(t *testing.T) {
	ca := newAuthority(t, "CA")
	ann, bob := present(ca.issue(t, "ann", nil)), present(ca.issue(t, "bob", nil))
	hash, err := auth.HashPassword("secret")
	require.NoError(t, err)
	s := &auth.Static{ClientCAs: ca.pool(), Users: map[string]*auth.User{"ann": {
		PasswordHash: hash, Home: auth.Home(memfs.New()), ClientCerts: []auth.CertRule{{CommonName: "ann"}},
		Require: [][]auth.Method{{auth.MethodClientCert, auth.MethodPassword}},
	}}}
	require.NoError(t, s.Check())
	ask := func(cred auth.Credential, passed ...auth.Credential) (*auth.Identity, error) {
		return s.Authenticate(t.Context(), &auth.Request{Conn: conn("192.0.2.1"), User: "ann", Cred: cred, Passed: passed})
	}
	_, err = ask(auth.Password("secret"))
	assert.ErrorIs(t, err, auth.ErrDenied)
	_, err = ask(ann)
	var partial *auth.Partial
	require.ErrorAs(t, err, &partial)
	assert.Equal(t, []auth.Method{auth.MethodPassword}, partial.Next)
	id, err := ask(auth.Password("secret"), ann)
	require.NoError(t, err)
	assert.Equal(t, "ann", id.User)
	_, err = ask(auth.Password("secret"), bob)
	assert.ErrorIs(t, err, auth.ErrDenied)
	_, err = ask(auth.Password("wrong"), ann)
	assert.ErrorIs(t, err, auth.ErrDenied)
}

func TestClientCertRevoked(t *testing.T) {
	ca, other := newAuthority(t, "CA"), newAuthority(t, "CA")
	good, bad := ca.issue(t, "ann", nil), ca.issue(t, "ann", nil)
	s := &auth.Static{ClientCAs: ca.pool(), Users: map[string]*auth.User{
		"ann": {Home: auth.Home(memfs.New()), ClientCerts: []auth.CertRule{{CommonName: "ann"}}},
	}}
	in := func(c *x509.Certificate) error {
		_, err := s.Authenticate(t.Context(), &auth.Request{Conn: conn("192.0.2.1"), User: "ann", Cred: present(c)})
		return err
	}
	later, past := time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	s.ClientCRLs = []*x509.RevocationList{other.revoke(t, later, good, bad)}
	assert.NoError(t, in(good), "a list that somebody else signed")
	s.ClientCRLs = []*x509.RevocationList{ca.revoke(t, later, bad)}
	assert.NoError(t, in(good))
	assert.ErrorIs(t, in(bad), auth.ErrDenied)
	s.ClientCRLs = []*x509.RevocationList{ca.revoke(t, past, bad)}
	assert.ErrorIs(t, in(good), auth.ErrDenied, "nobody knows any more")
	s.ClientCRLs = []*x509.RevocationList{ca.revoke(t, past), ca.revoke(t, later)}
	assert.NoError(t, in(good), "one list is current")
	s.ClientCRLs = []*x509.RevocationList{ca.revoke(t, past, bad), ca.revoke(t, later)}
	assert.ErrorIs(t, in(bad), auth.ErrDenied, "once revoked, always revoked")
}
