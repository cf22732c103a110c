package auth

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrHashFormat means that a stored password hash is of an unknown kind,
// malformed, or dearer to verify than this package allows. It is a mistake of
// the configuration and not of the client; the error never holds the hash.
var ErrHashFormat = errors.New("auth: bad password hash")

// ErrBadPassword means that a password can't be hashed: it is empty, longer
// than 1024 bytes, or holds a NUL.
var ErrBadPassword = errors.New("auth: password is empty, too long or holds a NUL")

// maxPassword bounds the work that a client can cause with one long password.
const maxPassword = 1024 // bytes

// storedHash is a parsed password hash. matches has the cost that the hash
// asks for, whatever the password.
type storedHash interface {
	matches(password string) bool
}

// HashPassword returns an argon2id hash of password with a fresh salt, as a
// PHC string: "$argon2id$v=19$m=19456,t=2,p=1$salt$hash". The error matches
// ErrBadPassword for a password that can't be used. Servers that verify many
// logins use a Hasher, which bounds the memory in use.
func HashPassword(password string) (string, error) {
	return newArgon2(Argon2Params{}, password)
}

// VerifyPassword compares a password with a stored hash: argon2id (PHC
// string), bcrypt ($2a$, $2b$, $2y$), SHA-crypt ($5$, $6$) or PBKDF2
// ($pbkdf2-sha256$, $pbkdf2-sha512$ as passlib writes them). It returns nil if
// they belong together, ErrDenied if not, and an error that matches
// ErrHashFormat if the hash is of no use. An empty password never verifies,
// and with bcrypt nor does one of more than 72 bytes, because bcrypt ignores
// what follows those.
func VerifyPassword(hash, password string) error {
	h, err := parseHash(hash)
	if err != nil {
		return err
	}
	if !usablePassword(password) || !h.matches(password) {
		return ErrDenied
	}
	return nil
}

// CheckHash tells whether VerifyPassword can work with hash; use it when a
// configuration is loaded. The error matches ErrHashFormat.
func CheckHash(hash string) error {
	_, err := parseHash(hash)
	return err
}

// NeedsRehash tells whether hash is weaker than what HashPassword makes, or of
// another kind, so that a new one should be stored after the next successful
// login.
func NeedsRehash(hash string) bool { return weakerThan(hash, Argon2Params{}) }

// usablePassword refuses what no stored hash can stand for. A NUL ends a
// password for crypt(3), and makes different passwords equal in bcrypt.
func usablePassword(password string) bool {
	return password != "" && len(password) <= maxPassword && strings.IndexByte(password, 0) < 0
}

func parseHash(hash string) (storedHash, error) {
	if len(hash) > 512 {
		return nil, hashError("too long")
	}
	rest, ok := strings.CutPrefix(hash, "$")
	if !ok {
		return nil, hashError("unknown kind")
	}
	kind, rest, ok := strings.Cut(rest, "$")
	if !ok {
		return nil, hashError("unknown kind")
	}
	switch kind {
	case "argon2id":
		return parseArgon2(rest)
	case "2a", "2b", "2y":
		return parseBcrypt(hash)
	case "5", "6":
		return parseSHACrypt(kind, rest)
	case "pbkdf2-sha256", "pbkdf2-sha512":
		return parsePBKDF2(kind, rest)
	}
	return nil, hashError("unknown kind")
}

func hashError(why string) error { return fmt.Errorf("%w: %s", ErrHashFormat, why) }

// parseNumber reads a decimal number without sign or leading zeros, so that a
// hash has one spelling only.
func parseNumber(s string, low, high uint64) (uint64, bool) {
	if s == "" || len(s) > 1 && s[0] == '0' || s[0] == '+' {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && low <= n && n <= high
}
