package quick

import (
	"crypto/tls"
	"fmt"

	"github.com/quaymaster/quaymaster/ftp"

	"github.com/quaymaster/quaymaster/examples/mft/internal/certificate"
	"github.com/quaymaster/quaymaster/examples/mft/internal/folder"
)

// FTP makes the server for FTP with explicit or implicit TLS. There is none
// without: no login is taken in the clear.
func (s *Share) FTP(mode ftp.TLSMode) *ftp.Server {
	return &ftp.Server{
		Auth:    s.users,
		TLS:     &tls.Config{GetCertificate: s.cert.Get},
		TLSMode: mode,
		Gate:    s.gate,
		Sink:    s.sink(),
		Logger:  s.opts.Logger,
	}
}

// certificate loads the one that is given, or makes one.
func (o *Options) certificate() (*certificate.Source, error) {
	if len(o.CertKey) == 0 {
		return certificate.LoadOrCreate(o.Logger, o.State)
	}
	dir, err := folder.Real(o.Dir)
	if err != nil {
		return nil, err
	}
	for _, file := range o.CertKey {
		real, err := folder.Real(file)
		if err != nil {
			return nil, fmt.Errorf("certificate: %w", err)
		}
		if folder.Overlap(dir, real) {
			return nil, fmt.Errorf("%s can't be used for TLS: clients could get at it in %s", file, dir)
		}
	}
	return certificate.Load(o.Logger, o.CertKey...)
}
