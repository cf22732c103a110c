package sshd

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/crypto/ssh"
)

// ErrKeyExposed means that others than its owner can read a private key.
var ErrKeyExposed = errors.New("sshd: private key is readable by others")

// HostKey reads the private key in file, in any form that ssh-keygen writes
// without a passphrase. If there is no such file it makes an Ed25519 key and
// writes it there, for its owner only; the directory must exist. A key that
// others can read is refused with ErrKeyExposed. A certificate beside it, in
// file with "-cert.pub" added, is presented along.
func HostKey(file string) (ssh.Signer, error) {
	err := createKey(file)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("sshd: create host key: %w", err)
	}
	fi, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("sshd: host key: %w", err)
	}
	if runtime.GOOS != "windows" && fi.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %#o", ErrKeyExposed, file, fi.Mode().Perm())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("sshd: host key: %w", err)
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("sshd: host key %s: %w", file, err)
	}
	return withCertificate(key, file+"-cert.pub")
}

// createKey writes a new key; fs.ErrExist when there is a file already. The
// name appears only when the content is complete, so that two processes that
// start together use the same key.
func createKey(file string) error {
	if _, err := os.Lstat(file); err == nil {
		return fs.ErrExist
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".hostkey-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // the link below is what stays
	_, err = tmp.Write(pem.EncodeToMemory(block))
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), file); err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Rename(tmp.Name(), file) // a file system without hard links
}

// withCertificate adds the host certificate in file to key, if there is one.
func withCertificate(key ssh.Signer, file string) (ssh.Signer, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return key, nil
	}
	if err != nil {
		return nil, fmt.Errorf("sshd: host certificate: %w", err)
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil, fmt.Errorf("sshd: host certificate %s: %w", file, err)
	}
	cert, ok := public.(*ssh.Certificate)
	if !ok || cert.CertType != ssh.HostCert {
		return nil, fmt.Errorf("sshd: %s holds no host certificate", file)
	}
	return ssh.NewCertSigner(cert, key)
}
