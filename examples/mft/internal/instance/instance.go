// Package instance makes a configuration ready to run: it loads what the file
// refers to, checks that all of it fits together, and builds the servers.
package instance

import (
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strconv"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/limit"

	"github.com/quaymaster/quaymaster/examples/mft/internal/account"
	"github.com/quaymaster/quaymaster/examples/mft/internal/config"
	"github.com/quaymaster/quaymaster/examples/mft/internal/endpoint"
)

// Instance is a configuration that can run.
type Instance struct {
	Specs        []endpoint.Spec
	HostKeys     []ssh.PublicKey     // of all services, each once
	Certificates []*x509.Certificate // the same for TLS
	accounts     *account.Set
}

// New checks cfg against the host and builds everything, without opening a
// listener. What is wrong comes as config.Errors.
func New(cfg *config.Config, log *slog.Logger) (*Instance, error) {
	b := &builder{cfg: cfg, log: log, inst: new(Instance), gates: make(map[string]*limit.Gate)}
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
	gates map[string]*limit.Gate // by the ID of the policy
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
		for _, file := range slices.Concat(s.ServerKeys, s.AnnouncedKeys) {
			places = append(places, account.Place{Path: b.cfg.Path(file), What: "a host key"})
		}
		for _, file := range s.Certificate {
			places = append(places, account.Place{Path: b.cfg.Path(file), What: "a certificate or its key"})
		}
		for _, file := range slices.Concat(s.ClientCAs, s.RevokedClient) {
			places = append(places, account.Place{Path: b.cfg.Path(file), What: "a file about client certificates"})
		}
	}
	for _, file := range b.cfg.Server.TrustedCAs {
		places = append(places, account.Place{Path: b.cfg.Path(file), What: "a file with trusted keys"})
	}
	if file := b.cfg.Server.RevokedKeys; file != "" {
		places = append(places, account.Place{Path: b.cfg.Path(file), What: "the file with revoked keys"})
	}
	return places
}

// shared is what the servers of all types are made of.
type shared struct {
	auth auth.Authenticator
	gate quaymaster.Gate
	sink quaymaster.Sink
	log  *slog.Logger
}

// shared returns nil when something is wrong that was reported before.
func (b *builder) shared(s *config.Service, ways account.Ways) *shared {
	policy := b.cfg.Policy(s.SecurityPolicy)
	if policy == nil || b.inst.accounts == nil {
		return nil
	}
	log := b.log.With("service", s.Name)
	gate := b.gate(policy)
	return &shared{
		auth: throttle(b.inst.accounts.Authenticator(ways), s),
		gate: newGuard(policy, gate, s),
		sink: quaymaster.Sinks(gate, quaymaster.LogSink(log)),
		log:  log,
	}
}

// service builds one listener; each type of service has its function.
func (b *builder) service(s *config.Service) {
	var spec *endpoint.Spec
	switch s.Type {
	case "ssh":
		spec = b.ssh(s)
	case "ftp", "ftpsi":
		spec = b.ftp(s)
	}
	if spec == nil {
		return
	}
	spec.Wrap = b.proxies(s)
	spec.Address = net.JoinHostPort(s.Address, strconv.Itoa(int(s.Port)))
	b.inst.Specs = append(b.inst.Specs, *spec)
}
