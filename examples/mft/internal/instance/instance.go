// Package instance makes a configuration ready to run: it loads what the file
// refers to, checks that all of it fits together, and builds the servers.
package instance

import (
	"errors"
	"log/slog"
	"net"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"

	"github.com/quaymaster/quaymaster/examples/mft/internal/account"
	"github.com/quaymaster/quaymaster/examples/mft/internal/config"
	"github.com/quaymaster/quaymaster/examples/mft/internal/endpoint"
)

// Instance is a configuration that can run.
type Instance struct {
	Specs    []endpoint.Spec
	HostKeys []ssh.PublicKey // of all services, each once
	accounts *account.Set
}

// New checks cfg against the host and builds everything, without opening a
// listener. What is wrong comes as config.Errors.
func New(cfg *config.Config, log *slog.Logger) (*Instance, error) {
	b := &builder{cfg: cfg, log: log, inst: new(Instance)}
	var err error
	b.inst.accounts, err = account.New(cfg, b.private(), log)
	if err != nil {
		b.fail(err)
	}
	for _, s := range cfg.Services {
		if s.Enabled {
			b.service(s)
		}
	}
	if len(b.inst.Specs) == 0 && len(b.errs) == 0 && len(b.other) == 0 {
		b.errs = append(b.errs, cfg.Server.Errorf("", "no service is enabled: there is nothing to start"))
	}
	if err := errors.Join(b.errs.Err(), errors.Join(b.other...)); err != nil {
		return nil, err
	}
	return b.inst, nil
}

// Recover cleans up what a crash left behind.
func (i *Instance) Recover() { i.accounts.Recover() }

type builder struct {
	cfg   *config.Config
	log   *slog.Logger
	inst  *Instance
	errs  config.Errors
	other []error // without a place in the file
}

func (b *builder) fail(err error) {
	var list config.Errors
	if errors.As(err, &list) {
		b.errs = append(b.errs, list...)
		return
	}
	b.other = append(b.other, err)
}

// private is what no client may ever reach.
func (b *builder) private() []account.Place {
	places := []account.Place{{Path: b.cfg.Folder, What: "the configuration"}}
	for _, s := range b.cfg.Services {
		for _, file := range s.ServerKeys {
			places = append(places, account.Place{Path: b.cfg.Path(file), What: "a host key"})
		}
	}
	return places
}

// service builds one listener; each type of service has its function.
func (b *builder) service(s *config.Service) {
	var spec *endpoint.Spec
	switch s.Type {
	case "ssh":
		spec = b.ssh(s)
	}
	if spec == nil {
		return
	}
	spec.Address = net.JoinHostPort(s.Address, strconv.Itoa(int(s.Port)))
	b.inst.Specs = append(b.inst.Specs, *spec)
}

func (b *builder) ssh(s *config.Service) *endpoint.Spec {
	keys := b.hostKeys(s)
	if keys == nil {
		return nil
	}
	idle := s.IdleTimeout
	if idle == 0 {
		idle = -1 // no limit
	}
	var accounts auth.Authenticator
	if b.inst.accounts != nil {
		accounts = b.inst.accounts.Authenticator()
	}
	log := b.log.With("service", s.Name)
	server := &sshd.Server{
		Auth:        accounts,
		HostKeys:    keys,
		Sink:        quaymaster.LogSink(log),
		Logger:      log,
		IdleTimeout: idle,
		Banner:      banner(s.Message),
		Subsystems:  make(map[string]sshd.Handler),
	}
	if s.SFTP {
		server.Subsystems["sftp"] = &sftp.Handler{IgnoreAttrs: true}
	}
	return &endpoint.Spec{Protocol: "sftp", Server: server}
}

// banner ends the text with the end of a line, or the client's prompt would
// follow on the same one.
func banner(text string) string {
	if text == "" {
		return ""
	}
	return strings.TrimRight(text, "\n") + "\n"
}

// hostKeys loads the keys of a service; nil when one can't be used.
func (b *builder) hostKeys(s *config.Service) []ssh.Signer {
	const option = "ssh_server_keys"
	var keys []ssh.Signer
	kinds := make(map[string]string)
	ok := true
	for _, file := range s.ServerKeys {
		key, err := sshd.LoadHostKey(b.cfg.Path(file))
		if err != nil {
			b.errs = append(b.errs, s.Errorf(option, "%v", err))
			ok = false
			continue
		}
		kind := key.PublicKey().Type()
		if first, twice := kinds[kind]; twice {
			b.errs = append(b.errs, s.Errorf(option, "%s and %s are both keys of the type %s; one of each type can be used", first, file, kind))
			ok = false
		}
		kinds[kind] = file
		keys = append(keys, key)
		b.remember(key.PublicKey())
	}
	if !ok {
		return nil
	}
	return keys
}

// remember adds a key to HostKeys.
func (b *builder) remember(key ssh.PublicKey) {
	for _, k := range b.inst.HostKeys {
		if string(k.Marshal()) == string(key.Marshal()) {
			return
		}
	}
	b.inst.HostKeys = append(b.inst.HostKeys, key)
}
