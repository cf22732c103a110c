package account

import (
	"context"
	"errors"
	"fmt"

	"github.com/quaymaster/quaymaster/auth"

	"github.com/quaymaster/quaymaster/examples/mft/internal/config"
)

// sourceFilter denies who comes from where the account may not log in. It asks
// inner all the same, so that the time does not tell who has a filter.
type sourceFilter struct {
	inner auth.Authenticator
	rules map[string]config.Rules // by name of the account
}

var _ auth.Offerer = (*sourceFilter)(nil)

func (f *sourceFilter) Offers() []auth.Method { return auth.Offers(f.inner) }

func (f *sourceFilter) Authenticate(ctx context.Context, r *auth.Request) (*auth.Identity, error) {
	id, err := f.inner.Authenticate(ctx, r)
	var partial *auth.Partial
	if err != nil && !errors.As(err, &partial) {
		return nil, err
	}
	if !f.rules[r.User].Admit(r.Remote()) {
		return nil, fmt.Errorf("%w: the account's source_ip_filter does not allow the address", auth.ErrDenied)
	}
	return id, err
}
