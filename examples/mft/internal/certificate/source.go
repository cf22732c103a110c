// Package certificate has the certificates of TLS: those of the server, which
// it makes, loads and exchanges while the server runs, and those of clients,
// which it judges.
package certificate

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// warnBefore is how long before its end a certificate gets a warning.
const warnBefore = 30 * 24 * time.Hour

// Source is the certificate of a server. It follows its files: handshakes get
// the new one when they change, and the old one while what is there can't be
// used. It is safe for concurrent use.
type Source struct {
	log   *slog.Logger
	files watched[*tls.Certificate]

	mu      sync.Mutex // guards what follows
	current *tls.Certificate
	broken  string // why the files can't be used; empty: they can
}

// Load reads PEM files which together hold the certificate, those above it, and
// the private key.
func Load(log *slog.Logger, files ...string) (*Source, error) {
	s := &Source{log: log, files: watched[*tls.Certificate]{files: files, parse: parsePair}}
	cert, _, err := s.files.load()
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	s.current = cert
	s.warn()
	return s, nil
}

// Get is a tls.Config.GetCertificate.
func (s *Source) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	cert, read, err := s.files.load()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil && s.broken != err.Error():
		s.broken = err.Error()
		s.log.Error("changed certificate can't be used; the old one stays", "error", err)
	case err != nil:
	case read && !bytes.Equal(cert.Leaf.Raw, s.current.Leaf.Raw):
		s.current, s.broken = cert, ""
		s.log.Info("certificate changed", "sha256", Fingerprint(cert.Leaf), "expires", cert.Leaf.NotAfter)
		s.warn()
	case read:
		s.current, s.broken = cert, ""
	}
	return s.current, nil
}

// Leaf returns the certificate that is in use.
func (s *Source) Leaf() *x509.Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current.Leaf
}

func (s *Source) warn() {
	now, leaf := time.Now(), s.current.Leaf
	switch {
	case now.After(leaf.NotAfter):
		s.log.Warn("the certificate has expired", "files", s.files.files, "expires", leaf.NotAfter)
	case now.Add(warnBefore).After(leaf.NotAfter):
		s.log.Warn("the certificate expires soon", "files", s.files.files, "expires", leaf.NotAfter)
	case now.Before(leaf.NotBefore):
		s.log.Warn("the certificate is not valid yet", "files", s.files.files, "from", leaf.NotBefore)
	}
}

// parsePair finds the certificate and its key in whichever file they are.
func parsePair(texts [][]byte) (*tls.Certificate, error) {
	all := bytes.Join(texts, []byte("\n"))
	cert, err := tls.X509KeyPair(all, all)
	if err != nil {
		return nil, err
	}
	return &cert, nil
}

// hasKey tells whether text holds a private key.
func hasKey(text []byte) bool {
	found := false
	eachBlock(text, func(b *pem.Block) { found = found || strings.HasSuffix(b.Type, "PRIVATE KEY") })
	return found
}

func eachBlock(text []byte, f func(*pem.Block)) {
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			return
		}
		f(b)
	}
}

// Fingerprint returns the SHA-256 of a certificate as OpenSSL and FTP clients
// show it.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// Pin returns the SHA-256 of a certificate's public key, as curl takes it.
func Pin(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return "sha256//" + base64.StdEncoding.EncodeToString(sum[:])
}
