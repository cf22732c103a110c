package interop_test

import (
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/ftp"
	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/vfs"
)

// ftpRig is a rig with a server for FTP; user "u" has the password "p".
type ftpRig struct {
	*rig
	host, port string
	cert       *peer.Certificate
}

// serveFTP starts one with TLS; change may set more.
func serveFTP(t *testing.T, change func(*ftp.Server)) *ftpRig {
	t.Helper()
	f := &ftpRig{cert: peer.NewCertificate(t)}
	hash, err := (&auth.Hasher{Params: auth.Argon2Params{Memory: 8, Time: 1, Threads: 1}}).Hash(t.Context(), "p")
	require.NoError(t, err)
	f.rig = newRig(t, func(r *rig, fsys vfs.FS) {
		srv := &ftp.Server{
			Auth: &auth.Static{Users: map[string]*auth.User{"u": {PasswordHash: hash, Home: auth.Home(fsys)}}},
			TLS:  &tls.Config{Certificates: []tls.Certificate{f.cert.TLS}},
			Sink: r.seen, Logger: r.seen.logger(),
		}
		if change != nil {
			change(srv)
		}
		f.host, f.port, err = net.SplitHostPort(peer.Serve(t, srv))
		require.NoError(t, err)
	})
	return f
}

func (f *ftpRig) addr() string { return net.JoinHostPort(f.host, f.port) }

// tlsModes are the ways in which a server takes its clients.
var tlsModes = map[string]func(*ftp.Server){
	"optional": func(s *ftp.Server) { s.TLSMode = ftp.TLSOptional },
	"required": nil,
	"implicit": func(s *ftp.Server) { s.TLSMode = ftp.TLSImplicit },
	"reuse":    func(s *ftp.Server) { s.Reuse = ftp.ReuseRequire },
	"TLS 1.2":  func(s *ftp.Server) { s.TLS.MaxVersion = tls.VersionTLS12 },
}

// eachMode runs test once for each way.
func eachMode(t *testing.T, test func(t *testing.T, mode string, f *ftpRig)) {
	t.Parallel()
	for mode, change := range tlsModes {
		t.Run(mode, func(t *testing.T) { test(t, mode, serveFTP(t, change)) })
	}
}

// left returns the failures of downloads of path, whose clients left when they
// had read enough: whether they aborted or closed is a matter of luck.
func (f *ftpRig) left(path string) []string {
	f.t.Helper()
	require.Eventually(f.t, f.seen.quiet, 10*time.Second, 5*time.Millisecond)
	return slices.DeleteFunc(f.seen.failures(), func(what string) bool { return !strings.HasPrefix(what, "download "+path+": ") })
}
