package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Sessions of other servers run as daemon, which every Debian has, with a home
// directory; vsftpd insists on that.
const (
	sessionUser = "daemon"
	sessionID   = 1 // of user and group
)

// cryptedPassword is ftpPassword by crypt(3) with DES, the hash that costs least.
const cryptedPassword = "qmhzEuFzd7fC."

// ftpPeer is a server that begin makes ready to start: it writes what the
// program needs, sets what differs from the defaults of s, and returns the
// command.
func ftpPeer(name, title, debian string, begin func(s *server, prog program, c *benchCase) (*exec.Cmd, error)) *peer {
	p := &peer{name: name, title: title}
	find := func(r *rig) (program, error) {
		if os.Getuid() != 0 {
			return program{}, errors.New("only root can start it")
		}
		return findProgram(name, debian, r.unpacked)
	}
	p.find = func(r *rig) error {
		_, err := find(r)
		return err
	}
	p.start = func(ctx context.Context, r *rig, c *benchCase) (*server, error) {
		prog, err := find(r)
		if err != nil {
			return nil, err
		}
		addr, err := freeAddr()
		if err != nil {
			return nil, err
		}
		s := &server{peer: p, rig: r, addr: addr, prefix: "/", user: ftpUser, log: filepath.Join(r.dir, name+".log")}
		s.quit = s.terminate
		cmd, err := begin(s, prog, c)
		if err != nil {
			return nil, err
		}
		if err := s.reaped(cmd); err != nil {
			return nil, err
		}
		if err := s.launch(); err != nil {
			return nil, err
		}
		if err := s.listening(ctx); err != nil {
			s.stop()
			return nil, s.withLog(err)
		}
		return s, nil
	}
	return p
}

