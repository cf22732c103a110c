package account

import (
	"context"
	"fmt"
	"slices"

	"github.com/quaymaster/quaymaster/auth"

	"github.com/quaymaster/quaymaster/examples/mft/internal/certificate"
)

// Ways says how one service lets accounts in besides public keys.
type Ways struct {
	Password bool
	// Clients judges client certificates; nil: none lets in.
	Clients *certificate.Authorities
}

// door is the Authenticator of one service. No request gets past it with a
// client certificate that it has not verified.
type door struct {
	inner auth.Authenticator
	ways  Ways
}

var _ auth.Offerer = (*door)(nil)

func (d *door) Offers() []auth.Method {
	return slices.DeleteFunc(slices.Clone(auth.Offers(d.inner)), func(m auth.Method) bool { return !d.opens(m) })
}

// opens tells whether a login may begin with that method.
func (d *door) opens(m auth.Method) bool {
	switch m {
	case auth.MethodPassword, auth.MethodInteractive:
		return d.ways.Password
	case auth.MethodClientCert:
		return d.ways.Clients != nil
	}
	return true
}

func (d *door) Authenticate(ctx context.Context, r *auth.Request) (*auth.Identity, error) {
	for i, c := range append(slices.Clone(r.Passed), r.Cred) {
		if c == nil {
			return nil, auth.ErrDenied
		}
		// A dialogue may follow upon something else: it asks for a code then.
		if !d.opens(c.Method()) && (i == 0 || c.Method() != auth.MethodInteractive) {
			return nil, fmt.Errorf("%w: the service does not take the method %q", auth.ErrDenied, c.Method())
		}
		if c.Method() != auth.MethodClientCert {
			continue
		}
		cert, ok := c.(auth.ClientCert)
		if !ok { // a pointer
			return nil, auth.ErrDenied
		}
		if err := d.ways.Clients.VerifyUser(cert.Chain, r.User); err != nil {
			return nil, fmt.Errorf("%w: client certificate: %v", auth.ErrDenied, err)
		}
	}
	return d.inner.Authenticate(ctx, r)
}

// certified lets in by client certificates, which a door has verified, and
// leaves everything else to inner.
type certified struct {
	inner auth.Authenticator
	users map[string]*auth.User // whom a certificate lets in
}

var _ auth.Offerer = (*certified)(nil)

func (c *certified) Offers() []auth.Method {
	return append(slices.Clone(auth.Offers(c.inner)), auth.MethodClientCert)
}

func (c *certified) Authenticate(ctx context.Context, r *auth.Request) (*auth.Identity, error) {
	if _, ok := r.Cred.(auth.ClientCert); !ok {
		return c.inner.Authenticate(ctx, r)
	}
	u := c.users[r.User]
	if u == nil || len(r.Passed) > 0 {
		return nil, fmt.Errorf("%w: no certificate lets this account in", auth.ErrDenied)
	}
	return &auth.Identity{User: r.User, Home: u.Home, Permit: u.Permit, Limits: u.Limits, Data: u.Data}, nil
}
