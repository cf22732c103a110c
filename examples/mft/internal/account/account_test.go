package account

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

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
	_, err := set.Authenticator().Authenticate(t.Context(), &auth.Request{User: "nobody", Cred: auth.Password("p")})
	if !errors.Is(err, auth.ErrDenied) {
		t.Error(err)
	}
}
