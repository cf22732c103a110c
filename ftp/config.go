package ftp

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"
)

// Defaults of the fields of Server.
const (
	defaultHandshakeTimeout = time.Minute
	defaultIdleTimeout      = 15 * time.Minute
	defaultDataTimeout      = time.Minute
	defaultMaxAuthTries     = 6
	defaultMaxBadCommands   = 5
	defaultMaxList          = 1_000_000
	defaultHashes           = 2
	defaultBanner           = "FTP server ready."
)

// Check finds mistakes in the fields for which Serve would refuse to begin.
func (s *Server) Check() error {
	for _, v := range []struct {
		bad  bool
		what string
	}{
		{s.Auth == nil, "Auth is not set"},
		{s.TLS == nil && s.TLSMode != TLSAuto, "TLSMode needs TLS"},
		{s.TLSMode > TLSImplicit, "TLSMode is unknown"},
		{s.Reuse > ReuseOff, "Reuse is unknown"},
		{s.ASCII > ASCIIRefuse, "ASCII is unknown"},
		{s.PlainUpload > PlainKeepPartial, "PlainUpload is unknown"},
		{s.PassiveAddress.IsValid() && !s.PassiveAddress.Unmap().Is4(), "PassiveAddress must be an IPv4 address"},
		{s.PassivePorts != PortRange{} && (s.PassivePorts.First == 0 || s.PassivePorts.First > s.PassivePorts.Last), "PassivePorts is no range"},
		{s.ActiveSourcePort < 0 || s.ActiveSourcePort > 65535, "ActiveSourcePort is no port"},
		{s.StartDir != "" && !fs.ValidPath(s.StartDir), "StartDir is no name"},
	} {
		if v.bad {
			return errors.New("ftp: Server." + v.what)
		}
	}
	if s.TLS != nil && len(s.TLS.Certificates) == 0 && s.TLS.GetCertificate == nil && s.TLS.GetConfigForClient == nil {
		return errors.New("ftp: Server.TLS has no certificate")
	}
	known := Commands()
	for _, name := range slices.Concat(s.Deny, s.Allow) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("ftp: Server.Deny or Allow: %q is no command", name)
		}
	}
	return nil
}

// prepare makes what all connections share.
func (s *Server) prepare() {
	s.verbs = verbs()
	if s.TLS != nil {
		s.tickets = newTicketKeys(s.TLS)
	}
	s.hashing = make(chan struct{}, cmp.Or(s.Hashes, defaultHashes))
}

func (s *Server) logger() *slog.Logger {
	if s.Logger == nil {
		return slog.Default()
	}
	return s.Logger
}

// mustTLS tells whether logins and data need TLS.
func (s *Server) mustTLS() bool {
	return s.TLSMode == TLSRequired || s.TLSMode == TLSImplicit || s.TLSMode == TLSAuto && s.TLS != nil
}

// allowed applies Deny and Allow to a command. Another name is like the name
// itself.
func (s *Server) allowed(name string) bool {
	switch name {
	case "USER", "PASS", "QUIT":
		return true
	}
	names := []string{name}
	if plain, ok := aliases()[name]; ok {
		names = append(names, plain)
	}
	in := func(list []string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(list, n) })
	}
	return !in(s.Deny) && (len(s.Allow) == 0 || in(s.Allow))
}
