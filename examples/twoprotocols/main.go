// Twoprotocols serves a folder over SFTP and over FTP with TLS: one set of users,
// one set of files, so that a file that is being written over one can't be
// written over the other.
//
//	go run ./examples/twoprotocols FOLDER CERTIFICATE.pem KEY.pem
//	sftp -P 2022 demo@127.0.0.1                      # password: demo-password
//	curl --ssl-reqd --cacert CERTIFICATE.pem -u demo ftp://localhost:2121/
package main

import (
	"context"
	"crypto/tls"
	"log"
	"log/slog"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/ftp"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs/osfs"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: twoprotocols FOLDER CERTIFICATE KEY")
	}
	cert, err := tls.LoadX509KeyPair(os.Args[2], os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	key, err := sshd.HostKey("twoprotocols.key")
	if err != nil {
		log.Fatal(err)
	}
	ssh, ftps, err := newServers(os.Args[1], key, cert)
	if err != nil {
		log.Fatal(err)
	}
	// Run ends both on a signal, and lets transfers finish for a while.
	if err := quaymaster.Run(context.Background(), 30*time.Second,
		quaymaster.Listening{Server: ssh, Listener: listen("127.0.0.1:2022")},
		quaymaster.Listening{Server: ftps, Listener: listen("127.0.0.1:2121")},
	); err != nil {
		log.Fatal(err)
	}
}

func listen(addr string) net.Listener {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		log.Fatal(err)
	}
	return l
}

// newServers returns two servers for the same users and the files below root.
func newServers(root string, key ssh.Signer, cert tls.Certificate) (*sshd.Server, *ftp.Server, error) {
	fsys, err := osfs.Open(root, nil)
	if err != nil {
		return nil, nil, err
	}
	hash, err := auth.HashPassword("demo-password") // a real program stores the hash
	if err != nil {
		return nil, nil, err
	}
	users := &auth.Static{Users: map[string]*auth.User{"demo": {PasswordHash: hash, Home: auth.Home(fsys)}}}
	events := quaymaster.LogSink(slog.Default())
	return &sshd.Server{
			Auth: users, Sink: events, HostKeys: []ssh.Signer{key},
			Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{}},
		}, &ftp.Server{
			Auth: users, Sink: events, TLS: &tls.Config{Certificates: []tls.Certificate{cert}},
		}, nil
}
