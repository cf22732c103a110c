package auth

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Sections of a key revocation list, OpenSSH PROTOCOL.krl.
const (
	krlMagic   = "SSHKRL\n\x00"
	krlVersion = 1

	krlCertificates = 1
	krlExplicitKeys = 2
	krlSHA1         = 3
	krlSignature    = 4
	krlSHA256       = 5
	krlExtension    = 255

	krlSerialList    = 0x20
	krlSerialRange   = 0x21
	krlSerialBitmap  = 0x22
	krlKeyIDs        = 0x23
	krlCertExtension = 0x39
)

// revokedCerts is what one authority, or all of them, took back.
type revokedCerts struct {
	ranges  []serialRange // sorted by low; not overlapping, once sorted out
	bitmaps []serialBitmap
	ids     map[string]bool
}

type serialRange struct{ low, high uint64 } // both included

// serialBitmap stands for serials from offset on; the bit for the lowest is
// the last one of bits.
type serialBitmap struct {
	offset uint64
	bits   []byte
}

func (b serialBitmap) has(serial uint64) bool {
	if serial < b.offset {
		return false
	}
	n := serial - b.offset
	if n/8 >= uint64(len(b.bits)) {
		return false
	}
	return b.bits[uint64(len(b.bits))-1-n/8]>>(n%8)&1 == 1
}

// has looks for the certificate. Serial 0 is what certificates have that got
// none, so it means nothing.
func (r *revokedCerts) has(c *Cert) bool {
	if r == nil {
		return false
	}
	if r.ids[c.KeyID] {
		return true
	}
	if c.Serial == 0 {
		return false
	}
	_, found := slices.BinarySearchFunc(r.ranges, c.Serial, func(a serialRange, serial uint64) int {
		if a.high < serial {
			return -1
		}
		return cmp.Compare(max(a.low, serial), serial)
	})
	return found || slices.ContainsFunc(r.bitmaps, func(b serialBitmap) bool { return b.has(c.Serial) })
}

// tidy sorts the ranges and joins those that overlap, for binary search.
func (r *revokedCerts) tidy() {
	slices.SortFunc(r.ranges, func(a, b serialRange) int { return cmp.Compare(a.low, b.low) })
	out := r.ranges[:0]
	for _, a := range r.ranges {
		if n := len(out); n > 0 && a.low <= out[n-1].high {
			out[n-1].high = max(out[n-1].high, a.high)
			continue
		}
		out = append(out, a)
	}
	r.ranges = out
}

// parseKRL reads a binary list. Whatever it does not know makes all of it
// unusable: what is left out would be let in.
func (k *RevokedKeys) parseKRL(data []byte) error {
	w := &wireReader{rest: data[len(krlMagic):]}
	version := w.uint32()
	w.uint64() // number of the list
	w.uint64() // date
	w.uint64() // flags, none are defined
	w.next()   // reserved
	w.next()   // comment
	if w.bad {
		return errKRL
	}
	if version != krlVersion {
		return fmt.Errorf("revocation list of version %d", version)
	}
	for len(w.rest) > 0 {
		kind, section := w.byte(), &wireReader{rest: w.next()}
		if w.bad {
			return errKRL
		}
		if err := k.parseSection(kind, section); err != nil {
			return err
		}
	}
	for _, certs := range k.certs {
		certs.tidy()
	}
	return nil
}

var errKRL = errors.New("malformed revocation list")

func (k *RevokedKeys) parseSection(kind byte, w *wireReader) error {
	switch kind {
	case krlCertificates:
		return k.parseCerts(w)
	case krlExplicitKeys:
		return w.each(func(blob []byte) error { return addTo(k.keys, blob, len(blob) > 0) })
	case krlSHA1:
		return w.each(func(sum []byte) error { return addTo(k.sha1, sum, len(sum) == 20) })
	case krlSHA256:
		return w.each(func(sum []byte) error { return addTo(k.sha256, sum, len(sum) == 32) })
	case krlExtension:
		return parseKRLExtension(w)
	case krlSignature:
		return errors.New("revocation lists with signatures are not supported")
	}
	return fmt.Errorf("unknown section %d in the revocation list", kind)
}

func addTo(set map[string]bool, item []byte, ok bool) error {
	if !ok {
		return errKRL
	}
	set[string(item)] = true
	return nil
}

// parseCerts reads what one authority revoked; an empty key means all.
func (k *RevokedKeys) parseCerts(w *wireReader) error {
	ca := string(w.next())
	w.next() // reserved
	if w.bad {
		return errKRL
	}
	certs := k.certs[ca]
	if certs == nil {
		certs = &revokedCerts{ids: make(map[string]bool)}
		k.certs[ca] = certs
	}
	for len(w.rest) > 0 {
		kind, section := w.byte(), &wireReader{rest: w.next()}
		if w.bad {
			return errKRL
		}
		if err := certs.parse(kind, section); err != nil {
			return err
		}
	}
	return nil
}

func (r *revokedCerts) parse(kind byte, w *wireReader) error {
	switch kind {
	case krlSerialList:
		for len(w.rest) > 0 && !w.bad {
			serial := w.uint64()
			r.ranges = append(r.ranges, serialRange{serial, serial})
		}
	case krlSerialRange:
		a := serialRange{w.uint64(), w.uint64()}
		if a.low > a.high {
			return errKRL
		}
		r.ranges = append(r.ranges, a)
	case krlSerialBitmap:
		offset, bits := w.uint64(), w.next()
		if len(bits) > 0 && bits[0]&0x80 != 0 { // an mpint below zero
			return errKRL
		}
		r.bitmaps = append(r.bitmaps, serialBitmap{offset, bits})
	case krlKeyIDs:
		return w.each(func(id []byte) error { return addTo(r.ids, id, true) })
	case krlCertExtension:
		return parseKRLExtension(w)
	default:
		return fmt.Errorf("unknown section %#x of certificates in the revocation list", kind)
	}
	if w.bad || len(w.rest) > 0 {
		return errKRL
	}
	return nil
}

// parseKRLExtension knows none, so critical ones make a list unusable.
func parseKRLExtension(w *wireReader) error {
	name, critical := w.next(), w.byte()
	w.next()
	if w.bad || len(w.rest) > 0 || critical > 1 {
		return errKRL
	}
	if critical == 1 {
		return fmt.Errorf("unknown critical extension %.60q in the revocation list", name)
	}
	return nil
}

// each calls f for every string up to the end.
func (w *wireReader) each(f func([]byte) error) error {
	for len(w.rest) > 0 {
		s := w.next()
		if w.bad {
			return errKRL
		}
		if err := f(s); err != nil {
			return err
		}
	}
	return nil
}

func (w *wireReader) byte() byte {
	if len(w.rest) < 1 {
		w.bad = true
		return 0
	}
	b := w.rest[0]
	w.rest = w.rest[1:]
	return b
}

func (w *wireReader) uint32() uint32 {
	if len(w.rest) < 4 {
		w.bad = true
		return 0
	}
	n := binary.BigEndian.Uint32(w.rest)
	w.rest = w.rest[4:]
	return n
}

func (w *wireReader) uint64() uint64 {
	high, low := w.uint32(), w.uint32()
	return uint64(high)<<32 | uint64(low)
}
