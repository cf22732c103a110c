package auth

import (
	"context"

	"github.com/quaymaster/quaymaster/vfs"
)

// Anonymous lets everybody in as the users "anonymous" and "ftp" with any
// password, the empty one included (RFC 1635); this is the only Authenticator
// here that takes one. The Identity's User is always "anonymous". It knows the
// method "password" and no other. The zero value, which has no Home, lets
// nobody in.
type Anonymous struct {
	Home func(context.Context) (vfs.FS, error) // see Identity
	// Permit decides about each operation. Nil means reading only.
	Permit vfs.Check
	Limits Limits
	Data   any // for the embedding program
}

var (
	_ Authenticator = Anonymous{}
	_ Offerer       = Anonymous{}
)

// Authenticate implements Authenticator.
func (a Anonymous) Authenticate(ctx context.Context, r *Request) (*Identity, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	_, ok := r.Cred.(Password)
	if !ok || a.Home == nil || r.User != "anonymous" && r.User != "ftp" {
		return nil, ErrDenied
	}
	permit := a.Permit
	if permit == nil {
		permit = readOnly
	}
	return &Identity{User: "anonymous", Home: a.Home, Permit: permit, Limits: a.Limits, Data: a.Data}, nil
}

// Offers implements Offerer.
func (a Anonymous) Offers() []Method {
	if a.Home == nil {
		return nil
	}
	return []Method{MethodPassword}
}

func readOnly(_ context.Context, op *vfs.Op) error {
	if op.Writes() {
		return vfs.ErrReadOnly
	}
	return nil
}
