package instance

import (
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/scp"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/sshd/command"

	"github.com/quaymaster/quaymaster/examples/mft/internal/account"
	"github.com/quaymaster/quaymaster/examples/mft/internal/config"
	"github.com/quaymaster/quaymaster/examples/mft/internal/endpoint"
)

func (b *builder) ssh(s *config.Service) *endpoint.Spec {
	use, ok := b.hostKeys(s)
	announce, ok2 := b.announcedKeys(s)
	shared := b.shared(s, account.Ways{Password: true})
	if !ok || !ok2 || shared == nil {
		return nil // reported, here or by the configuration
	}
	server := &sshd.Server{
		Auth:              shared.auth,
		HostKeys:          use,
		AnnounceKeys:      announce,
		Gate:              shared.gate,
		Sink:              shared.sink,
		Logger:            shared.log,
		IdleTimeout:       orOff(s.IdleTimeout),
		Banner:            banner(s.Message),
		Algorithms:        s.CipherList.Algorithms,
		ClientCipherOrder: s.CipherOrder == "client",
		Subsystems:        make(map[string]sshd.Handler),
		Commands:          b.commands(s),
	}
	if s.SFTP {
		server.Subsystems["sftp"] = &sftp.Handler{IgnoreAttrs: true}
	}
	if err := server.Check(); err != nil {
		b.errs = append(b.errs, s.Errorf("ssh_cipher_list", "%v", err))
		return nil
	}
	if s.CipherList.Legacy {
		shared.log.Warn("the service offers algorithms that are not secure", "option", "ssh_cipher_list")
	}
	protocol := "sftp"
	if !s.SFTP {
		protocol = "ssh"
	}
	return &endpoint.Spec{Protocol: protocol, Server: server}
}

// commands returns what clients may run.
func (b *builder) commands(s *config.Service) map[string]sshd.Handler {
	run := make(map[string]sshd.Handler)
	for _, name := range s.Commands {
		h, err := command.Named(name)
		if err != nil {
			b.errs = append(b.errs, s.Errorf("ssh_commands", "%v", err))
			continue
		}
		run[name] = h
	}
	if s.SCP {
		run["scp"] = &scp.Handler{IgnoreAttrs: true}
	}
	return run
}

// banner ends the text with the end of a line, or the client's prompt would
// follow on the same one.
func banner(text string) string {
	if text == "" {
		return ""
	}
	return strings.TrimRight(text, "\n") + "\n"
}

// hostKeys loads the keys of a service; not ok: one can't be used.
func (b *builder) hostKeys(s *config.Service) (keys []ssh.Signer, ok bool) {
	const option = "ssh_server_keys"
	kinds := make(map[string]string)
	ok = true
	for _, file := range s.ServerKeys {
		key := b.hostKey(s, option, file)
		if key == nil {
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
	return keys, ok
}

// announcedKeys loads the keys that are not in use.
func (b *builder) announcedKeys(s *config.Service) (keys []ssh.Signer, ok bool) {
	ok = true
	for _, file := range s.AnnouncedKeys {
		key := b.hostKey(s, "ssh_announced_server_keys", file)
		ok = ok && key != nil
		keys = append(keys, key)
	}
	return keys, ok
}

// hostKey loads one key; nil: it can't be used.
func (b *builder) hostKey(s *config.Service, option, file string) ssh.Signer {
	key, err := sshd.LoadHostKey(b.cfg.Path(file))
	if err != nil {
		b.errs = append(b.errs, s.Errorf(option, "%v", err))
		return nil
	}
	return key
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
