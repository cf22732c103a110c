// Sftpserver serves a folder over SFTP.
//
//	go run ./examples/sftpserver FOLDER
//	sftp -P 2022 demo@127.0.0.1        # password: demo-password
package main

import (
	"log"
	"net"
	"os"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs/osfs"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: sftpserver FOLDER")
	}
	l, err := net.Listen("tcp", "127.0.0.1:2022")
	if err != nil {
		log.Fatal(err)
	}
	srv, err := newServer(os.Args[1], "sftpserver.key")
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(srv.Serve(l))
}

// newServer returns a server for the files below root, with the host key in
// keyFile, which is made when it is missing.
func newServer(root, keyFile string) (*sshd.Server, error) {
	fsys, err := osfs.Open(root, nil)
	if err != nil {
		return nil, err
	}
	key, err := sshd.HostKey(keyFile)
	if err != nil {
		return nil, err
	}
	hash, err := auth.HashPassword("demo-password") // a real program stores the hash
	if err != nil {
		return nil, err
	}
	return &sshd.Server{
		HostKeys:   []ssh.Signer{key},
		Auth:       &auth.Static{Users: map[string]*auth.User{"demo": {PasswordHash: hash, Home: auth.Home(fsys)}}},
		Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{}},
	}, nil
}
