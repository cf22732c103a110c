package auth

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	_ "crypto/sha1" // for crypto.SHA1
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	defaultDigits = 6
	maxDigits     = 8
	defaultPeriod = 30 * time.Second
	maxPeriod     = 5 * time.Minute
	minSecret     = 16 // bytes, RFC 4226 section 4, R6
	maxSecret     = 128
	newSecret     = 20 // bytes, what R6 recommends
)

// ErrTOTPKey means that a TOTPKey, or the text of one, can't be used. The
// error never holds the secret.
var ErrTOTPKey = errors.New("auth: bad TOTP key")

// TOTPKey is what a generator of one-time codes and the server share (RFC
// 6238). It prints, logs and marshals as "[redacted]"; URI is how to store it.
type TOTPKey struct {
	Secret []byte // 16 to 128 bytes
	// Hash is crypto.SHA1, SHA256 or SHA512. Zero means SHA-1, which is all
	// that many authenticator apps know, and which is not weak as an HMAC.
	Hash   crypto.Hash
	Digits int           // of a code, 6 to 8; zero means 6
	Period time.Duration // of a code, whole seconds up to 5 minutes; zero means 30 s
}

// NewTOTPKey returns a key with a random secret and the defaults for the rest.
func NewTOTPKey() *TOTPKey {
	k := &TOTPKey{Secret: make([]byte, newSecret)}
	rand.Read(k.Secret) // never fails
	return k
}

// ParseTOTPKey reads an otpauth URI, as URI makes it, or a secret alone in base
// 32, in which case, blanks and padding do not matter. The error matches
// ErrTOTPKey.
func ParseTOTPKey(text string) (*TOTPKey, error) {
	if len(text) > 4096 {
		return nil, totpError("too long")
	}
	k := new(TOTPKey)
	secret := text
	if len(text) >= 8 && strings.EqualFold(text[:8], "otpauth:") {
		var err error
		if secret, err = k.parseURI(text); err != nil {
			return nil, err
		}
	}
	secret = strings.TrimRight(strings.ReplaceAll(strings.ToUpper(secret), " ", ""), "=")
	var err error
	if k.Secret, err = base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret); err != nil {
		return nil, totpError("secret is not base 32")
	}
	return k, k.check()
}

// parseURI reads all but the secret, which it returns as it stands there.
// Parameters that are not known, such as images, say nothing about the codes.
func (k *TOTPKey) parseURI(text string) (secret string, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Host != "totp" || u.User != nil || u.Opaque != "" {
		return "", totpError("not an otpauth://totp/ URI") // url.Error would hold the secret
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", totpError("malformed parameters")
	}
	for _, name := range []string{"secret", "algorithm", "digits", "period"} {
		if len(query[name]) > 1 {
			return "", totpError(name + " given twice")
		}
	}
	switch strings.ToUpper(query.Get("algorithm")) {
	case "", "SHA1":
	case "SHA256":
		k.Hash = crypto.SHA256
	case "SHA512":
		k.Hash = crypto.SHA512
	default:
		return "", totpError("unknown algorithm")
	}
	if s := query.Get("digits"); s != "" {
		n, ok := parseNumber(s, defaultDigits, maxDigits)
		if !ok {
			return "", totpError("digits out of range")
		}
		k.Digits = int(n)
	}
	if s := query.Get("period"); s != "" {
		n, ok := parseNumber(s, 1, uint64(maxPeriod/time.Second))
		if !ok {
			return "", totpError("period out of range")
		}
		k.Period = time.Duration(n) * time.Second
	}
	return query.Get("secret"), nil
}

func totpError(why string) error { return fmt.Errorf("%w: %s", ErrTOTPKey, why) }

func (k *TOTPKey) check() error {
	switch {
	case k == nil:
		return totpError("nil")
	case len(k.Secret) < minSecret || len(k.Secret) > maxSecret:
		return totpError(fmt.Sprintf("secret of %d bytes; %d to %d are accepted", len(k.Secret), minSecret, maxSecret))
	case k.Hash != 0 && k.Hash != crypto.SHA1 && k.Hash != crypto.SHA256 && k.Hash != crypto.SHA512:
		return totpError("unknown hash")
	case k.Digits != 0 && (k.Digits < defaultDigits || k.Digits > maxDigits):
		return totpError("digits out of range")
	case k.Period < 0 || k.Period > maxPeriod || k.Period%time.Second != 0:
		return totpError("period out of range")
	}
	return nil
}

func (k *TOTPKey) hash() crypto.Hash {
	if k.Hash == 0 {
		return crypto.SHA1
	}
	return k.Hash
}

func (k *TOTPKey) digits() int {
	if k.Digits == 0 {
		return defaultDigits
	}
	return k.Digits
}

func (k *TOTPKey) period() time.Duration {
	if k.Period == 0 {
		return defaultPeriod
	}
	return k.Period
}

// URI returns the key in the form that authenticator apps read from a QR code,
// otpauth://totp/issuer:account?secret=... It is as secret as the key.
func (k *TOTPKey) URI(issuer, account string) string {
	escape := func(s string) string { // apps show a "+" as it is
		return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	}
	label := escape(account)
	query := []string{"secret=" + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(k.Secret)}
	if issuer != "" {
		label = escape(issuer) + ":" + label
		query = append(query, "issuer="+escape(issuer))
	}
	query = append(query,
		"algorithm="+strings.ReplaceAll(k.hash().String(), "-", ""),
		"digits="+strconv.Itoa(k.digits()),
		"period="+strconv.Itoa(int(k.period()/time.Second)))
	return "otpauth://totp/" + label + "?" + strings.Join(query, "&")
}

// Code returns the code for the time t, or an error that matches ErrTOTPKey.
func (k *TOTPKey) Code(t time.Time) (string, error) {
	if err := k.check(); err != nil {
		return "", err
	}
	return k.codeOf(k.step(t)), nil
}

// step counts periods since 1970; nothing before that has one of its own.
func (k *TOTPKey) step(t time.Time) uint64 {
	return uint64(max(t.Unix(), 0)) / uint64(k.period()/time.Second)
}

// codeOf is HOTP, RFC 4226 section 5.3.
func (k *TOTPKey) codeOf(step uint64) string {
	mac := hmac.New(k.hash().New, k.Secret)
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], step)
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	n := uint64(binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff)
	for range maxDigits - k.digits() {
		n *= 10
	}
	// With n shifted up, what is cut off at the front is the same for all
	// lengths.
	text := fmt.Sprintf("%08d", n%100_000_000)
	return text[:k.digits()]
}

// verify returns the latest step, at most skew from now, whose code is the one
// given. It takes the same time whatever the code.
func (k *TOTPKey) verify(code string, now time.Time, skew uint64) (step uint64, ok bool) {
	code = strings.ReplaceAll(code, " ", "") // apps show it in groups
	at := k.step(now)
	for s := at - min(skew, at); s <= at+skew; s++ {
		if subtle.ConstantTimeCompare([]byte(k.codeOf(s)), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok
}

func (TOTPKey) String() string               { return redacted }
func (TOTPKey) GoString() string             { return redacted }
func (TOTPKey) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (TOTPKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format covers the verbs for which fmt does not ask String, such as %d.
func (TOTPKey) Format(s fmt.State, _ rune) { io.WriteString(s, redacted) }
