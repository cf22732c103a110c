// Package account makes an auth.Authenticator of the accounts of a
// configuration. Groups, other sources of accounts and permissions find their
// place here: they decide what an auth.User is made of.
package account

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/vfs/osfs"

	"github.com/quaymaster/quaymaster/examples/mft/internal/config"
	"github.com/quaymaster/quaymaster/examples/mft/internal/folder"
)

// Place is part of the host that no account may reach.
type Place struct {
	Path string
	What string // "the configuration"
}

// Set is the accounts of one configuration.
type Set struct {
	static *auth.Static
	logins auth.Authenticator // static, and what goes around it but for a door
	homes  []*home
	log    *slog.Logger
}

// New makes the accounts ready. What is wrong comes as config.Errors.
func New(cfg *config.Config, private []Place, log *slog.Logger) (*Set, error) {
	b := &builder{cfg: cfg, log: log, leases: new(osfs.Leases), shared: make(map[string]*config.Account)}
	for _, p := range private {
		real, err := folder.Real(p.Path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.What, err)
		}
		b.private = append(b.private, Place{real, p.What})
	}
	set := &Set{static: &auth.Static{Users: make(map[string]*auth.User), Logger: log}, log: log}
	set.static.TrustedCAs, set.static.RevokedKeys = b.trustedCAs(), b.revokedKeys()
	for _, a := range cfg.Accounts {
		h, user := b.account(a)
		if a.Enabled && h != nil {
			set.static.Users[a.Name] = user
			// Unknown users must cost what known ones do, imported hashes or not.
			set.static.Decoy = cmp.Or(set.static.Decoy, a.Password)
			set.homes = append(set.homes, h)
		}
	}
	set.logins = b.around(set.static)
	if err := b.errs.Err(); err != nil {
		return nil, err
	}
	if err := set.static.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.File, err)
	}
	return set, nil
}

// Authenticator decides about the logins of a service. What it remembers, such
// as the one-time codes that were used, it shares with those of others.
func (s *Set) Authenticator(w Ways) auth.Authenticator { return &door{inner: s.logins, ways: w} }

// Account returns the account of a user who is logged in; nil when id is of
// another Authenticator.
func Account(id *auth.Identity) *config.Account {
	a, _ := id.Data.(*config.Account)
	return a
}

// Recover cleans up what a crash left in the homes that exist. A home that
// can't be opened is logged: its account alone is in trouble.
func (s *Set) Recover() {
	seen := make(map[string]bool)
	for _, h := range s.homes {
		if seen[h.real] {
			continue
		}
		seen[h.real] = true
		if err := h.recover(); err != nil {
			s.log.Warn("home folder can't be opened", "user", h.user, "error", err)
		}
	}
}

// builder collects the accounts and what is wrong with them.
type builder struct {
	cfg     *config.Config
	private []Place
	log     *slog.Logger
	leases  *osfs.Leases
	shared  map[string]*config.Account // homes with ${USER} by folded path
	errs    config.Errors
}

// around puts around static what accounts ask for besides their credentials.
func (b *builder) around(static *auth.Static) auth.Authenticator {
	byCertificate := &certified{inner: static, users: make(map[string]*auth.User)}
	var logins auth.Authenticator = byCertificate
	rules := make(map[string]config.Rules)
	codes := make(map[string]*auth.TOTPKey)
	for _, a := range b.cfg.Accounts {
		if user := static.Users[a.Name]; user != nil && a.ByCertificate() {
			byCertificate.users[a.Name] = user
		}
		if len(a.Source) > 0 {
			rules[a.Name] = a.Source
		}
		if a.SecondFactor == "" {
			continue
		}
		key, err := auth.ParseTOTPKey(a.SecondFactor)
		if err != nil {
			b.errorf(a, "multi_factor_authentication", "%v", err)
		}
		codes[a.Name] = key
	}
	if len(rules) > 0 {
		logins = &sourceFilter{inner: logins, rules: rules}
	}
	if len(codes) > 0 {
		logins = &auth.TOTP{Auth: logins, Key: func(_ context.Context, user string) (*auth.TOTPKey, error) { return codes[user], nil }}
	}
	return logins
}

func (b *builder) errorf(a *config.Account, option, format string, args ...any) {
	b.errs = append(b.errs, a.Errorf(option, format, args...))
}

func (b *builder) account(a *config.Account) (*home, *auth.User) {
	h := b.home(a)
	if h == nil {
		return nil, nil
	}
	keys, err := auth.ParseAuthorizedKeys(strings.NewReader(a.KeysContent))
	if err != nil {
		b.errorf(a, "ssh_authorized_keys_content", "%v", err)
	}
	user := &auth.User{
		PasswordHash: a.Password, AuthorizedKeys: keys, Require: required(a.Credentials),
		Home: h.open, Limits: auth.Limits{MaxFileSize: int64(a.FileWriteSize)}, Data: a,
	}
	if a.KeysPath != "" {
		file, err := folder.Expand(a.KeysPath, a.Name)
		if err != nil {
			b.errorf(a, "ssh_authorized_keys_path", "%v", err)
		}
		user.AuthorizedKeysFile = b.cfg.Path(file)
	}
	return h, user
}

// required returns the ways to log in, see auth.User. The key comes first, so
// that nobody guesses at a password without it.
func required(c config.Credentials) [][]auth.Method {
	var first []auth.Method
	if c.Key {
		first = []auth.Method{auth.MethodPublicKey}
	}
	if !c.Password {
		if c.Key {
			return [][]auth.Method{first}
		}
		return nil
	}
	return [][]auth.Method{
		append(slices.Clone(first), auth.MethodPassword),
		append(slices.Clone(first), auth.MethodInteractive),
	}
}

// home finds the home folder of a and checks that nobody else's is reached
// through it by accident.
func (b *builder) home(a *config.Account) *home {
	const option = "home_folder_path"
	path, err := folder.Expand(a.HomeFolderPath, a.Name)
	if err != nil {
		b.errorf(a, option, "%v", err)
		return nil
	}
	real, err := folder.Real(b.cfg.Path(path))
	if err != nil {
		b.errorf(a, option, "%v", err)
		return nil
	}
	for _, p := range b.private {
		if folder.Overlap(real, p.Path) {
			b.errorf(a, option, "%s overlaps with %s in %s: a client could get at that", real, p.What, p.Path)
			return nil
		}
	}
	if folder.HasUser(a.HomeFolderPath) && a.Enabled {
		key := config.FoldName(real)
		if first, ok := b.shared[key]; ok {
			b.errorf(a, option, "%q becomes the same folder as that of %q in line %d: %s", a.Name, first.Name, first.Line(), real)
			return nil
		}
		b.shared[key] = a
	}
	return &home{
		user: a.Name, real: real, create: a.CreateHome,
		options: osfs.Options{Umask: b.cfg.Server.Umask, Leases: b.leases, Logger: b.log},
	}
}
