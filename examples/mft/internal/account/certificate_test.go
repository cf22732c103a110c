package account

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/quaymaster/quaymaster/auth"

	"github.com/quaymaster/quaymaster/examples/mft/internal/certificate"
)

func TestDoorOffers(t *testing.T) {
	inner := &certified{inner: auth.Func(func(context.Context, *auth.Request) (*auth.Identity, error) { return nil, nil })}
	for _, test := range []struct {
		ways Ways
		want []auth.Method
	}{
		{Ways{}, []auth.Method{auth.MethodPublicKey, auth.MethodToken}},
		{Ways{Password: true}, []auth.Method{auth.MethodPublicKey, auth.MethodPassword, auth.MethodInteractive, auth.MethodToken}},
		{Ways{Clients: new(certificate.Authorities)}, []auth.Method{auth.MethodPublicKey, auth.MethodClientCert, auth.MethodToken, auth.MethodClientCert}},
	} {
		if got := (&door{inner, test.ways}).Offers(); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%+v: %v, want %v", test.ways, got, test.want)
		}
	}
}

// No certificate passes a door that has not verified it, in whatever place.
func TestDoorShut(t *testing.T) {
	d := &door{ways: Ways{Password: true}, inner: auth.Func(func(context.Context, *auth.Request) (*auth.Identity, error) {
		return &auth.Identity{User: "a"}, nil
	})}
	for _, r := range []*auth.Request{
		{User: "a"},
		{User: "a", Cred: auth.ClientCert{}},
		{User: "a", Cred: &auth.ClientCert{}},
		{User: "a", Cred: auth.Password("p"), Passed: []auth.Credential{auth.ClientCert{}}},
	} {
		if _, err := d.Authenticate(t.Context(), r); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if _, err := d.Authenticate(t.Context(), &auth.Request{User: "a", Cred: auth.Password("p")}); err != nil {
		t.Error(err)
	}
	d.ways = Ways{}
	for _, cred := range []auth.Credential{auth.Password("p"), auth.Interactive{}} {
		if _, err := d.Authenticate(t.Context(), &auth.Request{User: "a", Cred: cred}); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("%T: %v", cred, err)
		}
	}
}

// A certificate does not stand in for what an account requires.
func TestCertifiedAccounts(t *testing.T) {
	set := build(t, `[accounts/a]
name = a
password = `+bcryptHash+`
home_folder_path = home/${USER}
[accounts/b]
name = b
password = `+bcryptHash+`
required_credentials = password
home_folder_path = home/${USER}
[accounts/c]
name = c
password = `+bcryptHash+`
allow_certificate_authentication = No
home_folder_path = home/${USER}
[accounts/d]
name = d
enabled = No
home_folder_path = home/${USER}
`)
	for user, want := range map[string]bool{"a": true, "b": false, "c": false, "d": false, "e": false} {
		// Behind the door: what it has let through.
		id, err := set.logins.Authenticate(t.Context(), &auth.Request{User: user, Cred: auth.ClientCert{}})
		if (err == nil) != want || want && (id.User != user || Account(id) == nil) {
			t.Errorf("%s: %v, %v", user, id, err)
		}
	}
}
