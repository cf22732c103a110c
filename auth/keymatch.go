package auth

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// KeyMatch is the line that admits a public key.
type KeyMatch struct {
	Key *AuthorizedKey // the line of the key, or of its certificate's authority
	// ForceCommand is what command= or the certificate's force-command say;
	// empty: neither does.
	ForceCommand string
	// NoTouch: a security key need not say that its user touched it.
	NoTouch bool
}

// Match looks for the first line that admits the public key in r.Cred for
// r.User from r.Remote. The error matches ErrDenied and says why; that is for
// a log and not for the client.
//
// A key in a certificate is admitted only by a cert-authority line whose key
// signed it, and one without never by such a line. The certificate must name
// one of principals=, or the user if the line has none, as a whole: commas in a
// principal mean nothing, and a certificate without principals fits nobody.
// The server verified the signature and options of the certificate already;
// its validity period and source-address are looked at once more, and a
// critical option that is unknown here is refused. If force-command and
// command= are both there they must be equal.
//
// A security key (sk-*) must be touched unless no-touch-required is in the
// line, and in the certificate, if there is one, as well. As long as the key
// is not Proven neither that nor verify-required can be told, and Match says
// that the key would do.
func (a *AuthorizedKeys) Match(r *Request) (*KeyMatch, error) {
	key, ok := r.Cred.(PublicKey)
	if !ok {
		return nil, denied("not a public key")
	}
	return a.match(r, &key, false)
}

// match is Match for a key that need not be r.Cred. With asUser, certificates
// must name the user whatever principals= says.
func (a *AuthorizedKeys) match(r *Request, key *PublicKey, asUser bool) (*KeyMatch, error) {
	if a == nil {
		return nil, denied("no such key")
	}
	lines := a.keys[string(key.Blob)]
	if key.Cert != nil {
		lines = a.authorities[string(key.Cert.CA)]
	}
	why := []error{denied("no such key")}
	for i, line := range lines {
		m, err := line.admit(r, key, a.minRSA, asUser)
		if err == nil {
			return m, nil
		}
		if i == 0 {
			why = why[:0]
		}
		why = append(why, &LineError{line.Line, err})
	}
	return nil, errors.Join(why...)
}

func (k *AuthorizedKey) admit(r *Request, key *PublicKey, minRSA int, asUser bool) (*KeyMatch, error) {
	now := time.Now()
	algo, err := checkBlob(key.Blob, minRSA)
	if err != nil {
		return nil, denied(err.Error())
	}
	if !k.Expires.IsZero() && now.After(k.Expires) {
		return nil, denied("key expired")
	}
	if k.from != nil && !matchFrom(k.from, r.Remote()) {
		return nil, denied("not from this address")
	}
	noTouch, verify, command := k.NoTouchRequired, k.VerifyRequired, k.Command
	if c := key.Cert; c != nil {
		if err := k.admitCert(r, c, now, asUser); err != nil {
			return nil, err
		}
		_, certNoTouch := c.Extensions["no-touch-required"]
		noTouch = noTouch && certNoTouch
		_, certVerify := c.CriticalOptions["verify-required"]
		verify = verify || certVerify
		if force, ok := c.CriticalOptions["force-command"]; ok {
			if force == "" || command != "" && command != force {
				return nil, denied("force-command is empty or not that of the line")
			}
			command = force
		}
	}
	if key.Proven && isSecurityKey(algo) && !noTouch && !key.Presence {
		return nil, denied("security key was not touched")
	}
	if key.Proven && verify && !key.Verification {
		return nil, denied("user was not verified by the security key")
	}
	return &KeyMatch{Key: k, ForceCommand: command, NoTouch: noTouch}, nil
}

func (k *AuthorizedKey) admitCert(r *Request, c *Cert, now time.Time, asUser bool) error {
	if now.Before(c.ValidAfter) || !c.ValidBefore.IsZero() && !now.Before(c.ValidBefore) {
		return denied("certificate not valid now")
	}
	if !k.namesPrincipal(r.User, c.Principals, asUser) {
		return denied("certificate is not for this user")
	}
	for name, value := range c.CriticalOptions {
		switch name {
		case "force-command", "verify-required":
		case "source-address":
			rules, err := parseFrom(value)
			if err != nil || !matchFrom(rules, r.Remote()) {
				return denied("certificate not for this address")
			}
		default:
			return denied("unknown critical option")
		}
	}
	return nil
}

// namesPrincipal compares as a set, whole names only (CVE-2026-35414).
func (k *AuthorizedKey) namesPrincipal(user string, principals []string, asUser bool) bool {
	if (asUser || k.Principals == nil) && !slices.Contains(principals, user) {
		return false
	}
	if k.Principals == nil {
		return user != ""
	}
	return slices.ContainsFunc(principals, func(p string) bool {
		return p != "" && slices.Contains(k.Principals, p)
	})
}

func denied(why string) error { return fmt.Errorf("%w: %s", ErrDenied, why) }
