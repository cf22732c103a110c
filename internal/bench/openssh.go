package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// newOpenSSH is OpenSSH's sshd with internal-sftp, which saves it a program to
// start for each session.
func newOpenSSH() *peer {
	p := &peer{name: "openssh", title: "OpenSSH"}
	p.start = func(ctx context.Context, r *rig, _ *benchCase) (*server, error) { return startOpenSSH(ctx, p, r) }
	return p
}

// findSSHD looks also where it is for root only.
func findSSHD() (string, error) {
	p, err := findProgram("sshd", "openssh-server", "")
	if err != nil {
		return "", err
	}
	return filepath.Abs(p.path) // it wants to be started by its full path
}

func startOpenSSH(ctx context.Context, p *peer, r *rig) (*server, error) {
	program, err := findSSHD()
	if err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		// Its empty directory, made by the service otherwise.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return nil, err
		}
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	s := &server{peer: p, rig: r, addr: addr, prefix: r.root + "/", log: filepath.Join(r.dir, "openssh.log")}
	config := filepath.Join(r.dir, "sshd_config")
	if err := os.WriteFile(config, []byte(sshdConfig(r, addr)), 0o600); err != nil {
		return nil, err
	}
	s.cmd = exec.Command(program, "-D", "-e", "-f", config)
	s.quit = s.terminate
	if err := s.launch(); err != nil {
		return nil, err
	}
	if err = s.listening(ctx); err == nil {
		err = s.writeClientConfig()
	}
	if err != nil {
		s.stop()
		return nil, s.withLog(err)
	}
	return s, nil
}

// sshdConfig differs from the defaults only in what this sandbox needs: keys
// and paths of its own, no PAM, and no limit on how fast logins come.
func sshdConfig(r *rig, addr string) string {
	return strings.Join([]string{
		"ListenAddress " + addr,
		"HostKey " + r.hostKey,
		"AuthorizedKeysFile " + r.key + ".pub",
		"PidFile none",
		"UsePAM no",
		"StrictModes no",
		"PermitRootLogin prohibit-password",
		"PasswordAuthentication no",
		"KbdInteractiveAuthentication no",
		"PrintMotd no",
		"PrintLastLog no",
		"LogLevel ERROR",
		"MaxStartups 100000",
		"Subsystem sftp internal-sftp",
		"",
	}, "\n")
}

// freeAddr returns an address on loopback that was free a moment ago.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// writeClientConfig makes what OpenSSH's clients need to reach s, and nothing
// of the user's own.
func (s *server) writeClientConfig() error {
	host, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		return err
	}
	public, err := os.ReadFile(s.rig.hostKey + ".pub")
	if err != nil {
		return err
	}
	known := filepath.Join(s.rig.dir, "known_hosts")
	if err := os.WriteFile(known, append([]byte("bench "), public...), 0o600); err != nil {
		return err
	}
	s.config = filepath.Join(s.rig.dir, "ssh_config."+s.peer.name)
	return os.WriteFile(s.config, fmt.Appendf(nil, `Host bench
HostName %s
Port %s
User %s
HostKeyAlias bench
IdentityFile %s
IdentitiesOnly yes
IdentityAgent none
PreferredAuthentications publickey
UserKnownHostsFile %s
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
UpdateHostKeys no
ControlPath none
LogLevel ERROR
`, host, port, s.rig.user, s.rig.key, known), 0o600)
}
