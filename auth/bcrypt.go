package auth

import (
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const (
	bcryptLen         = 60 // bytes of a complete hash
	bcryptAlphabet    = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	maxBcryptCost     = 16 // a few seconds
	maxBcryptPassword = 72 // bytes; bcrypt does not look at more
)

type bcryptHash string

// parseBcrypt reads "$2b$12$" and 53 characters of salt and hash.
func parseBcrypt(s string) (bcryptHash, error) {
	if len(s) != bcryptLen || s[6] != '$' {
		return "", hashError("bcrypt: malformed")
	}
	if cost, ok := parseNumber(strings.TrimPrefix(s[4:6], "0"), 4, maxBcryptCost); !ok || cost == 0 {
		return "", hashError("bcrypt: cost out of range")
	}
	if strings.Trim(s[7:], bcryptAlphabet) != "" {
		return "", hashError("bcrypt: malformed")
	}
	return bcryptHash(s), nil
}

// matches pays for a password that is too long like for any other, or the
// time would tell which users have a bcrypt hash.
func (h bcryptHash) matches(password string) bool {
	whole := password[:min(len(password), maxBcryptPassword)]
	ok := bcrypt.CompareHashAndPassword([]byte(h), []byte(whole)) == nil
	return ok && len(password) <= maxBcryptPassword
}
