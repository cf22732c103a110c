package auth

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"hash"
	"strings"
)

const (
	shaCryptRounds    = 5000 // when a hash does not say
	minSHACryptRounds = 1000
	maxSHACryptRounds = 1_000_000 // about half a second; the format allows 999,999,999
	maxSHACryptSalt   = 16
	shaCryptAlphabet  = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// shaCryptHash is a hash as of "Unix crypt using SHA-256 and SHA-512" by
// Ulrich Drepper, version 0.6.
type shaCryptHash struct {
	sum    func() hash.Hash
	rounds int
	salt   string
	text   string // the encoded digest
}

// parseSHACrypt reads what follows "$5$" or "$6$": "rounds=N$salt$hash" or
// "salt$hash".
func parseSHACrypt(kind, s string) (*shaCryptHash, error) {
	h := &shaCryptHash{sum: sha256.New, rounds: shaCryptRounds}
	length := 43
	if kind == "6" {
		h.sum, length = sha512.New, 86
	}
	if after, ok := strings.CutPrefix(s, "rounds="); ok {
		number, rest, _ := strings.Cut(after, "$")
		n, ok := parseNumber(number, minSHACryptRounds, maxSHACryptRounds)
		if !ok {
			return nil, hashError("SHA-crypt: rounds out of range")
		}
		h.rounds, s = int(n), rest
	}
	var ok bool
	if h.salt, h.text, ok = strings.Cut(s, "$"); !ok || !validSHACryptSalt(h.salt) {
		return nil, hashError("SHA-crypt: malformed salt")
	}
	if len(h.text) != length || strings.Trim(h.text, shaCryptAlphabet) != "" {
		return nil, hashError("SHA-crypt: malformed hash")
	}
	return h, nil
}

func validSHACryptSalt(salt string) bool {
	for i := range len(salt) {
		if c := salt[i]; c <= ' ' || c > '~' || c == ':' {
			return false
		}
	}
	return 1 <= len(salt) && len(salt) <= maxSHACryptSalt
}

func (h *shaCryptHash) matches(password string) bool {
	got := shaCrypt(h.sum(), []byte(password), []byte(h.salt), h.rounds)
	return subtle.ConstantTimeCompare([]byte(got), []byte(h.text)) == 1
}

// shaCrypt computes the encoded digest. The numbers are the steps of the
// specification.
func shaCrypt(d hash.Hash, password, salt []byte, rounds int) string {
	size := d.Size()
	digest := func(parts ...[]byte) []byte {
		d.Reset()
		for _, p := range parts {
			d.Write(p)
		}
		return d.Sum(nil)
	}
	b := digest(password, salt, password) // 4-8

	d.Reset() // 1-3, 9-12
	d.Write(password)
	d.Write(salt)
	d.Write(repeatTo(b, len(password)))
	for n := len(password); n > 0; n >>= 1 {
		if n&1 != 0 {
			d.Write(b)
		} else {
			d.Write(password)
		}
	}
	a := d.Sum(nil)

	d.Reset() // 13-16
	for range password {
		d.Write(password)
	}
	p := repeatTo(d.Sum(nil), len(password))
	d.Reset() // 17-20
	for range 16 + int(a[0]) {
		d.Write(salt)
	}
	s := repeatTo(d.Sum(nil), len(salt))

	c := a // 21
	buf := make([]byte, 0, size)
	for i := range rounds {
		shaCryptRound(d, i, c, p, s)
		c = d.Sum(buf[:0])
	}
	return shaCryptEncode(c)
}

// shaCryptRound is step 21 for one round; the result is left in d.
func shaCryptRound(d hash.Hash, i int, c, p, s []byte) {
	first, last := c, p
	if i%2 != 0 {
		first, last = p, c
	}
	d.Reset()
	d.Write(first)
	if i%3 != 0 {
		d.Write(s)
	}
	if i%7 != 0 {
		d.Write(p)
	}
	d.Write(last)
}

// repeatTo returns n bytes of b repeated.
func repeatTo(b []byte, n int) []byte {
	out := make([]byte, 0, n+len(b))
	for len(out) < n {
		out = append(out, b...)
	}
	return out[:n]
}

// shaCryptEncode is step 22: base 64, low bits first, of the bytes in an order
// that rotates through the thirds of the digest.
func shaCryptEncode(c []byte) string {
	var out strings.Builder
	put := func(w uint32, chars int) {
		for range chars {
			out.WriteByte(shaCryptAlphabet[w&63])
			w >>= 6
		}
	}
	third := len(c) / 3 // 10 or 21
	for i := range third {
		turn := i % 3
		if len(c) == sha256.Size {
			turn = (3 - turn) % 3
		}
		at := func(k int) uint32 { return uint32(c[i+third*((turn+k)%3)]) }
		put(at(0)<<16|at(1)<<8|at(2), 4)
	}
	if len(c) == sha256.Size {
		put(uint32(c[31])<<8|uint32(c[30]), 3)
	} else {
		put(uint32(c[63]), 2)
	}
	return out.String()
}
