package sshd_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/sshd"
)

// softKey is a FIDO key made of software, which says of presence and
// verification whatever the test wants (OpenSSH PROTOCOL.u2f).
type softKey struct {
	public ssh.PublicKey
	sign   func(message []byte) (blob []byte)
	signed byte // flags that the signature covers
	shown  byte // flags that are sent
}

const (
	touched  = 0x01
	verified = 0x04
)

func (k softKey) PublicKey() ssh.PublicKey { return k.public }

func (k softKey) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	application, message := sha256.Sum256([]byte("ssh:")), sha256.Sum256(data)
	tail := func(flags byte) []byte { return binary.BigEndian.AppendUint32([]byte{flags}, 7) }
	blob := k.sign(append(append(application[:], tail(k.signed)...), message[:]...))
	return &ssh.Signature{Format: k.public.Type(), Blob: blob, Rest: tail(k.shown)}, nil
}

// flags returns k with signatures that say so.
func (k softKey) flags(f byte) softKey {
	k.signed, k.shown = f, f
	return k
}

func softKeys(t *testing.T) map[string]softKey {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	ed, err := ssh.ParsePublicKey(ssh.Marshal(struct {
		Type        string
		Key         []byte
		Application string
	}{ssh.KeyAlgoSKED25519, public, "ssh:"}))
	require.NoError(t, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	point, err := curve.PublicKey.Bytes()
	require.NoError(t, err)
	ec, err := ssh.ParsePublicKey(ssh.Marshal(struct {
		Type, Curve string
		Point       []byte
		Application string
	}{ssh.KeyAlgoSKECDSA256, "nistp256", point, "ssh:"}))
	require.NoError(t, err)
	return map[string]softKey{
		"ed25519": {public: ed, sign: func(m []byte) []byte { return ed25519.Sign(private, m) }},
		"ecdsa": {public: ec, sign: func(m []byte) []byte {
			sum := sha256.Sum256(m)
			r, s, err := ecdsa.Sign(rand.Reader, curve, sum[:])
			require.NoError(t, err)
			return ssh.Marshal(struct{ R, S *big.Int }{r, s})
		}},
	}
}

// CVE-2026-39831: a signature of a security key must say that its user touched
// it, unless the line of the key, and its certificate if there is one, say
// that it need not.
func TestCVE2026_39831(t *testing.T) {
	for kind, key := range softKeys(t) {
		users, _, _ := newUser(t)
		now := new(changing)
		addr := start(t, &sshd.Server{Auth: now})
		for _, v := range []struct {
			options string
			flags   byte
			want    bool
		}{
			{"", touched, true}, {"", touched | verified, true}, {"", 0, false}, {"", verified, false},
			{"touch-required", 0, false}, {"touch-required", touched, true},
			{"no-touch-required", 0, true}, {"no-touch-required", touched, true},
			// What x/crypto/ssh does not tell is not believed.
			{"verify-required", touched, false}, {"verify-required", touched | verified, false},
			{"no-touch-required,verify-required", verified, false},
		} {
			now.set(users, keysOf(t, v.options, key.public), nil)
			err := try(addr, ssh.PublicKeys(key.flags(v.flags)))
			assert.Equal(t, v.want, err == nil, "%s %q flags %#x: %v", kind, v.options, v.flags, err)
		}
		now.set(users, keysOf(t, "", key.public), nil)
		forged := key
		forged.shown = touched
		assert.Error(t, try(addr, ssh.PublicKeys(forged)), "%s: the flags are signed", kind)
		forged.signed, forged.shown = touched, touched|verified
		assert.Error(t, try(addr, ssh.PublicKeys(forged)), "%s: the flags are signed", kind)
	}
}

// An authority may say that its users need not touch their keys, but only if
// it was told that it may.
func TestCVE2026_39831_Certificates(t *testing.T) {
	ca := newKey(t)
	users, _, _ := newUser(t)
	now := new(changing)
	addr := start(t, &sshd.Server{Auth: now})
	for kind, key := range softKeys(t) {
		certified := func(flags byte, extensions, options map[string]string) ssh.AuthMethod {
			s, err := ssh.NewCertSigner(certificate(t, ca, key.public, func(c *ssh.Certificate) {
				c.Extensions, c.CriticalOptions = extensions, options
			}), key.flags(flags))
			require.NoError(t, err)
			return ssh.PublicKeys(s)
		}
		noTouch := map[string]string{"no-touch-required": ""}
		verify := map[string]string{"verify-required": ""}
		for _, v := range []struct {
			line    string
			allowed map[string]string
			options map[string]string
			flags   byte
			want    bool
		}{
			{"cert-authority", nil, nil, touched, true},
			{"cert-authority", nil, nil, 0, false},
			{"cert-authority", noTouch, nil, 0, false},
			{"cert-authority,no-touch-required", nil, nil, 0, false},
			{"cert-authority,no-touch-required", nil, nil, touched, true},
			{"cert-authority,no-touch-required", noTouch, nil, 0, true},
			{"cert-authority,no-touch-required", noTouch, nil, touched, true},
			// Then x/crypto/ssh looks at no flags, so nobody knows of the touch.
			{"cert-authority", noTouch, nil, touched, false},
			{"cert-authority", nil, verify, touched | verified, false},
		} {
			now.set(users, nil, keysOf(t, v.line, ca.PublicKey()))
			err := try(addr, certified(v.flags, v.allowed, v.options))
			assert.Equal(t, v.want, err == nil, "%s %q %v %v flags %#x: %v", kind, v.line, v.allowed, v.options, v.flags, err)
		}
	}
}
