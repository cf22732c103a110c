package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// step is what one more factor means on a user's way in.
type step struct {
	open bool     // the method may come now
	last bool     // it is all that was missing
	next []Method // else what goes on from there
}

func (u *User) active() bool {
	return u != nil && !u.Disabled && u.Home != nil && (u.Expires.IsZero() || time.Now().Before(u.Expires))
}

// step tells where r.Cred stands after r.Passed.
func (u *User) step(r *Request) (st step) {
	if u.Require == nil {
		return step{open: true, last: true}
	}
	way := make([]Method, 0, len(r.Passed)+1)
	for _, c := range r.Passed {
		way = append(way, c.Method())
	}
	way = append(way, r.Cred.Method())
	for _, list := range u.Require {
		switch {
		case len(list) == 0:
		case len(way) >= len(list) && slices.Equal(way[:len(list)], list):
			// More than enough happens when someone else asks for more.
			st.open, st.last = true, true
		case len(way) < len(list) && slices.Equal(way, list[:len(way)]):
			st.open = true
			if m := list[len(way)]; !slices.Contains(st.next, m) {
				st.next = append(st.next, m)
			}
		}
	}
	return st
}

// verifyPassed makes sure that the factors before the last one still hold, and
// that the restrictions of each key survive the login (CVE-2026-39828).
// Passwords are left alone when the user does not require them: then they were
// somebody else's to verify. got is what r.Cred says.
func (s *Static) verifyPassed(ctx context.Context, u *User, r *Request, got proof) (proof, error) {
	for _, c := range r.Passed {
		switch c := c.(type) {
		case Password:
			if u.Require == nil {
				continue
			}
			if err := s.verifyPassword(ctx, u, string(c)); err != nil {
				return got, err
			}
			got.byPassword, got.password = true, c
		case PublicKey:
			if !c.Proven {
				return got, ErrDenied
			}
			m, err := s.verifyKey(ctx, u, r, &c)
			if err != nil {
				return got, err
			}
			if got.force, err = bothCommands(got.force, m.ForceCommand); err != nil {
				return got, err
			}
		case Interactive:
			got.byPassword = got.byPassword || u.Require != nil // its answer is gone
		case ClientCert:
			if u.Require == nil {
				continue
			}
			if err := s.verifyCert(u, c); err != nil {
				return got, err
			}
		case Token:
		default:
			return got, ErrDenied // such as a pointer: nothing above looked at it
		}
	}
	return got, nil
}

// bothCommands returns the forced command that satisfies both; "" is none.
func bothCommands(a, b string) (string, error) {
	if a == "" {
		return b, nil
	}
	if b != "" && a != b {
		return "", ErrDenied
	}
	return a, nil
}

// reused tells whether r.Cred was passed before: one key is one factor, however
// often it signs.
func reused(r *Request) bool {
	return slices.ContainsFunc(r.Passed, func(old Credential) bool {
		switch c := r.Cred.(type) {
		case PublicKey:
			o, ok := old.(PublicKey)
			return ok && bytes.Equal(o.Blob, c.Blob)
		case Password:
			o, ok := old.(Password)
			return ok && o == c
		case Token:
			o, ok := old.(Token)
			return ok && o == c
		}
		return false
	})
}

// Offers implements Offerer: the methods with which some user can begin. It is
// empty if there is none.
func (s *Static) Offers() []Method {
	var key, password, cert bool
	first := make(map[Method]bool)
	for _, u := range s.Users {
		if u == nil || u.Home == nil {
			continue
		}
		key = key || s.hasKeys(u)
		password = password || u.PasswordHash != ""
		cert = cert || s.ClientCAs != nil && len(u.ClientCerts) > 0
		for _, m := range u.begins() {
			first[m] = true
		}
	}
	var out []Method
	for _, way := range []struct {
		method Method
		exists bool
	}{{MethodPublicKey, key}, {MethodPassword, password}, {MethodInteractive, password}, {MethodClientCert, cert}} {
		if first[way.method] && way.exists {
			out = append(out, way.method)
		}
	}
	return out
}

func (s *Static) hasKeys(u *User) bool {
	return u.AuthorizedKeys != nil || u.AuthorizedKeysFile != "" || s.TrustedCAs != nil
}

// begins returns the methods that may come first.
func (u *User) begins() []Method {
	if u.Require == nil {
		return []Method{MethodPublicKey, MethodPassword, MethodInteractive, MethodClientCert}
	}
	var out []Method
	for _, list := range u.Require {
		if len(list) > 0 {
			out = append(out, list[0])
		}
	}
	return out
}

// Check finds mistakes that would otherwise show at the first login: hashes of
// no use, users without Home, lists in Require that nobody can complete, and
// key files that can't be read. The error joins all of them.
func (s *Static) Check() error {
	var errs []error
	if s.Decoy != "" {
		if err := CheckHash(s.Decoy); err != nil {
			errs = append(errs, fmt.Errorf("decoy: %w", err))
		}
	}
	if !s.hasher().Params.withDefaults().affordable() {
		errs = append(errs, errors.New("auth: argon2id parameters out of range"))
	}
	if _, err := s.RevokedKeys.load(); err != nil {
		errs = append(errs, err)
	}
	for name, u := range s.Users {
		if err := s.checkUser(name, u); err != nil {
			errs = append(errs, fmt.Errorf("user %q: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Static) checkUser(name string, u *User) error {
	if CheckUser(name) != nil {
		return errors.New("auth: name can't be used")
	}
	if u == nil || u.Home == nil {
		return errors.New("auth: no Home")
	}
	var errs []error
	if u.PasswordHash != "" {
		errs = append(errs, CheckHash(u.PasswordHash))
	}
	if u.AuthorizedKeysFile != "" {
		_, bad, err := s.readKeys(u)
		errs = append(errs, bad, err)
	}
	for _, list := range u.Require {
		errs = append(errs, s.checkList(u, list))
	}
	if u.Require != nil && len(u.Require) == 0 {
		errs = append(errs, errors.New("auth: Require is empty but not nil"))
	}
	return errors.Join(errs...)
}

func (s *Static) checkList(u *User, list []Method) error {
	if len(list) == 0 {
		return errors.New("auth: empty list in Require")
	}
	for i, m := range list {
		switch {
		case m == MethodPublicKey && !s.hasKeys(u):
			return errors.New("auth: Require asks for a public key, but there is none")
		case m == MethodPublicKey:
		case m == MethodClientCert && (s.ClientCAs == nil || len(u.ClientCerts) == 0):
			return errors.New("auth: Require asks for a client certificate, but none is taken")
		case m == MethodClientCert && slices.Contains(list[:i], m):
			return errors.New("auth: Require asks for the same certificate twice")
		case m == MethodClientCert:
		case m != MethodPassword && m != MethodInteractive:
			return fmt.Errorf("auth: Require asks for %q, which Static does not know", m)
		case u.PasswordHash == "":
			return errors.New("auth: Require asks for a password, but there is none")
		case slices.Contains(list[:i], MethodPassword), slices.Contains(list[:i], MethodInteractive):
			return errors.New("auth: Require asks for the same password twice")
		}
	}
	return nil
}
