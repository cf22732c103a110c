package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Argon2Params is the price of an argon2id hash. A zero field means the
// default, which is what OWASP recommends.
type Argon2Params struct {
	Memory  uint32 // KiB; 0: 19456, at most 262144
	Time    uint32 // passes over the memory; 0: 2, at most 32
	Threads uint8  // 0: 1, at most 16
}

const (
	defaultArgon2Memory  = 19456 // KiB
	defaultArgon2Time    = 2
	defaultArgon2Threads = 1

	// What a stored hash may ask for. The product of both bounds the seconds.
	maxArgon2Memory  = 256 << 10 // KiB
	maxArgon2Time    = 32
	maxArgon2Threads = 16
	maxArgon2Work    = 1 << 20 // KiB times passes

	argon2SaltLen = 16
	argon2KeyLen  = 32
)

func (p Argon2Params) withDefaults() Argon2Params {
	if p.Memory == 0 {
		p.Memory = defaultArgon2Memory
	}
	if p.Time == 0 {
		p.Time = defaultArgon2Time
	}
	if p.Threads == 0 {
		p.Threads = defaultArgon2Threads
	}
	return p
}

func (p Argon2Params) affordable() bool {
	return p.Time >= 1 && p.Time <= maxArgon2Time &&
		p.Threads >= 1 && p.Threads <= maxArgon2Threads &&
		p.Memory >= 8*uint32(p.Threads) && p.Memory <= maxArgon2Memory &&
		p.Memory*p.Time <= maxArgon2Work
}

type argon2Hash struct {
	params    Argon2Params
	salt, key []byte
}

func (h *argon2Hash) matches(password string) bool {
	p := h.params
	got := argon2.IDKey([]byte(password), h.salt, p.Time, p.Memory, p.Threads, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(got, h.key) == 1
}

func newArgon2(p Argon2Params, password string) (string, error) {
	if !usablePassword(password) {
		return "", ErrBadPassword
	}
	p = p.withDefaults()
	if !p.affordable() {
		return "", errors.New("auth: argon2id parameters out of range")
	}
	salt := make([]byte, argon2SaltLen)
	rand.Read(salt)
	key := argon2.IDKey([]byte(password), salt, p.Time, p.Memory, p.Threads, argon2KeyLen)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		p.Memory, p.Time, p.Threads, b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// parseArgon2 reads what follows "$argon2id$".
func parseArgon2(s string) (*argon2Hash, error) {
	f := strings.Split(s, "$")
	if len(f) != 4 || f[0] != "v=19" {
		return nil, hashError("argon2id: want v=19, parameters, salt and hash")
	}
	h := new(argon2Hash)
	var ok bool
	if h.params, ok = parseArgon2Params(f[1]); !ok {
		return nil, hashError("argon2id: malformed parameters")
	}
	if !h.params.affordable() {
		return nil, hashError("argon2id: parameters out of range")
	}
	if h.salt, ok = decodeExact(base64.RawStdEncoding, f[2], 8, 64); !ok {
		return nil, hashError("argon2id: malformed salt")
	}
	if h.key, ok = decodeExact(base64.RawStdEncoding, f[3], 16, 64); !ok {
		return nil, hashError("argon2id: malformed hash")
	}
	return h, nil
}

func parseArgon2Params(s string) (p Argon2Params, ok bool) {
	f := strings.Split(s, ",")
	if len(f) != 3 {
		return p, false
	}
	var n [3]uint64
	for i, name := range []string{"m=", "t=", "p="} {
		value, found := strings.CutPrefix(f[i], name)
		if n[i], ok = parseNumber(value, 1, 1<<32-1); !found || !ok || i == 2 && n[i] > 255 {
			return p, false
		}
	}
	return Argon2Params{Memory: uint32(n[0]), Time: uint32(n[1]), Threads: uint8(n[2])}, true
}

// weakerThan tells whether hash is not an argon2id hash of at least price p.
func weakerThan(hash string, p Argon2Params) bool {
	parsed, err := parseHash(hash)
	h, ok := parsed.(*argon2Hash)
	if err != nil || !ok {
		return true
	}
	p = p.withDefaults()
	return h.params.Memory < p.Memory || h.params.Time < p.Time ||
		len(h.salt) < argon2SaltLen || len(h.key) < argon2KeyLen
}

// decodeExact decodes s if it is the one right spelling of low to high bytes.
// The standard decoders skip line ends and ignore trailing bits.
func decodeExact(enc *base64.Encoding, s string, low, high int) ([]byte, bool) {
	b, err := enc.DecodeString(s)
	if err != nil || len(b) < low || len(b) > high || enc.EncodeToString(b) != s {
		return nil, false
	}
	return b, true
}