// writeConfig makes a file of lines in the rig's directory.
func (s *server) writeConfig(name string, lines []string) (file string, err error) {
	file = filepath.Join(s.rig.dir, name)
	return file, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

// newVsftpd lets anonymous users write, as all others need PAM and an account of
// the system.
func newVsftpd() *peer {
	return ftpPeer("vsftpd", "vsftpd", "vsftpd", func(s *server, prog program, c *benchCase) (*exec.Cmd, error) {
		empty := filepath.Join(s.rig.dir, "empty")
		if err := os.MkdirAll(empty, 0o755); err != nil {
			return nil, err
		}
		// It refuses a root that its user can write to: it gets the one above.
		s.prefix, s.user = "/"+filepath.Base(s.rig.root)+"/", "anonymous"
		config, err := s.writeConfig("vsftpd.conf", vsftpdConfig(s, empty, c))
		if err != nil {
			return nil, err
		}
		return prog.command(config), nil
	})
}

// vsftpdConfig has the defaults but for what lets anonymous users write, for
// limits on clients, and for the ciphers: today's OpenSSL lacks the default.
func vsftpdConfig(s *server, empty string, c *benchCase) []string {
	host, port, _ := net.SplitHostPort(s.addr) // of freeAddr
	lines := []string{
		"listen=YES",
		"listen_ipv6=NO",
		"listen_address=" + host,
		"listen_port=" + port,
		"background=NO",
		"connect_from_port_20=NO",
		"anonymous_enable=YES",
		"anon_root=" + s.rig.dir,
		"ftp_username=" + sessionUser,
		"secure_chroot_dir=" + empty,
		"write_enable=YES",
		"anon_upload_enable=YES",
		"anon_mkdir_write_enable=YES",
		"anon_other_write_enable=YES",
		"anon_world_readable_only=NO",
		"max_clients=0",
		"max_per_ip=0",
	}
	if c.secure {
		lines = append(lines,
			"ssl_enable=YES",
			"allow_anon_ssl=YES",
			"force_anon_data_ssl=NO",
			"force_anon_logins_ssl=NO",
			"rsa_cert_file="+s.rig.cert,
			"ssl_ciphers=HIGH")
	}
	return lines
}

// newProFTPD has one user, of a file.
func newProFTPD() *peer {
	return ftpPeer("proftpd", "ProFTPD", "proftpd-core", func(s *server, prog program, c *benchCase) (*exec.Cmd, error) {
		users, err := s.writeConfig("proftpd.users", []string{
			fmt.Sprintf("%s:%s:%d:%d::%s:/bin/sh", ftpUser, cryptedPassword, sessionID, sessionID, s.rig.root),
		})
		if err != nil {
			return nil, err
		}
		config, err := s.writeConfig("proftpd.conf", proftpdConfig(s, users, prog, c))
		if err != nil {
			return nil, err
		}
		return prog.command("-n", "-c", config), nil
	})
}

// proftpdConfig has the defaults but for where users and logs are, for limits on
// clients, and for mod_delay, which makes logins wait.
func proftpdConfig(s *server, users string, prog program, c *benchCase) []string {
	host, port, _ := net.SplitHostPort(s.addr) // of freeAddr
	in := func(name string) string { return filepath.Join(s.rig.dir, name) }
	lines := []string{
		"ServerType standalone",
		"ServerName bench",
		"UseIPv6 off",
		"DefaultAddress " + host,
		"SocketBindTight on",
		"Port " + port,
		"UseReverseDNS off",
		"User " + sessionUser,
		"Group " + sessionUser,
		"AllowOverwrite on",
		"MaxInstances none",
		"DelayEngine off",
		"AuthPAM off",
		"AuthOrder mod_auth_file.c",
		"AuthUserFile " + users,
		"RequireValidShell off",
		"DefaultRoot ~",
		"WtmpLog off",
		"TransferLog none",
		"SystemLog " + in("proftpd.system.log"),
		"PidFile " + in("proftpd.pid"),
		"ScoreboardFile " + in("proftpd.scoreboard"),
		"ModulePath " + prog.modules("usr/lib/proftpd"),
	}
	if c.secure {
		lines = append(lines,
			"LoadModule mod_tls.c",
			"TLSEngine on",
			"TLSRequired off",
			"TLSECCertificateFile "+s.rig.cert,
			"TLSECCertificateKeyFile "+s.rig.cert)
	}
	return lines
}

// newPureFTPd has one virtual user, in its own kind of database.
func newPureFTPd() *peer {
	return ftpPeer("pure-ftpd", "Pure-FTPd", "pure-ftpd", func(s *server, prog program, c *benchCase) (*exec.Cmd, error) {
		users, err := s.writeConfig("pure-ftpd.users", []string{
			fmt.Sprintf("%s:%s:%d:%d::%s/./::::::::::::", ftpUser, cryptedPassword, sessionID, sessionID, s.rig.root),
		})
		if err != nil {
			return nil, err
		}
		tool, err := findProgram("pure-pw", "pure-ftpd", s.rig.unpacked)
		if err != nil {
			return nil, err
		}
		database := filepath.Join(s.rig.dir, "pure-ftpd.pdb")
		if out, err := tool.command("mkdb", database, "-f", users).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("pure-pw: %w: %s", err, out)
		}
		return prog.command(pureFTPdFlags(s, database, c)...), nil
	})
}

// pureFTPdFlags are the defaults but for where users and logs are, and for limits
// on clients and on the length of listings.
func pureFTPdFlags(s *server, database string, c *benchCase) []string {
	flags := []string{
		"--bind", strings.Replace(s.addr, ":", ",", 1),
		"--login", "puredb:" + database,
		"--noanonymous",
		"--minuid", fmt.Sprint(sessionID),
		"--dontresolve",
		"--maxclientsnumber", "100000",
		"--maxclientsperip", "100000",
		"--limitrecursion", "1000000:5",
		"--syslogfacility", "none",
		"--pidfile", filepath.Join(s.rig.dir, "pure-ftpd.pid"),
	}
	if c.secure {
		flags = append(flags, "--tls", "1", "--certfile", s.rig.cert)
	}
	return flags
}
