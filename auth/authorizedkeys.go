package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	maxKeyFile = 4 << 20  // bytes
	maxKeyLine = 32 << 10 // bytes
)

// AuthorizedKeys is a parsed authorized_keys file. It is immutable and safe
// for concurrent use. The nil pointer and the zero value hold no keys.
type AuthorizedKeys struct {
	minRSA int
	lines  []*AuthorizedKey
	// By wire format. Several lines may hold one key, with other options.
	keys, authorities map[string][]*AuthorizedKey
}

// AuthorizedKey is one line of an authorized_keys file. It must not be
// changed.
type AuthorizedKey struct {
	Line    int    // number of the line, from 1
	Algo    string // such as "ssh-ed25519"
	Blob    []byte // wire format, RFC 4253 section 6.6
	Comment string // as written; untrusted

	CertAuthority   bool      // the key signs certificates and is no login key itself
	Principals      []string  // principals=; nil: the user name
	Command         string    // command=; empty: none
	Expires         time.Time // expiry-time=; zero: never
	NoTouchRequired bool
	VerifyRequired  bool

	from []fromRule // from=; nil: everywhere
}

// LineError is a line of an authorized_keys file that can't be used.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("auth: keys line %d: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// KeyParser reads files of public keys. The zero value reads authorized_keys.
type KeyParser struct {
	// MinRSABits is the size of the smallest RSA key that is accepted, also in
	// certificates. Zero means 2048; it can't go below 1024.
	MinRSABits int
	// Authorities: every key is a certificate authority, as in the file of
	// OpenSSH's TrustedUserCAKeys.
	Authorities bool
}

// ParseAuthorizedKeys reads a file in the format of OpenSSH, see sshd(8). A
// line that can't be understood in full, for example for an option that is not
// known, is left out, because what it restricts would not be obeyed. Then the
// error joins a *LineError for each, and the other keys are still returned.
// They are nil only when r fails or holds more than 4 MiB.
func ParseAuthorizedKeys(r io.Reader) (*AuthorizedKeys, error) { return KeyParser{}.Parse(r) }

// Parse is ParseAuthorizedKeys with the settings of p.
func (p KeyParser) Parse(r io.Reader) (*AuthorizedKeys, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("auth: read keys: %w", err)
	}
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("auth: keys: more than %d bytes", maxKeyFile)
	}
	a := &AuthorizedKeys{
		minRSA:      p.minRSA(),
		keys:        make(map[string][]*AuthorizedKey),
		authorities: make(map[string][]*AuthorizedKey),
	}
	var errs []error
	number := 0
	for line := range strings.SplitSeq(strings.TrimPrefix(string(text), "\ufeff"), "\n") {
		number++
		key, err := p.parseLine(line)
		if err != nil {
			errs = append(errs, &LineError{number, err})
		}
		if err == nil && key != nil {
			key.Line = number
			a.add(key)
		}
	}
	return a, errors.Join(errs...)
}

func (p KeyParser) minRSA() int {
	if p.MinRSABits == 0 {
		return defaultMinRSA
	}
	return max(p.MinRSABits, floorMinRSA)
}

// Keys returns the usable keys in the order of the file.
func (a *AuthorizedKeys) Keys() []*AuthorizedKey {
	if a == nil {
		return nil
	}
	return append([]*AuthorizedKey(nil), a.lines...)
}

func (a *AuthorizedKeys) add(key *AuthorizedKey) {
	a.lines = append(a.lines, key)
	index := a.keys
	if key.CertAuthority {
		index = a.authorities
	}
	index[string(key.Blob)] = append(index[string(key.Blob)], key)
}

// parseLine returns nil and no error for a line without a key.
func (p KeyParser) parseLine(line string) (*AuthorizedKey, error) {
	if len(line) > maxKeyLine {
		return nil, errors.New("line too long")
	}
	line = strings.Trim(strings.TrimSuffix(line, "\r"), " \t")
	if line == "" || line[0] == '#' {
		return nil, nil
	}
	for i := range len(line) {
		if c := line[i]; c < ' ' && c != '\t' || c == 0x7f {
			return nil, errors.New("control character")
		}
	}
	key := &AuthorizedKey{CertAuthority: p.Authorities}
	algo, rest := cutBlank(line)
	if !isKeyType(algo) {
		var err error
		if rest, err = key.parseOptions(line); err != nil {
			return nil, err
		}
		algo, rest = cutBlank(rest)
		if !isKeyType(algo) {
			return nil, fmt.Errorf("unknown type of key %.60q", algo)
		}
	}
	text, comment := cutBlank(rest)
	blob, ok := decodeExact(base64.StdEncoding, text, 1, maxKeyBlob)
	if !ok {
		return nil, errors.New("key is not valid base 64")
	}
	inner, err := checkBlob(blob, p.minRSA())
	if err != nil {
		return nil, err
	}
	if inner != algo {
		return nil, fmt.Errorf("type says %s, key says %s", algo, inner)
	}
	if key.Principals != nil && !key.CertAuthority {
		return nil, errors.New("principals without cert-authority")
	}
	key.Algo, key.Blob, key.Comment = algo, blob, comment
	return key, nil
}

// cutBlank splits s at its first blanks.
func cutBlank(s string) (field, rest string) {
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], strings.TrimLeft(s[i:], " \t")
	}
	return s, ""
}
