package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// The only user of all FTP servers, but for vsftpd.
const (
	ftpUser     = "bench"
	ftpPassword = "bench"
)

func ftpSuite() *suite {
	return &suite{
		name: "ftp",
		peers: []*peer{newOurs(func(r *rig, c *benchCase) []string {
			args := []string{"-user", ftpUser, "-password", ftpPassword}
			if c.secure {
				args = append(args, "-cert", r.cert)
			}
			return args
		}), newVsftpd(), newProFTPD(), newPureFTPd()},
		setup:    setupFTP,
		versions: ftpVersions,
		cases: func(z sizes) []*benchCase {
			return slices.Concat(curlCases(z), []*benchCase{
				ftpSmallFiles(z, plain), ftpSmallFiles(z, private), ftpLogins(plain), ftpLogins(private),
				ftpIdle(z, plain), ftpIdle(z, private), ftpListing(z, "LIST"), ftpListing(z, "MLSD"),
			})
		},
	}
}

// security says whether control and data connections have TLS.
type security string

const (
	plain   security = "plain"
	private security = "tls"
)

// setupFTP makes the certificate and the directory for uploads. The sessions of
// others run as a user without rights, who must get to the files.
func setupFTP(_ context.Context, r *rig) error {
	text, err := selfSigned()
	if err != nil {
		return err
	}
	r.cert = filepath.Join(r.dir, "cert.pem")
	if err := os.WriteFile(r.cert, text, 0o600); err != nil {
		return err
	}
	// Not a listing, only the way.
	return errors.Join(os.Chmod(r.dir, 0o711), os.Chmod(r.root, 0o777))
}

// selfSigned makes a key and a certificate for loopback.
func selfSigned() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 1, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = errors.Join(
		pem.Encode(&out, &pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	return out.Bytes(), err
}

// ftpVersions asks the programs that are there.
func ftpVersions(_ context.Context, r *rig) []string {
	var out []string
	for _, p := range []struct{ name, debian, flag string }{
		{"vsftpd", "vsftpd", "-v"},
		{"proftpd", "proftpd-core", "-v"},
		{"pure-ftpd", "pure-ftpd", "--help"},
	} {
		if prog, err := findProgram(p.name, p.debian, r.unpacked); err == nil {
			out = append(out, firstLine(prog.command(p.flag)))
		}
	}
	out = append(out, firstLine(exec.Command("curl", "--version")))
	return slices.DeleteFunc(out, func(line string) bool { return line == "" })
}
