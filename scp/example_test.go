package scp_test

import (
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/scp"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/sshd/command"
)

// A server for sftp, scp and rclone on one port.
func ExampleHandler() {
	newServer := func(key ssh.Signer, who auth.Authenticator) *sshd.Server {
		commands := command.All()
		commands["scp"] = &scp.Handler{}
		return &sshd.Server{
			HostKeys:   []ssh.Signer{key},
			Auth:       who,
			Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{}},
			Commands:   commands,
		}
	}
	_ = newServer
	// Output:
}
