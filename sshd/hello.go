package sshd

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/cpu"
)

const (
	// maxVersionLine is the longest identification string, with CR LF: RFC
	// 4253 section 4.2.
	maxVersionLine = 255
	// maxKexInit is the longest KEXINIT packet that is waited for: RFC 4253
	// section 6.1 asks for packets up to 35000 bytes.
	maxKexInit = 35000
	// kexInitWait is how long a client may take to send its KEXINIT once its
	// identification is there. Nearly all send it without waiting for ours, so
	// this is one round trip.
	kexInitWait = time.Second
)

// ErrNotSSH ends a connection whose peer speaks something else, such as HTTP or
// TLS, at its first wrong byte. It is in the event of the disconnect.
var ErrNotSSH = errors.New("the peer does not speak SSH")

// hello is what a client sends before any key exchange, in plain text.
type hello struct {
	raw     []byte       // all that was read
	version string       // the identification string
	offer   *clientOffer // nil: the client waits for ours, or sent nonsense
}

// clientOffer is the client's SSH_MSG_KEXINIT, RFC 4253 section 7.1.
type clientOffer struct {
	Cookie                  [16]byte `sshtype:"20"`
	KexAlgos                []string
	ServerHostKeyAlgos      []string
	CiphersClientServer     []string
	CiphersServerClient     []string
	MACsClientServer        []string
	MACsServerClient        []string
	CompressionClientServer []string
	CompressionServerClient []string
	LanguagesClientServer   []string
	LanguagesServerClient   []string
	FirstKexFollows         bool
	Reserved                uint32
}

// readHello reads the client's identification and waits a little for its
// KEXINIT. What is not there in time, or can't be understood, is left to the
// transport, which gets every byte again.
func readHello(nc net.Conn) (*hello, error) {
	h := new(hello)
	if err := h.readVersion(nc); err != nil {
		return nil, err
	}
	if err := nc.SetReadDeadline(time.Now().Add(kexInitWait)); err != nil {
		return nil, err
	}
	err := h.readOffer(nc)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, err
	}
	return h, nc.SetReadDeadline(time.Time{})
}

// more reads what is there, up to a buffer of limit bytes.
func (h *hello) more(nc net.Conn, limit int) error {
	if len(h.raw) == cap(h.raw) {
		h.raw = slices.Grow(h.raw, min(max(cap(h.raw), 2048), limit-len(h.raw)))
	}
	n, err := nc.Read(h.raw[len(h.raw):min(cap(h.raw), limit)])
	h.raw = h.raw[:len(h.raw)+n]
	if n > 0 {
		return nil // an error comes back with the next call
	}
	return err
}

func (h *hello) readVersion(nc net.Conn) error {
	for {
		if !looksLikeSSH(h.raw) {
			return ErrNotSSH
		}
		line, _, found := bytes.Cut(h.raw, []byte("\n"))
		switch {
		case found && len(line) < maxVersionLine:
			h.version = string(bytes.TrimSuffix(line, []byte("\r")))
			return nil
		case len(h.raw) >= maxVersionLine:
			return fmt.Errorf("%w: identification of over %d bytes", ErrNotSSH, maxVersionLine)
		}
		if err := h.more(nc, maxVersionLine+maxKexInit); err != nil {
			return err
		}
	}
}

// looksLikeSSH compares as much of the protocol version as is there. 1.99 is
// the word of a client that knows both versions.
func looksLikeSSH(raw []byte) bool {
	for _, want := range []string{"SSH-2.0-", "SSH-1.99-"} {
		n := min(len(raw), len(want))
		if string(raw[:n]) == want[:n] {
			return true
		}
	}
	return false
}

// readOffer reads the first packet and takes it apart if it is a KEXINIT.
func (h *hello) readOffer(nc net.Conn) error {
	start := bytes.IndexByte(h.raw, '\n') + 1
	const header = 5 // length of the packet, and of its padding
	for {
		packet := h.raw[start:]
		if len(packet) >= header {
			size := binary.BigEndian.Uint32(packet)
			if size < header || size > maxKexInit {
				return nil // the transport will say what is wrong
			}
			if end := 4 + int(size); len(packet) >= end {
				h.offer = parseOffer(packet[header:end], int(packet[4]))
				return nil
			}
		}
		if err := h.more(nc, maxVersionLine+maxKexInit+header); err != nil {
			return err
		}
	}
}

func parseOffer(payload []byte, padding int) *clientOffer {
	if padding >= len(payload) {
		return nil
	}
	o := new(clientOffer)
	if ssh.Unmarshal(payload[:len(payload)-padding], o) != nil {
		return nil
	}
	return o
}

// hassh is the fingerprint that tells SSH clients apart whatever name they give
// themselves: the MD5 of what they offer, as Salesforce defined it.
func (o *clientOffer) hassh() string {
	list := func(names []string) string { return strings.Join(names, ",") }
	sum := md5.Sum([]byte(list(o.KexAlgos) + ";" + list(o.CiphersClientServer) + ";" +
		list(o.MACsClientServer) + ";" + list(o.CompressionClientServer)))
	return hex.EncodeToString(sum[:])
}

// steer returns the ciphers to offer to this client: of those in offered only
// AES-GCM, when the client knows it in both directions and this processor
// computes it itself. SSH lets the client's order win, and what OpenSSH asks
// for first, chacha20-poly1305, costs several times as much here.
func (o *clientOffer) steer(offered []string) []string {
	if o == nil || !fastGCM() {
		return offered
	}
	var gcm []string
	for _, name := range offered {
		if strings.HasSuffix(name, "-gcm@openssh.com") &&
			slices.Contains(o.CiphersClientServer, name) && slices.Contains(o.CiphersServerClient, name) {
			gcm = append(gcm, name)
		}
	}
	if gcm == nil {
		return offered
	}
	return gcm
}

func fastGCM() bool {
	return cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ || cpu.ARM64.HasAES && cpu.ARM64.HasPMULL || cpu.S390X.HasAESGCM
}
