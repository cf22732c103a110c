package sshd

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// hostKey is a host key, with or without a certificate, that signs with some
// algorithms only. It is what x/crypto/ssh calls a MultiAlgorithmSigner.
type hostKey struct {
	inner      ssh.Signer
	public     ssh.PublicKey // a *ssh.Certificate, if there is one
	algorithms []string      // never empty, none of certificates, best first
}

var _ ssh.MultiAlgorithmSigner = (*hostKey)(nil)

func (k *hostKey) PublicKey() ssh.PublicKey { return k.public }
func (k *hostKey) Algorithms() []string     { return k.algorithms }

// Sign signs with the algorithm that is named like the key's type, which is
// what x/crypto/ssh expects of it: for RSA that is SHA-1, if it is allowed.
func (k *hostKey) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return k.SignWithAlgorithm(rand, data, k.plain().public.Type())
}

func (k *hostKey) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	if !slices.Contains(k.algorithms, algorithm) {
		return nil, fmt.Errorf("host key does not sign with %q", algorithm)
	}
	if as, ok := k.inner.(ssh.AlgorithmSigner); ok {
		return as.SignWithAlgorithm(rand, data, algorithm)
	}
	return k.inner.Sign(rand, data) // has this algorithm only
}

// plain returns the key without its certificate.
func (k *hostKey) plain() *hostKey {
	cert, ok := k.public.(*ssh.Certificate)
	if !ok {
		return k
	}
	return &hostKey{k.inner, cert.Key, k.algorithms}
}

// newHostKey restricts key to those of the allowed signature algorithms that it
// can do.
func newHostKey(key ssh.Signer, allowed []string) (*hostKey, error) {
	k := &hostKey{inner: key, public: key.PublicKey()}
	kind := k.plain().public.Type()
	can := []string{kind}
	if kind == ssh.KeyAlgoRSA {
		if _, ok := key.(ssh.AlgorithmSigner); !ok {
			return nil, errRSASigner
		}
		can = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	}
	some, restricted := key.(ssh.MultiAlgorithmSigner)
	for _, a := range can {
		if slices.Contains(allowed, a) && (!restricted || slices.Contains(some.Algorithms(), a)) {
			k.algorithms = append(k.algorithms, a)
		}
	}
	if k.algorithms == nil {
		return nil, fmt.Errorf("%s key has no algorithm that is allowed", kind)
	}
	return k, nil
}

// hostKeys returns the keys to negotiate, and the plain keys to announce. A key
// with a certificate serves clients that know no certificates as well.
func (s *Server) hostKeys(allowed []string) (use, announce []*hostKey, err error) {
	var certified []*hostKey
	for i, key := range slices.Concat(s.HostKeys, s.AnnounceKeys) {
		k, err := newHostKey(key, allowed)
		if err != nil {
			return nil, nil, fmt.Errorf("host key %d: %w", i, err)
		}
		announce = addKey(announce, k.plain())
		if i >= len(s.HostKeys) {
			continue
		}
		use = append(use, k)
		if k.plain() != k {
			certified = append(certified, k)
		}
	}
	for _, k := range certified {
		same := func(other *hostKey) bool { return other.public.Type() == k.plain().public.Type() }
		if !slices.ContainsFunc(use, same) {
			use = append(use, k.plain())
		}
	}
	return use, announce, nil
}

func addKey(list []*hostKey, k *hostKey) []*hostKey {
	if findKey(list, k.public.Marshal()) != nil {
		return list
	}
	return append(list, k)
}

func findKey(list []*hostKey, blob []byte) *hostKey {
	i := slices.IndexFunc(list, func(k *hostKey) bool { return bytes.Equal(k.public.Marshal(), blob) })
	if i < 0 {
		return nil
	}
	return list[i]
}

// Requests of OpenSSH PROTOCOL 2.5, by which clients learn new host keys and
// forget old ones.
const (
	announceHostKeys = "hostkeys-00@openssh.com"
	proveHostKeys    = "hostkeys-prove-00@openssh.com"
)

// announceKeys tells the client all host keys, those that are not in use as
// well, so that it knows them when they are.
func (c *conn) announceKeys() {
	var payload []byte
	for _, key := range c.srv.announced() {
		payload = append(payload, ssh.Marshal(struct{ Key []byte }{key.public.Marshal()})...)
	}
	// A client that is gone is noticed elsewhere.
	if _, _, err := c.ssh.SendRequest(announceHostKeys, false, payload); err != nil {
		c.log.Debug("announce host keys", "error", err)
	}
}

// proveKeys signs, for each key that the client asks about, that the server has
// it. The signature names the session, so it is of no use to anybody else. A
// client may ask once for each key, which bounds the work; left are those that
// it has not asked about.
func (c *conn) proveKeys(payload []byte, left *[]*hostKey) ([]byte, error) {
	var proofs []byte
	for len(payload) > 0 {
		var one struct {
			Key  []byte
			Rest []byte `ssh:"rest"`
		}
		if err := ssh.Unmarshal(payload, &one); err != nil {
			return nil, err
		}
		payload = one.Rest
		key := findKey(*left, one.Key)
		if key == nil {
			return nil, errors.New("asked to prove a host key that was not announced, or twice")
		}
		*left = slices.DeleteFunc(*left, func(k *hostKey) bool { return k == key })
		sig, err := key.SignWithAlgorithm(rand.Reader, ssh.Marshal(struct {
			Request      string
			Session, Key []byte
		}{proveHostKeys, c.ssh.SessionID(), one.Key}), key.proofAlgorithm(c.ssh.Conn))
		if err != nil {
			return nil, fmt.Errorf("prove a host key: %w", err)
		}
		proofs = append(proofs, ssh.Marshal(struct{ Signature []byte }{ssh.Marshal(sig)})...)
	}
	return proofs, nil
}

// proofAlgorithm is that of the key exchange, which clients insist on, when
// both are RSA. A *ssh.ServerConn has to be given as its Conn, which alone
// knows the algorithms.
func (k *hostKey) proofAlgorithm(meta ssh.ConnMetadata) string {
	if m, ok := meta.(ssh.AlgorithmsConnMetadata); ok {
		negotiated := strings.TrimSuffix(m.Algorithms().HostKey, "-cert-v01@openssh.com")
		if slices.Contains(k.algorithms, negotiated) {
			return negotiated
		}
	}
	return k.algorithms[0]
}
