package account

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/quaymaster/quaymaster/auth"
)

// maxKeyFile is what auth takes of a file of keys.
const maxKeyFile = 4 << 20

// trustedCAs reads the authorities of the configuration; nil: there are none.
func (b *builder) trustedCAs() *auth.AuthorizedKeys {
	if len(b.cfg.Server.TrustedCAs) == 0 {
		return nil
	}
	var all bytes.Buffer
	for _, name := range b.cfg.Server.TrustedCAs {
		text, err := readAuthorities(b.cfg.Path(name))
		if err != nil {
			b.errs = append(b.errs, b.cfg.Server.Errorf("ssh_trusted_user_ca_keys", "%s: %v", name, err))
			continue
		}
		all.Write(text)
		all.WriteByte('\n')
	}
	keys, err := auth.KeyParser{Authorities: true}.Parse(&all)
	if err != nil {
		b.errs = append(b.errs, b.cfg.Server.Errorf("ssh_trusted_user_ca_keys", "%v", err))
	}
	return keys
}

// readAuthorities reads a file in which each line is a usable key.
func readAuthorities(file string) ([]byte, error) {
	text, err := readKeys(file)
	if err != nil {
		return nil, err
	}
	keys, err := auth.KeyParser{Authorities: true}.Parse(bytes.NewReader(text))
	if err == nil && len(keys.Keys()) == 0 {
		err = errors.New("no key in it")
	}
	return text, err
}

// readKeys reads a file of keys into which others can't write their own.
func readKeys(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := fi.Mode(); runtime.GOOS != "windows" && mode.Perm()&0o022 != 0 {
		return nil, fmt.Errorf("mode %04o lets others write to it", mode.Perm())
	}
	return io.ReadAll(io.LimitReader(f, maxKeyFile+1))
}

// revokedKeys makes the list of revoked keys ready; nil: there is none.
func (b *builder) revokedKeys() *auth.RevokedKeysFile {
	if b.cfg.Server.RevokedKeys == "" {
		return nil
	}
	file := &auth.RevokedKeysFile{Path: b.cfg.Path(b.cfg.Server.RevokedKeys)}
	if err := file.Check(context.Background(), new(auth.PublicKey)); err != nil {
		b.errs = append(b.errs, b.cfg.Server.Errorf("ssh_revoked_keys", "%v", err))
	}
	return file
}
