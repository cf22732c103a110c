// Package setup writes a new configuration.
package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	_ "embed"

	"github.com/quaymaster/quaymaster/auth"

	"github.com/quaymaster/quaymaster/examples/mft/internal/certificate"
	"github.com/quaymaster/quaymaster/examples/mft/internal/hostkey"
	"github.com/quaymaster/quaymaster/examples/mft/internal/secret"
)

//go:embed server.ini
var serverINI string

// exampleUser is the account of a new configuration.
const exampleUser = "user"

// Made is what Create made.
type Made struct {
	File           string // the configuration
	User, Password string // the password is stored nowhere
}

// Create makes dir/configuration with server.ini, host keys and a certificate,
// and dir/home. address is where the SFTP service will listen. If one of the two
// folders exists, nothing is changed.
func Create(dir, address string) (*Made, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if host == "" {
		host = "0.0.0.0"
	}
	configuration, home := filepath.Join(dir, "configuration"), filepath.Join(dir, "home")
	for _, folder := range []string{configuration, home} {
		if _, err := os.Lstat(folder); !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s exists already: nothing was changed", folder)
		}
	}
	made := &Made{File: filepath.Join(configuration, "server.ini"), User: exampleUser, Password: secret.Password()}
	hash, err := auth.HashPassword(made.Password)
	if err != nil {
		return nil, err
	}
	text, err := render(values{Address: host, Port: port, Certificate: certificate.File, User: made.User, Hash: hash})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, folder := range []string{configuration, home} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			return nil, err
		}
	}
	if err := hostkey.Create(configuration, hostkey.Ed25519, hostkey.ECDSA, hostkey.RSA); err != nil {
		return nil, err
	}
	if err := certificate.Create(configuration); err != nil {
		return nil, err
	}
	return made, write(made.File, text)
}

// values goes into server.ini.
type values struct{ Address, Port, Certificate, User, Hash string }

func render(v values) (string, error) {
	t, err := template.New("server.ini").Parse(serverINI)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, v)
	return b.String(), err
}

// write makes a new file for the owner only.
func write(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}
