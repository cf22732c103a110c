package sshd

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/auth"
)

// minRSABits is the shortest RSA user or CA key that is taken.
const minRSABits = 2048

// credentialOf turns a key or certificate that a client presented into a
// credential that is not proven yet. For a certificate it checks everything
// but who signed it and for whom, which the Authenticator decides: OpenSSH
// PROTOCOL.certkeys. perms make x/crypto/ssh enforce source-address.
func credentialOf(key ssh.PublicKey) (cred auth.PublicKey, perms *ssh.Permissions, err error) {
	cert, ok := key.(*ssh.Certificate)
	if !ok {
		err = checkStrength(key)
		return auth.PublicKey{Algo: key.Type(), Blob: key.Marshal()}, &ssh.Permissions{}, err
	}
	if err := checkCert(cert); err != nil {
		return auth.PublicKey{}, nil, err
	}
	cred = auth.PublicKey{Algo: cert.Key.Type(), Blob: cert.Key.Marshal(), Cert: &auth.Cert{
		CA: cert.SignatureKey.Marshal(), KeyID: cert.KeyId, Serial: cert.Serial,
		Principals: cert.ValidPrincipals, ValidAfter: certTime(cert.ValidAfter), ValidBefore: certTime(cert.ValidBefore),
		CriticalOptions: cert.CriticalOptions, Extensions: cert.Extensions,
	}}
	return cred, &ssh.Permissions{CriticalOptions: cert.CriticalOptions}, nil
}

func certTime(t uint64) time.Time {
	if t > math.MaxInt64 { // CertTimeInfinity; an overflow was refused before
		return time.Time{}
	}
	return time.Unix(int64(t), 0)
}

func checkCert(cert *ssh.Certificate) error {
	if cert.CertType != ssh.UserCert {
		return errors.New("not a user certificate")
	}
	if len(cert.ValidPrincipals) == 0 { // OpenSSH 10.3: no list fits nobody
		return errors.New("certificate without principals")
	}
	if !slices.Contains(ssh.SupportedAlgorithms().PublicKeyAuths, cert.Signature.Format) {
		return fmt.Errorf("certificate signed with %q", cert.Signature.Format)
	}
	for _, key := range []ssh.PublicKey{cert.Key, cert.SignatureKey} {
		if err := checkStrength(key); err != nil {
			return err
		}
	}
	checker := ssh.CertChecker{SupportedCriticalOptions: []string{"source-address", "force-command"}}
	// Which principal is meant depends on the user and the CA; here only the
	// rest is checked.
	return checker.CheckCert(cert.ValidPrincipals[0], cert)
}

func checkStrength(key ssh.PublicKey) error {
	ck, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return nil // security keys have one size
	}
	if r, ok := ck.CryptoPublicKey().(*rsa.PublicKey); ok && r.N.BitLen() < minRSABits {
		return fmt.Errorf("RSA key of %d bits; at least %d are needed", r.N.BitLen(), minRSABits)
	}
	return nil
}
