package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/quaymaster/quaymaster/examples/mft/internal/state"
)

// File is the name under which a self-signed certificate is kept, with its key.
const File = "tls_certificate.pem"

// lifetime is the longest that all clients accept. A program that starts with
// less than renewBefore left renews, so that one which started has a year.
const (
	lifetime    = 825 * 24 * time.Hour
	renewBefore = 425 * 24 * time.Hour
)

// Create writes a self-signed certificate for this machine, with a fresh key
// (ECDSA P-256), into dir. If there is one the error matches fs.ErrExist.
func Create(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	text, err := selfSigned(key)
	if err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	if err := state.Create(filepath.Join(dir, File), text); err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	return nil
}

// LoadOrCreate returns the certificate kept in dir, which it makes if it is
// missing. One that lacks a name of this machine, or has not long to live, is
// renewed with the same key. dir is made, too; see state.Dir.
func LoadOrCreate(log *slog.Logger, dir string) (*Source, error) {
	if err := state.Dir(dir); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, File)
	if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
		if err := Create(dir); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	// Not logged: what it warns about is renewed.
	s, err := Load(slog.New(slog.DiscardHandler), file)
	if err != nil {
		return nil, err
	}
	if due(s.Leaf()) {
		if err := renew(file, s.current.PrivateKey); err != nil {
			return nil, fmt.Errorf("renew certificate: %w", err)
		}
	}
	return Load(log, file)
}

// due tells whether a certificate of our own is to be renewed.
func due(leaf *x509.Certificate) bool {
	names, _ := names()
	return time.Until(leaf.NotAfter) < renewBefore || slices.ContainsFunc(names, func(n string) bool { return leaf.VerifyHostname(n) != nil })
}

func renew(file string, key crypto.PrivateKey) error {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return errors.New("the key can't sign")
	}
	text, err := selfSigned(signer)
	if err != nil {
		return err
	}
	return state.Replace(file, text)
}

// names returns what clients on this machine and beside it call it.
func names() ([]string, []net.IP) {
	list := []string{"localhost"}
	host, err := os.Hostname()
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.'
	}
	host = strings.ToLower(host)
	if err == nil && host != "" && host != list[0] && strings.Trim(host, ".-") == host && !strings.ContainsFunc(host, func(r rune) bool { return !plain(r) }) {
		list = append(list, host)
	}
	return list, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
}

// selfSigned makes a certificate and writes it and key in PEM.
func selfSigned(key crypto.Signer) ([]byte, error) {
	hosts, addrs := names()
	now := time.Now()
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: hosts[len(hosts)-1], Organization: []string{"mft, self-signed"}},
		NotBefore:   now.Add(-time.Hour), // for clients whose clock is behind
		NotAfter:    now.Add(lifetime - time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    hosts,
		IPAddresses: addrs,

		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...,
	), nil
}
