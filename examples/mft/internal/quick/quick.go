// Package quick shares one folder with one user, without a configuration.
package quick

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/limit"
	"github.com/quaymaster/quaymaster/scp"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/sshd/command"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/osfs"

	"github.com/quaymaster/quaymaster/examples/mft/internal/certificate"
	"github.com/quaymaster/quaymaster/examples/mft/internal/folder"
	"github.com/quaymaster/quaymaster/examples/mft/internal/hostkey"
	"github.com/quaymaster/quaymaster/examples/mft/internal/secret"
)

// Options says what to share and with whom.
type Options struct {
	Dir      string // what clients see
	State    string // where keys and the certificate are kept; made if it is missing
	User     string
	Password string // empty: random, or none when there is a KeysFile
	KeysFile string // authorized_keys; empty: none
	ReadOnly bool
	TLS      bool     // have a certificate, for FTP
	CertKey  []string // files with a certificate and its key; none: a self-signed one in State
	Logger   *slog.Logger
}

// Share is a folder that is ready to be served.
type Share struct {
	opts      Options
	generated string // the random password
	fsys      *osfs.FS
	users     *auth.Static
	hostKeys  []ssh.Signer
	cert      *certificate.Source // nil: no TLS
	gate      *limit.Gate         // of all servers
}

// New opens the folder and the keys.
func New(o Options) (*Share, error) {
	s := &Share{opts: o, gate: &limit.Gate{Logger: o.Logger}}
	user, err := s.user()
	if err != nil {
		return nil, err
	}
	if err := checkFolders(o.Dir, o.State); err != nil {
		return nil, err
	}
	s.warnKeys()
	// RSA is for configurations: it takes long to make, and every client of
	// the last ten years knows one of these.
	s.hostKeys, err = hostkey.LoadOrCreate(o.State, hostkey.Ed25519, hostkey.ECDSA)
	if err != nil {
		return nil, err
	}
	if o.TLS {
		if s.cert, err = o.certificate(); err != nil {
			return nil, err
		}
	}
	s.fsys, err = osfs.Open(o.Dir, &osfs.Options{Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	var shown vfs.FS = s.fsys
	if o.ReadOnly {
		shown = vfs.ReadOnly(shown)
	}
	user.Home = auth.Home(shown)
	s.users = &auth.Static{Users: map[string]*auth.User{o.User: user}, Logger: o.Logger}
	if err := s.users.Check(); err != nil {
		return nil, errors.Join(err, s.fsys.Close())
	}
	return s, nil
}

// Close closes the folder.
func (s *Share) Close() error { return s.fsys.Close() }

// user makes the account, still without a home.
func (s *Share) user() (*auth.User, error) {
	user := new(auth.User)
	if s.opts.KeysFile != "" {
		keys, err := readKeys(s.opts.KeysFile)
		if err != nil {
			return nil, err
		}
		user.AuthorizedKeys = keys
	}
	password := s.opts.Password
	if password == "" && s.opts.KeysFile != "" {
		return user, nil
	}
	if password == "" {
		s.generated = secret.Password()
		password = s.generated
	}
	hash, err := auth.HashPassword(password)
	user.PasswordHash = hash
	return user, err
}

// readKeys reads the keys once: what a client might do to the file later
// changes nothing.
func readKeys(file string) (*auth.AuthorizedKeys, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("authorized keys: %w", err)
	}
	keys, err := auth.ParseAuthorizedKeys(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("authorized keys %s: %w", file, err)
	}
	if len(keys.Keys()) == 0 {
		return nil, fmt.Errorf("authorized keys %s: no key in it", file)
	}
	return keys, nil
}

// warnKeys warns when a client can write to the file with the keys, and so let
// others in when this is started again.
func (s *Share) warnKeys() {
	if s.opts.KeysFile == "" || s.opts.ReadOnly {
		return
	}
	dir, err := folder.Real(s.opts.Dir)
	file, err2 := folder.Real(s.opts.KeysFile)
	if err == nil && err2 == nil && folder.Overlap(dir, file) {
		s.opts.Logger.Warn("clients can change the file with the authorized keys", "file", file)
	}
}

// checkFolders wants a folder that clients can't reach the host keys through.
func checkFolders(dir, state string) error {
	fi, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		return fmt.Errorf("%s: not a directory", dir)
	}
	real, err := folder.Real(dir)
	if err != nil {
		return err
	}
	realState, err := folder.Real(state)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if folder.Overlap(real, realState) {
		return fmt.Errorf("%s can't be served: it overlaps with the state directory %s, where the host keys are; "+
			"serve another folder or move the state with --state", real, realState)
	}
	return nil
}

// SSH makes the SSH server. It has all commands, because the one user may read
// all files that they tell about.
func (s *Share) SSH() *sshd.Server {
	commands := command.All()
	commands["scp"] = &scp.Handler{IgnoreAttrs: true}
	return &sshd.Server{
		Auth:       s.users,
		HostKeys:   s.hostKeys,
		Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{IgnoreAttrs: true}},
		Commands:   commands,
		Gate:       s.gate,
		Sink:       s.sink(),
		Logger:     s.opts.Logger,
	}
}

func (s *Share) sink() quaymaster.Sink {
	return quaymaster.Sinks(s.gate, quaymaster.LogSink(s.opts.Logger))
}
