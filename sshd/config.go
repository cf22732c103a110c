package sshd

import (
	"cmp"
	"errors"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Defaults of the fields of Server.
const (
	defaultHandshakeTimeout = time.Minute
	defaultIdleTimeout      = 15 * time.Minute
	defaultKeepAlive        = 30 * time.Second
	defaultMaxAuthTries     = 6
	defaultMaxKeyQueries    = 20
	defaultMaxChannels      = 10
	defaultVersion          = "Quaymaster"
	defaultRekeyThreshold   = 1 << 30 // RFC 4253 section 9
)

// maxHandshake is what a client may send before it is logged in, in bytes. Twenty
// keys with large certificates and signatures need half of it.
const maxHandshake = 256 << 10

// ErrHandshakeSize ends a connection whose client sent more than any login
// takes. It is in the event of the disconnect.
var ErrHandshakeSize = errors.New("too many bytes before the login")

var (
	errNoAuth     = errors.New("sshd: Server.Auth is not set")
	errNoHostKeys = errors.New("sshd: Server.HostKeys is empty")
	errRSASigner  = errors.New("an RSA host key must be able to choose how it signs")
	errVersion    = errors.New("sshd: Server.Version must be 1 to 200 printable ASCII characters without blank or \"-\"")
)

func (s *Server) logger() *slog.Logger {
	if s.Logger == nil {
		return slog.Default()
	}
	return s.Logger
}

// Check finds mistakes in the fields for which Serve would refuse to begin.
func (s *Server) Check() error {
	_, err := s.config()
	return err
}

// config checks the fields and makes what all connections share.
func (s *Server) config() (*ssh.ServerConfig, error) {
	if s.Auth == nil {
		return nil, errNoAuth
	}
	if len(s.HostKeys) == 0 {
		return nil, errNoHostKeys
	}
	version := cmp.Or(s.Version, defaultVersion)
	bad := func(r rune) bool { return r <= ' ' || r > '~' || r == '-' }
	if len(version) > 200 || strings.ContainsFunc(version, bad) {
		return nil, errVersion
	}
	algorithms := s.Algorithms.orDefault()
	cfg := &ssh.ServerConfig{
		Config: ssh.Config{
			KeyExchanges:   algorithms.KeyExchanges,
			Ciphers:        algorithms.Ciphers,
			MACs:           algorithms.MACs,
			RekeyThreshold: cmp.Or(s.RekeyThreshold, defaultRekeyThreshold),
		},
		PublicKeyAuthAlgorithms: algorithms.PublicKeys,
		// Offered keys and failed attempts have limits of their own; this is
		// the sum, for methods that reach neither.
		MaxAuthTries:  cmp.Or(s.MaxAuthTries, defaultMaxAuthTries) + cmp.Or(s.MaxKeyQueries, defaultMaxKeyQueries),
		ServerVersion: "SSH-2.0-" + version,
	}
	if banner := s.Banner; banner != "" {
		// RFC 4252 section 5.4 wants CR LF.
		banner = strings.ReplaceAll(strings.ReplaceAll(banner, "\r\n", "\n"), "\n", "\r\n")
		cfg.BannerCallback = func(ssh.ConnMetadata) string { return banner }
	}
	use, announce, err := s.hostKeys(algorithms.HostKeys)
	if err != nil {
		return nil, err
	}
	for _, key := range use {
		cfg.AddHostKey(key)
	}
	s.proofs.Store(&announce)
	return cfg, nil
}
