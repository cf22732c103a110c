package config

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/quaymaster/quaymaster/auth"

	"github.com/quaymaster/quaymaster/examples/mft/internal/folder"
)

// check finds what is wrong although every single value is well formed.
func (l *loader) check() {
	for _, s := range l.cfg.Services {
		l.checkService(s)
	}
	names := make(map[string]*Account)
	for _, a := range l.cfg.Accounts {
		l.checkAccount(a)
		if a.Name == "" {
			continue
		}
		key := FoldName(a.Name)
		if first, ok := names[key]; ok {
			l.add(a.Errorf("name", "%q is the same name as %q in line %d", brief(a.Name), brief(first.Name), first.lines["name"].line))
			continue
		}
		names[key] = a
	}
}

func (l *loader) checkService(s *Service) {
	if strings.ContainsAny(s.Address, " /[]") || strings.Contains(s.Address, ":") && !isIPv6(s.Address) {
		l.add(s.Errorf("address", "%q is neither an IP address nor a host name", brief(s.Address)))
	}
	if s.Type == "ssh" && !s.SFTP && !s.SCP && len(s.Commands) == 0 && s.Enabled {
		l.add(s.Errorf("sftp", "without SFTP, SCP and ssh_commands the service has nothing to offer: set enabled = No instead"))
	}
	if s.Type == "ftp" || s.Type == "ftpsi" {
		l.checkFTP(s)
	}
	if s.ProxiesOnly && len(s.Proxies) == 0 {
		l.add(s.Errorf("proxy_protocol_required", "nobody could connect: set proxy_protocol_networks"))
	}
	if l.cfg.Policy(s.SecurityPolicy) == nil {
		var ids []string
		for _, p := range l.cfg.Policies {
			ids = append(ids, p.ID)
		}
		l.add(s.Errorf("security_policy", "there is no [security-policies/%s]; the nearest is %q", brief(s.SecurityPolicy), nearest(s.SecurityPolicy, ids)))
	}
}

func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6()
}

func (l *loader) checkAccount(a *Account) {
	if a.Name != "" {
		if auth.CheckUser(a.Name) != nil || strings.TrimSpace(a.Name) != a.Name {
			l.add(a.Errorf("name", "%q can't be the name of an account", brief(a.Name)))
		} else if !norm.NFC.IsNormalString(a.Name) {
			l.add(a.Errorf("name", "%q must be in Unicode's normal form C", brief(a.Name)))
		}
	}
	if a.Password != "" {
		if err := auth.CheckHash(a.Password); err != nil {
			l.add(a.Errorf("password", "not a password hash; make one with \"mft generate-password\" and put that here"))
		}
	}
	l.checkKeys(a)
	if a.Name != "" {
		l.checkTemplate(a, "home_folder_path", a.HomeFolderPath)
		l.checkTemplate(a, "ssh_authorized_keys_path", a.KeysPath)
	}
	if a.SecondFactor != "" {
		if _, err := auth.ParseTOTPKey(a.SecondFactor); err != nil {
			l.add(a.Errorf("multi_factor_authentication", "%v; make one with \"mft generate-totp\"", err))
		}
	}
	if a.Enabled {
		l.checkCredentials(a)
	}
}

// checkCredentials wants everything that a login takes.
func (l *loader) checkCredentials(a *Account) {
	const option = "required_credentials"
	keys := a.KeysPath != "" || a.KeysContent != "" || len(l.cfg.Server.TrustedCAs) > 0
	switch {
	case a.Password == "" && !keys && !l.byCertificate(a):
		l.add(a.Errorf("", "nothing to log in with: set password, ssh_authorized_keys_path or ssh_authorized_keys_content, or enabled = No"))
	case a.Credentials.Password && a.Password == "":
		l.add(a.Errorf(option, "asks for a password, but there is none"))
	case a.Credentials.Key && !keys:
		l.add(a.Errorf(option, "asks for a key, but there is none"))
	}
}

// byCertificate tells whether a can log in somewhere by a client certificate.
func (l *loader) byCertificate(a *Account) bool {
	return a.ByCertificate() && slices.ContainsFunc(l.cfg.Services, func(s *Service) bool {
		return s.Enabled && s.CertificateLogin && len(s.ClientCAs) > 0
	})
}

// ByCertificate tells whether a client certificate alone lets in.
func (a *Account) ByCertificate() bool { return a.Certificate && a.Credentials == Credentials{} }

func (l *loader) checkTemplate(a *Account, option, template string) {
	if _, err := folder.Expand(template, a.Name); err != nil {
		l.add(a.Errorf(option, "%v", err))
	}
}

// checkKeys reports each public key that can't be used.
func (l *loader) checkKeys(a *Account) {
	const option = "ssh_authorized_keys_content"
	_, err := auth.ParseAuthorizedKeys(strings.NewReader(a.KeysContent))
	if err == nil {
		return
	}
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	for _, err := range list {
		var bad *auth.LineError
		if errors.As(err, &bad) {
			l.add(a.atLine(option, bad.Line, "%v", bad.Err))
			continue
		}
		l.add(a.Errorf(option, "%v", err))
	}
}

// FoldName returns what two names have in common that differ only in case or
// in how their characters are composed.
func FoldName(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, norm.NFKC.String(name))
}
