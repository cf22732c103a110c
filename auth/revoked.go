package auth

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxRevokedFile bounds a revocation list. It is held in memory.
const maxRevokedFile = 16 << 20 // bytes

// RevokedKeys is a parsed list of revoked public keys and certificates. It is
// immutable and safe for concurrent use. The nil pointer revokes nothing.
type RevokedKeys struct {
	keys, sha1, sha256 map[string]bool          // by wire format, and its digest
	certs              map[string]*revokedCerts // by authority; "" for all of them
}

// ParseRevokedKeys reads a file as of OpenSSH's RevokedKeys: public keys, one a
// line, or the binary list that ssh-keygen -k makes. Other than AuthorizedKeys,
// a list that is not understood in full is of no use at all, because whom it
// leaves out would get in. So is one of more than 16 MiB, and one with a
// signature, which nobody here could verify.
func ParseRevokedKeys(r io.Reader) (*RevokedKeys, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxRevokedFile+1))
	if err != nil {
		return nil, fmt.Errorf("auth: read revoked keys: %w", err)
	}
	if len(data) > maxRevokedFile {
		return nil, fmt.Errorf("auth: revoked keys: more than %d bytes", maxRevokedFile)
	}
	k := &RevokedKeys{
		keys: make(map[string]bool), sha1: make(map[string]bool), sha256: make(map[string]bool),
		certs: make(map[string]*revokedCerts),
	}
	if strings.HasPrefix(string(data), krlMagic) {
		err = k.parseKRL(data)
	} else {
		err = k.parseLines(string(data))
	}
	if err != nil {
		return nil, fmt.Errorf("auth: revoked keys: %w", err)
	}
	return k, nil
}

// parseLines reads "type key comment". A key that is too weak to log in may
// stand there as well as any.
func (k *RevokedKeys) parseLines(text string) error {
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		line = strings.Trim(line, " \t\r")
		if line == "" || line[0] == '#' {
			continue
		}
		algo, rest := cutBlank(line)
		encoded, _ := cutBlank(rest)
		blob, ok := decodeExact(base64.StdEncoding, encoded, 1, maxKeyLine)
		w := &wireReader{rest: blob}
		if inner := string(w.next()); !ok || w.bad || inner != algo {
			return &LineError{number, errors.New("not a public key")}
		}
		if strings.Contains(algo, "-cert-v0") {
			return &LineError{number, errors.New("certificates are revoked by ssh-keygen -k")}
		}
		k.keys[string(blob)] = true
	}
	return nil
}

// Check returns an error that matches ErrDenied if key was revoked: the key
// itself, or of a certificate its authority, serial number or key ID.
func (k *RevokedKeys) Check(key *PublicKey) error {
	if k == nil {
		return nil
	}
	if k.hasKey(key.Blob) {
		return denied("key is revoked")
	}
	c := key.Cert
	if c == nil {
		return nil
	}
	if k.hasKey(c.CA) {
		return denied("authority of the certificate is revoked")
	}
	if k.certs[string(c.CA)].has(c) || k.certs[""].has(c) {
		return denied("certificate is revoked")
	}
	return nil
}

func (k *RevokedKeys) hasKey(blob []byte) bool {
	if k.keys[string(blob)] {
		return true
	}
	if len(k.sha1) > 0 {
		if sum := sha1.Sum(blob); k.sha1[string(sum[:])] {
			return true
		}
	}
	sum := sha256.Sum256(blob)
	return k.sha256[string(sum[:])]
}

// RevokedKeysFile is a file that ParseRevokedKeys understands. It is read again
// whenever it changed. The zero value, and the nil pointer, revoke nothing. Its
// Path must not change after the first use. It is safe for concurrent use.
type RevokedKeysFile struct {
	// Path names the file, which must exist, be a regular file, and not be
	// writable by its group or by everybody (not checked on Windows).
	Path string

	file watchedFile[*RevokedKeys]
}

// Check is RevokedKeys.Check for the file as it is now. If that can't be used
// nobody knows what it would say, so the error, which does not match ErrDenied,
// must keep everybody's keys out, as with OpenSSH.
func (f *RevokedKeysFile) Check(ctx context.Context, key *PublicKey) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	keys, err := f.load()
	if err != nil {
		return err
	}
	return keys.Check(key)
}

func (f *RevokedKeysFile) load() (*RevokedKeys, error) {
	if f == nil || f.Path == "" {
		return nil, nil
	}
	keys, _, err := f.file.load(f.Path, func(r io.Reader) (*RevokedKeys, error, error) {
		k, err := ParseRevokedKeys(r)
		return k, nil, err
	})
	if err == nil && keys == nil {
		err = fmt.Errorf("auth: revoked keys: %s does not exist", f.Path)
	}
	return keys, err
}
