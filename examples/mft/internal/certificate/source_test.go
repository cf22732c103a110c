package certificate_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/quaymaster/quaymaster/examples/mft/internal/certificate"
)

func TestLoadOrCreate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	log := slog.New(slog.DiscardHandler)
	first, err := certificate.LoadOrCreate(log, dir)
	check(t, err)
	leaf := first.Leaf()
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		check(t, leaf.VerifyHostname(name))
	}
	if key, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() || leaf.IsCA {
		t.Errorf("%T, CA %v", leaf.PublicKey, leaf.IsCA)
	}
	if left := time.Until(leaf.NotAfter); left < 800*24*time.Hour || left > 825*24*time.Hour {
		t.Errorf("%v left", left)
	}
	if fi, err := os.Stat(filepath.Join(dir, certificate.File)); err != nil || runtime.GOOS != "windows" && fi.Mode() != 0o600 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	second, err := certificate.LoadOrCreate(log, dir)
	check(t, err)
	if !second.Leaf().Equal(leaf) {
		t.Error("another certificate")
	}
}

// One that ends soon is renewed and keeps its key, which clients may have
// pinned.
func TestRenew(t *testing.T) {
	dir := t.TempDir()
	old := newPair(t, nil, func(*x509.Certificate) {})
	write(t, dir, certificate.File, old.certPEM(), old.keyPEM(t))
	check(t, os.Chmod(dir, 0o700))
	s, err := certificate.LoadOrCreate(slog.New(slog.DiscardHandler), dir)
	check(t, err)
	if time.Until(s.Leaf().NotAfter) < 365*24*time.Hour || certificate.Pin(s.Leaf()) != certificate.Pin(old.cert) {
		t.Errorf("until %v, key %s", s.Leaf().NotAfter, certificate.Pin(s.Leaf()))
	}
	// What can't be read is not thrown away.
	write(t, dir, certificate.File, []byte("nothing"))
	if _, err := certificate.LoadOrCreate(slog.New(slog.DiscardHandler), dir); err == nil {
		t.Error("a broken file was taken")
	}
}

func TestChange(t *testing.T) {
	dir := t.TempDir()
	first, second := newPair(t, nil, func(*x509.Certificate) {}), newPair(t, nil, func(*x509.Certificate) {})
	cert, key := write(t, dir, "cert", first.certPEM()), write(t, dir, "key", first.keyPEM(t))
	var out bytes.Buffer
	s, err := certificate.Load(slog.New(slog.NewTextHandler(&out, nil)), cert, key)
	check(t, err)
	uses := func(p *pair) {
		t.Helper()
		got, err := s.Get(nil)
		check(t, err)
		if !got.Leaf.Equal(p.cert) || !s.Leaf().Equal(p.cert) {
			t.Error("another certificate")
		}
	}
	uses(first)
	write(t, dir, "cert", second.certPEM()) // without its key yet
	uses(first)
	uses(first)
	if n := strings.Count(out.String(), "can't be used"); n != 1 {
		t.Errorf("told %d times:\n%s", n, out.String())
	}
	write(t, dir, "key", second.keyPEM(t))
	uses(second)
	check(t, os.Remove(cert))
	uses(second)
	write(t, dir, "cert", second.certPEM())
	uses(second)
	if n := strings.Count(out.String(), "certificate changed"); n != 1 {
		t.Errorf("told %d times:\n%s", n, out.String())
	}
	if !strings.Contains(out.String(), "expires soon") {
		t.Error("no warning")
	}
}

func TestKeyExposed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("has no such bits")
	}
	p := newPair(t, nil, func(*x509.Certificate) {})
	file := write(t, t.TempDir(), "both", p.certPEM(), p.keyPEM(t))
	check(t, os.Chmod(file, 0o640))
	_, err := certificate.Load(slog.New(slog.DiscardHandler), file)
	wantError(t, err, "it must be 0600")
}
