package sshd

import (
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// packetOf frames a payload without encryption, RFC 4253 section 6.
func packetOf(payload []byte) []byte {
	padding := 8 - (len(payload)+5)%8 + 4
	size := 1 + len(payload) + padding
	p := []byte{0, 0, byte(size >> 8), byte(size), byte(padding)}
	return append(append(p, payload...), make([]byte, padding)...)
}

func offerOf(ciphers ...string) *clientOffer {
	return &clientOffer{
		KexAlgos: []string{"curve25519-sha256", "ext-info-c"}, ServerHostKeyAlgos: []string{"ssh-ed25519"},
		CiphersClientServer: ciphers, CiphersServerClient: ciphers,
		MACsClientServer: []string{"hmac-sha2-256"}, MACsServerClient: []string{"hmac-sha2-256"},
		CompressionClientServer: []string{"none"}, CompressionServerClient: []string{"none"},
	}
}

func TestHello(t *testing.T) {
	kexInit := string(packetOf(ssh.Marshal(offerOf("aes128-ctr"))))
	for name, tt := range map[string]struct {
		sent    string
		version string
		offer   bool
		err     error
	}{
		"whole":              {"SSH-2.0-OpenSSH_9.2p1\r\n" + kexInit + "more", "SSH-2.0-OpenSSH_9.2p1", true, nil},
		"comment, no CR":     {"SSH-2.0-x y z\n" + kexInit, "SSH-2.0-x y z", true, nil},
		"both versions":      {"SSH-1.99-x\r\n" + kexInit, "SSH-1.99-x", true, nil},
		"waits for ours":     {"SSH-2.0-x\r\n", "SSH-2.0-x", false, nil},
		"half a KEXINIT":     {"SSH-2.0-x\r\n" + kexInit[:40], "SSH-2.0-x", false, nil},
		"something else":     {"SSH-2.0-x\r\n" + string(packetOf([]byte{5, 0, 0})), "SSH-2.0-x", false, nil},
		"too long":           {"SSH-2.0-x\r\n\xff\xff\xff\xff\x04" + kexInit, "SSH-2.0-x", false, nil},
		"too much padding":   {"SSH-2.0-x\r\n\x00\x00\x00\x0c\xff" + kexInit, "SSH-2.0-x", false, nil},
		"old version":        {"SSH-1.5-x\r\n", "", false, ErrNotSSH},
		"HTTP":               {"GET / HTTP/1.1\r\n", "", false, ErrNotSSH},
		"TLS":                {"\x16\x03\x01", "", false, ErrNotSSH},
		"one wrong byte":     {"X", "", false, ErrNotSSH},
		"endless version":    {"SSH-2.0-" + strings.Repeat("x", 300), "", false, ErrNotSSH},
		"long version, ends": {"SSH-2.0-" + strings.Repeat("x", 246) + "\n", "SSH-2.0-" + strings.Repeat("x", 246), false, nil},
	} {
		for _, chunk := range []int{1, 1 << 20} {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer near.Close()
				go func() {
					for rest := []byte(tt.sent); len(rest) > 0; {
						n := min(chunk, len(rest))
						if _, err := far.Write(rest[:n]); err != nil {
							return
						}
						rest = rest[n:]
					}
				}()
				start := time.Now()
				h, err := readHello(near)
				assert.LessOrEqual(t, time.Since(start), kexInitWait, name)
				if tt.err != nil {
					assert.ErrorIs(t, err, tt.err, name)
					return
				}
				require.NoError(t, err, name)
				assert.Equal(t, tt.version, h.version, name)
				assert.Equal(t, tt.offer, h.offer != nil, name)
				assert.Equal(t, tt.sent[:len(h.raw)], string(h.raw), name)
			})
		}
	}
}

// A client that hangs up is told from one that waits.
func TestHelloEnds(t *testing.T) {
	near, far := net.Pipe()
	go func() {
		far.Write([]byte("SSH-2.0-x\r\n"))
		far.Close()
	}()
	_, err := readHello(near)
	assert.Error(t, err)
}

func TestSteer(t *testing.T) {
	const gcm128, gcm256, chacha = "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"
	offered := []string{chacha, gcm128, gcm256, "aes128-ctr"}
	if !fastGCM() {
		assert.Equal(t, offered, offerOf(chacha, gcm128).steer(offered))
		return
	}
	assert.Equal(t, []string{gcm128, gcm256}, offerOf(chacha, "aes128-ctr", gcm256, gcm128).steer(offered))
	assert.Equal(t, []string{gcm256}, offerOf(chacha, gcm256).steer(offered))
	assert.Equal(t, offered, offerOf(chacha, "aes128-ctr").steer(offered), "no GCM there")
	assert.Equal(t, []string{chacha}, offerOf(chacha, gcm128).steer([]string{chacha}), "no GCM here")
	assert.Equal(t, offered, (*clientOffer)(nil).steer(offered))
	oneWay := offerOf(chacha, gcm128)
	oneWay.CiphersServerClient = []string{chacha}
	assert.Equal(t, offered, oneWay.steer(offered))
}

// The fingerprint of a KEXINIT of OpenSSH 9.2p1, cookie blanked; the sum was
// computed by other means.
func TestHASSH(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "openssh-9.2-kexinit.hex"))
	require.NoError(t, err)
	payload, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	require.NoError(t, err)
	o := new(clientOffer)
	require.NoError(t, ssh.Unmarshal(payload, o))
	assert.Equal(t, "472b5de333ad665af5cbf10ff892c4df", o.hassh())
}

func FuzzHello(f *testing.F) {
	f.Add([]byte("SSH-2.0-x\r\n"), packetOf(ssh.Marshal(offerOf("aes128-gcm@openssh.com"))))
	f.Add([]byte("GET /\r\n"), []byte{})
	f.Fuzz(func(t *testing.T, line, packet []byte) {
		near, far := net.Pipe()
		defer near.Close()
		sent := append(line, packet...)
		go func() {
			far.Write(sent)
			far.Close()
		}()
		h, err := readHello(near)
		if err != nil {
			return
		}
		if !strings.HasPrefix(string(sent), h.version) || len(h.raw) > maxVersionLine+maxKexInit+5 {
			t.Errorf("%q of %q", h.version, sent)
		}
		h.offer.steer([]string{"aes128-gcm@openssh.com"})
	})
}
