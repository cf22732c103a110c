package hostkey_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/examples/mft/internal/hostkey"
	"github.com/quaymaster/quaymaster/sshd"
)

func TestLoadOrCreate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "state")
	first, err := hostkey.LoadOrCreate(dir, hostkey.Ed25519, hostkey.ECDSA, hostkey.RSA)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoRSA} {
		if got := first[i].PublicKey().Type(); got != want {
			t.Errorf("key %d is a %s, want %s", i, got, want)
		}
	}
	second, err := hostkey.LoadOrCreate(dir, hostkey.Ed25519, hostkey.ECDSA, hostkey.RSA)
	if err != nil {
		t.Fatal(err)
	}
	for i := range first {
		if !bytes.Equal(first[i].PublicKey().Marshal(), second[i].PublicKey().Marshal()) {
			t.Errorf("key %d changed", i)
		}
	}
	checkModes(t, dir)
}

func checkModes(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for _, e := range entries {
		if fi, err := e.Info(); err != nil || fi.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), fi.Mode(), err)
		}
	}
	if fi, err := os.Stat(dir); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", fi.Mode(), err)
	}
}

// Programs that start at the same time must agree on one key.
func TestCreateRace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	var wg sync.WaitGroup
	keys := make([]string, 8)
	for i := range keys {
		wg.Go(func() {
			signers, err := hostkey.LoadOrCreate(dir, hostkey.Ed25519)
			if err != nil {
				t.Error(err)
				return
			}
			keys[i] = ssh.FingerprintSHA256(signers[0].PublicKey())
		})
	}
	wg.Wait()
	for _, k := range keys {
		if k != keys[0] {
			t.Errorf("%s and %s", k, keys[0])
		}
	}
}

func TestRefuse(t *testing.T) {
	dir := t.TempDir()
	if err := hostkey.Create(dir, hostkey.Ed25519); err != nil {
		t.Fatal(err)
	}
	if err := hostkey.Create(dir, hostkey.Ed25519); !errors.Is(err, fs.ErrExist) {
		t.Errorf("overwrite: %v", err)
	}
	file := filepath.Join(dir, hostkey.Ed25519.File())
	if runtime.GOOS != "windows" {
		for _, mode := range []fs.FileMode{0o640, 0o604, 0o620} {
			if err := os.Chmod(file, mode); err != nil {
				t.Fatal(err)
			}
			if _, err := sshd.LoadHostKey(file); err == nil || !strings.Contains(err.Error(), "must be 0600") {
				t.Errorf("mode %o: %v", mode, err)
			}
		}
	}
	if _, err := sshd.LoadHostKey(dir); err == nil {
		t.Error("loaded a directory")
	}
	if err := os.WriteFile(file, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	os.Chmod(file, 0o600)
	if _, err := sshd.LoadHostKey(file); err == nil {
		t.Error("loaded nonsense")
	}
}
