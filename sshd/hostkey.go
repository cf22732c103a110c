package sshd

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/crypto/ssh"
)

// ErrKeyExposed means that others than its owner can get at a private key.
var ErrKeyExposed = errors.New("lets others than the owner at it; it must be 0600")

// maxKeyFile is more than any key file needs.
const maxKeyFile = 1 << 20

// HostKey is LoadHostKey, but makes an Ed25519 key, for its owner only, when
// there is no such file. The directory must exist.
func HostKey(file string) (ssh.Signer, error) {
	key, err := LoadHostKey(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := createKey(file); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create host key: %w", err)
	}
	return LoadHostKey(file)
}

// LoadHostKey reads the private key in file, in any form that ssh-keygen writes
// without a passphrase. A key that others can get at is refused with
// ErrKeyExposed, except on Windows, whose permissions are not in the mode. A
// host certificate beside it, in file with "-cert.pub" added, is presented
// along.
func LoadHostKey(file string) (ssh.Signer, error) {
	text, err := readKey(file)
	if err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("host key %s: %w", file, err)
	}
	return withCertificate(key, file+"-cert.pub")
}

// readKey judges the file that it reads, not what has its name a moment
// before.
func readKey(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", file)
	}
	if runtime.GOOS != "windows" && fi.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: mode %04o %w", file, fi.Mode().Perm(), ErrKeyExposed)
	}
	return io.ReadAll(io.LimitReader(f, maxKeyFile))
}

// createKey writes a new key; fs.ErrExist when there is a file already. The
// name appears only when the content is complete, so that two processes that
// start together use the same key.
func createKey(file string) error {
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
	return os.Link(tmp.Name(), file) // unlike a rename, fails when the name exists
}

// withCertificate adds the host certificate in file to key, if there is one.
func withCertificate(key ssh.Signer, file string) (ssh.Signer, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return key, nil
	}
	if err != nil {
		return nil, fmt.Errorf("host certificate: %w", err)
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil, fmt.Errorf("host certificate %s: %w", file, err)
	}
	cert, ok := public.(*ssh.Certificate)
	if !ok || cert.CertType != ssh.HostCert {
		return nil, fmt.Errorf("host certificate %s: not a host certificate", file)
	}
	return ssh.NewCertSigner(cert, key)
}
