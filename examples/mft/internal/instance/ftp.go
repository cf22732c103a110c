package instance

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"

	"github.com/quaymaster/quaymaster/ftp"

	"github.com/quaymaster/quaymaster/examples/mft/internal/account"
	"github.com/quaymaster/quaymaster/examples/mft/internal/certificate"
	"github.com/quaymaster/quaymaster/examples/mft/internal/config"
	"github.com/quaymaster/quaymaster/examples/mft/internal/endpoint"
)

func (b *builder) ftp(s *config.Service) *endpoint.Spec {
	mode := tlsMode(s)
	secure, clients, ok := b.tls(s, mode)
	ways := account.Ways{Password: s.FTP.Password}
	if s.CertificateLogin {
		ways.Clients = clients
	}
	shared := b.shared(s, ways)
	if !ok || shared == nil {
		return nil // reported, here or by the configuration
	}
	server := &ftp.Server{
		Auth:             shared.auth,
		Gate:             shared.gate,
		Sink:             shared.sink,
		Logger:           shared.log,
		TLS:              secure,
		TLSMode:          mode,
		Reuse:            reuse(s),
		LenientEOF:       s.LenientEOF,
		IdleTimeout:      orOff(s.IdleTimeout),
		DataTimeout:      orOff(s.DataTimeout),
		PassiveAddress:   s.PassiveAddress.Addr,
		PassivePorts:     s.PassivePorts.PortRange,
		PassiveOnly:      !s.ActiveMode,
		ActiveSourcePort: int(s.ActiveSourcePort),
		Banner:           greeting(s.FTP.Banner),
		Charset:          s.Charset.Charset,
		ASCII:            ascii(s),
		StartASCII:       s.ASCIIByDefault,
		ModeZ:            s.ModeZ,
		Deny:             s.Denied,
		Allow:            s.Allowed,
		PlainUpload:      plainUpload(s),
	}
	if err := server.Check(); err != nil {
		b.errs = append(b.errs, s.Errorf("", "%v", err))
		return nil
	}
	protocol := "ftp"
	switch {
	case mode == ftp.TLSImplicit:
		protocol = "ftps"
	case mode != ftp.TLSRequired:
		shared.log.Warn("the service takes logins without TLS: passwords can be read on the way", "option", "ftps_force_secured_command_channel")
	}
	return &endpoint.Spec{Protocol: protocol, Server: server}
}

func tlsMode(s *config.Service) ftp.TLSMode {
	switch {
	case s.Type == "ftpsi":
		return ftp.TLSImplicit
	case s.ForceCommand:
		return ftp.TLSRequired
	case s.Explicit:
		return ftp.TLSOptional
	}
	return ftp.TLSAuto // which is none, without certificates
}

func reuse(s *config.Service) ftp.Reuse {
	if s.ReuseTLS {
		return ftp.ReuseRequire
	}
	return ftp.ReusePrefer
}

func ascii(s *config.Service) ftp.ASCII {
	if s.IgnoreASCII {
		return ftp.ASCIIBinary
	}
	return ftp.ASCIIConvert
}

func plainUpload(s *config.Service) ftp.PlainUpload {
	switch s.PlainUpload {
	case "require-size":
		return ftp.PlainRequireSize
	case "keep-partial":
		return ftp.PlainKeepPartial
	}
	return ftp.PlainPublish
}

// greeting leaves out the mark that elsewhere hides the product's name.
func greeting(text string) string { return strings.TrimSpace(strings.TrimPrefix(text, ">")) }

// tls makes what a service with TLS needs; without it all is nil. Not ok: a
// file can't be used.
func (b *builder) tls(s *config.Service, mode ftp.TLSMode) (cfg *tls.Config, clients *certificate.Authorities, ok bool) {
	if mode == ftp.TLSAuto {
		return nil, nil, true
	}
	source, err := certificate.Load(b.log.With("service", s.Name), b.paths(s.TLS.Certificate)...)
	if err != nil {
		b.errs = append(b.errs, s.Errorf("tls_private_certificate", "%v", err))
		return nil, nil, false
	}
	b.rememberCertificate(source.Leaf())
	cfg = &tls.Config{
		GetCertificate: source.Get,
		MinVersion:     s.Versions.Min, MaxVersion: s.Versions.Max,
		CipherSuites: s.Ciphers,
	}
	if len(s.ClientCAs) == 0 {
		return cfg, nil, true
	}
	clients, err = certificate.LoadAuthorities(b.paths(s.ClientCAs)...)
	if err != nil {
		b.errs = append(b.errs, s.Errorf("tls_mutual_certification_authorities", "%v", err))
		return nil, nil, false
	}
	if len(s.RevokedClient) > 0 {
		if err := clients.LoadRevoked(b.paths(s.RevokedClient)...); err != nil {
			b.errs = append(b.errs, s.Errorf("ssl_certificate_revocation_list", "%v", err))
			return nil, nil, false
		}
	}
	cfg.ClientAuth = tls.RequireAndVerifyClientCert
	if s.ClientCert == "optional" {
		cfg.ClientAuth = tls.VerifyClientCertIfGiven
	}
	cfg.ClientCAs, cfg.VerifyConnection = clients.Pool(), clients.VerifyConnection
	return cfg, clients, true
}

func (b *builder) paths(files []string) []string {
	paths := make([]string, len(files))
	for i, file := range files {
		paths[i] = b.cfg.Path(file)
	}
	return paths
}

// rememberCertificate adds a certificate to Certificates.
func (b *builder) rememberCertificate(cert *x509.Certificate) {
	if !slices.ContainsFunc(b.inst.Certificates, cert.Equal) {
		b.inst.Certificates = append(b.inst.Certificates, cert)
	}
}
