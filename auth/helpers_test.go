package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"net"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/vfs"
)

// home is an empty file system.
func home(t testing.TB) func(context.Context) (vfs.FS, error) {
	t.Helper()
	empty, err := vfs.Mount(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := vfs.Mount(nil, map[string]vfs.FS{"inbox": empty})
	if err != nil {
		t.Fatal(err)
	}
	return auth.Home(fsys)
}

// cheap makes hashes that cost nearly nothing.
func cheap() *auth.Hasher { return &auth.Hasher{Params: auth.Argon2Params{Memory: 64, Time: 1}} }

func hashOf(t testing.TB, password string) string {
	t.Helper()
	hash, err := cheap().Hash(context.Background(), password)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func conn(addr string) *quaymaster.Conn {
	return &quaymaster.Conn{ID: quaymaster.NewID(), Remote: &net.TCPAddr{IP: net.ParseIP(addr), Port: 1}}
}

func blobOf(t testing.TB, public crypto.PublicKey) []byte {
	t.Helper()
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key.Marshal()
}

func ed25519Blob(t testing.TB) []byte {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return blobOf(t, public)
}

func ecdsaBlob(t testing.TB, c elliptic.Curve) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return blobOf(t, &key.PublicKey)
}

func rsaBlob(t testing.TB, bits int) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return blobOf(t, &key.PublicKey)
}

// skBlob is a security key: its algorithm, 32 bytes and an application.
func skBlob() []byte {
	return ssh.Marshal(struct {
		Name        string
		Key         []byte
		Application string
	}{"sk-ssh-ed25519@openssh.com", make([]byte, 32), "ssh:"})
}

// line is a line of an authorized_keys file.
func line(options string, blob []byte) string {
	algo := string(blob[4 : 4+int(blob[3])])
	if options != "" {
		options += " "
	}
	return options + algo + " " + base64.StdEncoding.EncodeToString(blob) + " comment of it\n"
}

func mustKeys(t testing.TB, lines ...string) *auth.AuthorizedKeys {
	t.Helper()
	keys, err := auth.ParseAuthorizedKeys(strings.NewReader(strings.Join(lines, "")))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func proven(blob []byte) auth.PublicKey { return auth.PublicKey{Blob: blob, Proven: true} }

// answering answers every question with text.
func answering(text string) auth.Interactive {
	return auth.Interactive{Ask: func(_ context.Context, _, _ string, q []auth.Question) ([]string, error) {
		return strings.Split(strings.Repeat(text+"\n", len(q)-1)+text, "\n"), nil
	}}
}

// let asserts that a lets r in.
func let(t testing.TB, a auth.Authenticator, r *auth.Request) *auth.Identity {
	t.Helper()
	id, err := a.Authenticate(context.Background(), r)
	if err != nil || id == nil {
		t.Fatalf("not let in: %v", err)
	}
	return id
}

// deny asserts that a denies r.
func deny(t testing.TB, a auth.Authenticator, r *auth.Request) {
	t.Helper()
	id, err := a.Authenticate(context.Background(), r)
	var p *auth.Partial
	if id != nil || !errors.Is(err, auth.ErrDenied) || errors.As(err, &p) {
		t.Errorf("got identity %v, error %v; want ErrDenied", id != nil, err)
	}
}

// part asserts that a takes r as one factor, and returns what is next.
func part(t testing.TB, a auth.Authenticator, r *auth.Request) []auth.Method {
	t.Helper()
	id, err := a.Authenticate(context.Background(), r)
	var p *auth.Partial
	if id != nil || !errors.As(err, &p) {
		t.Fatalf("got identity %v, error %v; want a *Partial", id != nil, err)
	}
	return p.Next
}
