package auth

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"strings"
)

const maxPBKDF2Rounds = 5_000_000 // a few seconds

type pbkdf2Hash struct {
	sum       func() hash.Hash
	rounds    int
	salt, key []byte
}

// parsePBKDF2 reads what follows "$pbkdf2-sha256$" or "$pbkdf2-sha512$":
// "rounds$salt$hash", both in base 64 with "." for "+" and no padding, as
// passlib writes them.
func parsePBKDF2(kind, s string) (*pbkdf2Hash, error) {
	f := strings.Split(s, "$")
	if len(f) != 3 {
		return nil, hashError("PBKDF2: want rounds, salt and hash")
	}
	h := &pbkdf2Hash{sum: sha256.New}
	size := sha256.Size
	if kind == "pbkdf2-sha512" {
		h.sum, size = sha512.New, sha512.Size
	}
	n, ok := parseNumber(f[0], 1, maxPBKDF2Rounds)
	if !ok {
		return nil, hashError("PBKDF2: rounds out of range")
	}
	h.rounds = int(n)
	if h.salt, ok = decodeAB64(f[1], 1, 128); !ok {
		return nil, hashError("PBKDF2: malformed salt")
	}
	if h.key, ok = decodeAB64(f[2], size, size); !ok {
		return nil, hashError("PBKDF2: malformed hash")
	}
	return h, nil
}

func (h *pbkdf2Hash) matches(password string) bool {
	got, err := pbkdf2.Key(h.sum, password, h.salt, h.rounds, len(h.key))
	return err == nil && subtle.ConstantTimeCompare(got, h.key) == 1
}

func decodeAB64(s string, low, high int) ([]byte, bool) {
	if strings.Contains(s, "+") {
		return nil, false
	}
	return decodeExact(base64.RawStdEncoding, strings.ReplaceAll(s, ".", "+"), low, high)
}
