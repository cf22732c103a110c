package ftp_test

import (
	"context"
	"crypto/tls"
	"log"
	"log/slog"
	"net"
	"net/netip"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/ftp"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/osfs"
)

// A server behind a NAT, whose data connections can't be stolen.
func ExampleServer() {
	cert, err := tls.LoadX509KeyPair("server.pem", "server.key")
	if err != nil {
		log.Fatal(err)
	}
	fsys, err := osfs.Open("/srv/files", nil)
	if err != nil {
		log.Fatal(err)
	}
	srv := &ftp.Server{
		Auth: &auth.Static{Users: map[string]*auth.User{
			"ann": {PasswordHash: "$argon2id$...", Home: auth.Home(fsys)},
		}},
		TLS:            &tls.Config{Certificates: []tls.Certificate{cert}},
		Reuse:          ftp.ReuseRequire,
		PassiveAddress: netip.MustParseAddr("192.0.2.1"),
		PassivePorts:   ftp.PortRange{First: 50000, Last: 50999},
		Sink:           quaymaster.LogSink(slog.Default()),
	}
	l, err := net.Listen("tcp", ":21")
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(srv.Serve(l))
}

// Anonymous users read, and nothing else; nobody is asked for TLS.
func ExampleServer_anonymous() {
	fsys, err := osfs.Open("/srv/public", nil)
	if err != nil {
		log.Fatal(err)
	}
	srv := &ftp.Server{Auth: auth.Anonymous{Home: func(context.Context) (vfs.FS, error) { return fsys, nil }}}
	l, err := net.Listen("tcp", ":21")
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(srv.Serve(l))
}
