// Ownfs serves files that are compiled into the program.
package main

import (
	"embed"
	"io/fs"
	"log"
	"net"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
)

//go:embed files
var files embed.FS

func main() {
	key, err := sshd.HostKey("ownfs.key")
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:2022")
	if err != nil {
		log.Fatal(err)
	}
	srv, err := newServer(key)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(srv.Serve(l))
}

// newServer lets everybody read: auth.Anonymous is the word for that.
func newServer(key ssh.Signer) (*sshd.Server, error) {
	root, err := fs.Sub(files, "files")
	if err != nil {
		return nil, err
	}
	return &sshd.Server{
		HostKeys:   []ssh.Signer{key},
		Auth:       auth.Anonymous{Home: auth.Home(embedded{root})},
		Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{}},
	}, nil
}
