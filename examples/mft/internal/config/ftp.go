package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/quaymaster/quaymaster/ftp"

	"github.com/quaymaster/quaymaster/examples/mft/internal/charset"
)

// PortRange is a range of ports; the zero value means any.
type PortRange struct{ ftp.PortRange }

func (*PortRange) kind() string { return "FIRST-LAST" }

func (r *PortRange) read(text string) error {
	first, last, _ := strings.Cut(text, "-")
	f, err := strconv.ParseUint(strings.TrimSpace(first), 10, 16)
	l, err2 := strconv.ParseUint(strings.TrimSpace(last), 10, 16)
	if err != nil || err2 != nil || f == 0 || l < f {
		return errors.New("is not a range of ports, such as 50000-50999")
	}
	r.First, r.Last = uint16(f), uint16(l)
	return nil
}

// IPv4 is an address, or the zero Addr.
type IPv4 struct{ netip.Addr }

func (*IPv4) kind() string { return "IPv4 address" }

func (a *IPv4) read(text string) error {
	addr, err := netip.ParseAddr(text)
	if err != nil || !addr.Is4() || addr.IsUnspecified() {
		return errors.New("is not an IPv4 address that clients could connect to")
	}
	a.Addr = addr
	return nil
}

// FTPCommands are commands of FTP.
type FTPCommands []string

func (*FTPCommands) kind() string { return "list of commands" }

func (c *FTPCommands) read(text string) error {
	known := ftp.Commands()
	return eachItem(text, func(item string) error {
		name := strings.ToUpper(item)
		if !slices.Contains(known, name) {
			return fmt.Errorf("is no command of FTP; the nearest is %q", nearest(name, known))
		}
		if !slices.Contains(*c, name) {
			*c = append(*c, name)
		}
		return nil
	})
}

// Charset is how names are encoded; nil: UTF-8.
type Charset struct{ ftp.Charset }

func (*Charset) kind() string { return "name of a character set" }

func (c *Charset) read(text string) error {
	set, ok := charset.Named(text)
	if !ok {
		return fmt.Errorf("is no character set that is known here; the nearest is %q", nearest(text, charset.Names()))
	}
	c.Charset = set
	return nil
}

// Choice is a Yes or No that may be left open.
type Choice struct{ Made, Yes bool }

func (*Choice) kind() string { return "Yes or No" }

func (c *Choice) read(text string) error {
	c.Made = true
	return setBool(&c.Yes, text)
}

// checkFTP finds what does not go together in a service of the type ftp or
// ftpsi.
func (l *loader) checkFTP(s *Service) {
	explicit := s.Type == "ftp"
	switch {
	case explicit && s.ForceData.Made && s.ForceData.Yes != s.ForceCommand:
		l.add(s.Errorf("ftps_force_secured_data_channel", "must be as ftps_force_secured_command_channel"))
	case explicit && !s.Explicit && s.ForceCommand:
		l.add(s.Errorf("ftps_explicit_enabled", "nobody could log in without TLS: set ftps_force_secured_command_channel = No to serve in the clear"))
	}
	l.checkTLS(s, !explicit || s.Explicit)
	if !s.Password && (!s.CertificateLogin || len(s.ClientCAs) == 0) {
		l.add(s.Errorf("enable_password_authentication", "nobody could log in: set tls_mutual_certification_authorities and enable_ssl_certificate_authentication, or enabled = No"))
	}
	if !s.ActiveMode && s.ActiveSourcePort != 0 {
		l.add(s.Errorf("active_source_port", "has no use with active_mode = No"))
	}
	for _, name := range s.Denied {
		if slices.Contains(s.Allowed, name) {
			l.add(s.Errorf("denied_commands", "%q is in allowed_commands as well", name))
		}
		if slices.Contains([]string{"USER", "PASS", "QUIT"}, name) {
			l.add(s.Errorf("denied_commands", "%q is always there", name))
		}
	}
}

// checkTLS checks the options of TLS, which there is or not.
func (l *loader) checkTLS(s *Service, there bool) {
	if !there {
		for _, option := range []string{
			"tls_private_certificate", "ssl_allowed_methods", "ssl_cipher_list", "tls_mutual_certification_authorities",
			"tls_client_certificate", "ssl_certificate_revocation_list",
		} {
			if _, set := s.lines[option]; set {
				l.add(s.Errorf(option, "has no use with ftps_explicit_enabled = No"))
			}
		}
		return
	}
	if len(s.Certificate) == 0 {
		l.add(s.Errorf("tls_private_certificate", "required, but not set"))
	}
	if s.Ciphers != nil && s.Versions.Min > tls.VersionTLS12 {
		l.add(s.Errorf("ssl_cipher_list", "has no use without \"tlsv1.2\" in ssl_allowed_methods"))
	}
	if len(s.ClientCAs) > 0 {
		return
	}
	for _, option := range []string{"tls_client_certificate", "ssl_certificate_revocation_list"} {
		if _, set := s.lines[option]; set {
			l.add(s.Errorf(option, "has no use without tls_mutual_certification_authorities"))
		}
	}
}
