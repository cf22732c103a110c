// Package hostkey makes, keeps and loads the keys with which the server proves
// who it is.
package hostkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/sshd"

	"github.com/quaymaster/quaymaster/examples/mft/internal/state"
)

// Kind is an algorithm, named as in the file names of OpenSSH.
type Kind string

// The kinds of keys.
const (
	Ed25519 Kind = "ed25519"
	ECDSA   Kind = "ecdsa" // NIST P-256
	RSA     Kind = "rsa"   // 3072 bits
)

// File is the name under which a key of this kind is kept.
func (k Kind) File() string { return "ssh_host_" + string(k) + "_key" }

// Generate makes a private key, in the format of OpenSSH.
func Generate(kind Kind) ([]byte, error) {
	key, err := generate(kind)
	if err != nil {
		return nil, fmt.Errorf("make %s host key: %w", kind, err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return nil, fmt.Errorf("make %s host key: %w", kind, err)
	}
	return pem.EncodeToMemory(block), nil
}

func generate(kind Kind) (crypto.PrivateKey, error) {
	switch kind {
	case Ed25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case ECDSA:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RSA:
		return rsa.GenerateKey(rand.Reader, 3072)
	}
	return nil, errors.New("no such kind of key")
}

// Create writes a fresh key of each kind into dir. A file that exists is an
// error that matches fs.ErrExist.
func Create(dir string, kinds ...Kind) error {
	for _, kind := range kinds {
		if err := create(dir, kind); err != nil {
			return err
		}
	}
	return nil
}

func create(dir string, kind Kind) error {
	text, err := Generate(kind)
	if err != nil {
		return err
	}
	if err := state.Create(filepath.Join(dir, kind.File()), text); err != nil {
		return fmt.Errorf("write host key: %w", err)
	}
	return nil
}

// LoadOrCreate returns the keys kept in dir and makes those that are missing.
// dir is made, too; see state.Dir.
func LoadOrCreate(dir string, kinds ...Kind) ([]ssh.Signer, error) {
	if err := state.Dir(dir); err != nil {
		return nil, err
	}
	signers := make([]ssh.Signer, len(kinds))
	for i, kind := range kinds {
		file := filepath.Join(dir, kind.File())
		var err error
		signers[i], err = sshd.LoadHostKey(file)
		if errors.Is(err, fs.ErrNotExist) {
			if err = create(dir, kind); err == nil || errors.Is(err, fs.ErrExist) {
				signers[i], err = sshd.LoadHostKey(file)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return signers, nil
}
