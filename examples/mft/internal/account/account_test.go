package account

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"

	"github.com/quaymaster/quaymaster/examples/mft/internal/config"
)

// bcryptHash is that of "p", as another product may have stored it.
const bcryptHash = "$2a$04$eAkmGRG6qyqkN0kZEWcLduJ4CaWEsmYlbqQc7OAWAoS7uP33JUJEC"

func build(t *testing.T, accounts string) *Set {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf("[services/s]\ntype = ssh\nport = 0\nssh_server_keys = key\n%s", accounts)
	cfg, err := config.Parse(filepath.Join(dir, "server.ini"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	set, err := New(cfg, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// A user that does not exist must cost what one with an imported hash does.
func TestUnknownUserCostsTheStoredHash(t *testing.T) {
	set := build(t, "[accounts/a]\nname = a\npassword = "+bcryptHash+"\nhome_folder_path = home/${USER}\n")
	if set.static.Decoy != bcryptHash {
		t.Errorf("decoy is %q", set.static.Decoy)
	}
	_, err := set.Authenticator(Ways{Password: true}).Authenticate(t.Context(), &auth.Request{User: "nobody", Cred: auth.Password("p")})
	if !errors.Is(err, auth.ErrDenied) {
		t.Error(err)
	}
}

func TestRequired(t *testing.T) {
	const key, password, dialogue = auth.MethodPublicKey, auth.MethodPassword, auth.MethodInteractive
	for _, test := range []struct {
		config.Credentials
		want [][]auth.Method
	}{
		{config.Credentials{}, nil},
		{config.Credentials{Key: true}, [][]auth.Method{{key}}},
		{config.Credentials{Password: true}, [][]auth.Method{{password}, {dialogue}}},
		{config.Credentials{Password: true, Key: true}, [][]auth.Method{{key, password}, {key, dialogue}}},
	} {
		if got := required(test.Credentials); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%+v: %q", test.Credentials, got)
		}
	}
}

// Elsewhere nothing is right: no password, no key, and not the question
// whether a key would do.
func TestSourceFilter(t *testing.T) {
	const (
		hash = "$2a$04$kzJelbcZgYvx/2WIU35ULOC7i4sYWAW1R8abx9j57OBdmFUhH5m2G" // of "pw"
		line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
	)
	set := build(t, "[accounts/a]\nname = a\npassword = "+hash+"\nssh_authorized_keys_content = "+line+
		"\nsource_ip_filter = allow 192.0.2.0/24\nhome_folder_path = home\nfile_write_size = 4K\n")
	public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	key := auth.PublicKey{Algo: public.Type(), Blob: public.Marshal()}
	proven := key
	proven.Proven = true
	ask := func(ip string, cred auth.Credential) (*auth.Identity, error) {
		conn := &quaymaster.Conn{ID: "c", Remote: &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}}
		return set.Authenticator(Ways{Password: true}).Authenticate(t.Context(), &auth.Request{Conn: conn, User: "a", Cred: cred})
	}
	for _, cred := range []auth.Credential{auth.Password("pw"), proven} {
		id, err := ask("192.0.2.1", cred)
		if err != nil {
			t.Fatal(err)
		}
		if id.Limits.MaxFileSize != 4<<10 || Account(id).Name != "a" {
			t.Errorf("%+v", id)
		}
		if id, err := ask("192.0.3.1", cred); id != nil || !errors.Is(err, auth.ErrDenied) {
			t.Errorf("%s: %v, %v", cred.Method(), id, err)
		}
	}
	var partial *auth.Partial
	if _, err := ask("192.0.2.1", key); !errors.As(err, &partial) {
		t.Errorf("query: %v", err)
	}
	if _, err := ask("192.0.3.1", key); !errors.Is(err, auth.ErrDenied) {
		t.Errorf("query from elsewhere: %v", err)
	}
	// What is wrong in any case has no other reason.
	if _, err := ask("192.0.3.1", auth.Password("wrong")); err == nil || strings.Contains(err.Error(), "filter") {
		t.Errorf("wrong password: %v", err)
	}
}
