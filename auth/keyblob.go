package auth

import (
	"crypto/ecdh"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

const (
	keyRSA        = "ssh-rsa"
	keyDSA        = "ssh-dss"
	keyEd25519    = "ssh-ed25519"
	keySKEd25519  = "sk-ssh-ed25519@openssh.com"
	keySKECDSA    = "sk-ecdsa-sha2-nistp256@openssh.com"
	keyECDSAStart = "ecdsa-sha2-"

	defaultMinRSA = 2048  // bits
	floorMinRSA   = 1024  // bits
	maxRSA        = 16384 // bits
	maxKeyBlob    = 8192  // bytes
)

// isKeyType tells whether s is a word that can stand in the type column.
func isKeyType(s string) bool {
	switch s {
	case keyRSA, keyDSA, keyEd25519, keySKEd25519, keySKECDSA:
		return true
	}
	return ecdsaCurve(s) != nil
}

// isSecurityKey tells whether keys of that type live in FIDO hardware.
func isSecurityKey(algo string) bool { return algo == keySKEd25519 || algo == keySKECDSA }

func ecdsaCurve(algo string) ecdh.Curve {
	switch algo {
	case keyECDSAStart + "nistp256":
		return ecdh.P256()
	case keyECDSAStart + "nistp384":
		return ecdh.P384()
	case keyECDSAStart + "nistp521":
		return ecdh.P521()
	}
	return nil
}

// checkBlob parses a public key in wire format (RFC 4253 section 6.6, RFC 5656
// section 3.1, RFC 8709 section 4, OpenSSH PROTOCOL.u2f) and returns the
// algorithm that it names. Keys that are too weak are refused.
func checkBlob(blob []byte, minRSA int) (algo string, err error) {
	if len(blob) > maxKeyBlob {
		return "", errors.New("key too long")
	}
	w := &wireReader{rest: blob}
	algo = string(w.next())
	switch {
	case algo == keyRSA:
		err = checkRSA(w, minRSA)
	case algo == keyEd25519:
		err = checkEd25519(w)
	case algo == keySKEd25519:
		err = checkEd25519(w)
		w.next() // application
	case algo == keySKECDSA:
		err = checkECDSA(w, "nistp256", ecdh.P256())
		w.next() // application
	case ecdsaCurve(algo) != nil:
		err = checkECDSA(w, strings.TrimPrefix(algo, keyECDSAStart), ecdsaCurve(algo))
	case algo == keyDSA:
		err = errors.New("DSA keys are too weak")
	default:
		err = errors.New("unknown kind of key")
	}
	if err == nil && (w.bad || len(w.rest) != 0) {
		err = errors.New("malformed key")
	}
	return algo, err
}

func checkEd25519(w *wireReader) error {
	if len(w.next()) != 32 {
		return errors.New("malformed key")
	}
	return nil
}

func checkECDSA(w *wireReader, name string, curve ecdh.Curve) error {
	if string(w.next()) != name {
		return errors.New("curve does not fit the type of the key")
	}
	if _, err := curve.NewPublicKey(w.next()); err != nil {
		return errors.New("not a point of the curve")
	}
	return nil
}

func checkRSA(w *wireReader, minRSA int) error {
	e, n := w.nextInt(), w.nextInt()
	if w.bad {
		return errors.New("malformed key")
	}
	if e.BitLen() > 31 || e.BitLen() < 2 || e.Bit(0) == 0 {
		return errors.New("bad RSA exponent")
	}
	if bits := n.BitLen(); bits < minRSA || bits > maxRSA || n.Bit(0) == 0 {
		return fmt.Errorf("RSA key of %d bits; %d to %d are accepted", bits, minRSA, maxRSA)
	}
	return nil
}

// wireReader reads the fields of RFC 4251 section 5.
type wireReader struct {
	rest []byte
	bad  bool
}

// next returns the next string, nil if there is none.
func (w *wireReader) next() []byte {
	if len(w.rest) < 4 {
		w.bad = true
		return nil
	}
	n := binary.BigEndian.Uint32(w.rest)
	if uint64(n) > uint64(len(w.rest)-4) {
		w.bad = true
		return nil
	}
	s := w.rest[4 : 4+n]
	w.rest = w.rest[4+n:]
	return s
}

// nextInt returns the next mpint, which must be positive and in its shortest
// form: keys are compared as bytes.
func (w *wireReader) nextInt() *big.Int {
	s := w.next()
	if len(s) == 0 || s[0]&0x80 != 0 || s[0] == 0 && (len(s) == 1 || s[1]&0x80 == 0) {
		w.bad = true
		return new(big.Int)
	}
	return new(big.Int).SetBytes(s)
}
