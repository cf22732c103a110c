package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/ftp"

	"github.com/quaymaster/quaymaster/examples/mft/internal/endpoint"
	"github.com/quaymaster/quaymaster/examples/mft/internal/quick"
)

const defaultGrace = 30 * time.Second

// listenOff disables the listener of a protocol.
const listenOff = "off"

// serveFlags are the flags of "mft serve".
type serveFlags struct {
	user, password string
	keysFile       string
	sftp           string
	ftp, ftps      string
	cert, key      string // files
	state          string
	readOnly       bool
	grace          time.Duration
	level          slog.Level
}

func (m *Main) serveCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve [DIR]",
		Short: "Serve a folder at once, without a configuration",
		Long: `Serve a folder at once, without a configuration.

Clients may use SFTP, SCP, the commands by which rclone verifies files, and FTP
with TLS, which must have a password. Without --tls-certificate a self-signed
certificate is made, and kept with the host keys. DIR is the working directory if it is not given. One line "listening PROTOCOL
ADDRESS" is printed for each listener, then how to connect. Log messages and
events go to the error stream as JSON lines.

Without --password, MFT_PASSWORD and --authorized-keys a random password is
made and printed. With --authorized-keys alone there is no login by password.`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			f.password = cmp.Or(f.password, m.Getenv("MFT_PASSWORD"))
			if err := f.checkPassword(cmd); err != nil {
				return err
			}
			return m.serve(cmd.Context(), &f, append(args, ".")[0])
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.user, "user", "mft", "user name")
	flags.StringVar(&f.password, "password", "", "password; every user of this machine can see it in the list of\nprocesses: better use the environment variable MFT_PASSWORD")
	flags.StringVar(&f.keysFile, "authorized-keys", "", "`FILE` with public keys that log in")
	flags.StringVar(&f.sftp, "sftp", "127.0.0.1:2022", "`ADDRESS` of the SFTP listener, or \"off\"; port 0 lets the system choose")
	flags.StringVar(&f.ftp, "ftp", "127.0.0.1:2021", "`ADDRESS` of the listener for FTP with explicit TLS (AUTH TLS), or \"off\"")
	flags.StringVar(&f.ftps, "ftps", listenOff, "`ADDRESS` of the listener for FTP with implicit TLS, or \"off\"")
	flags.StringVar(&f.cert, "tls-certificate", "", "`FILE` in PEM with the certificate for FTP, and those above it")
	flags.StringVar(&f.key, "tls-key", "", "`FILE` in PEM with its private key (default: that of --tls-certificate)")
	flags.BoolVar(&f.readOnly, "read-only", false, "allow no changes")
	flags.StringVar(&f.state, "state", "", "`DIR` where the host keys and the certificate are kept (default: a folder of the user, outside of what is served)")
	flags.DurationVar(&f.grace, "grace", defaultGrace, "how long transfers may go on after SIGTERM or SIGINT")
	addLogLevel(cmd, &f.level)
	return cmd
}

// check finds what is wrong with the flags by themselves.
func (f *serveFlags) check(cmd *cobra.Command) error {
	if auth.CheckUser(f.user) != nil {
		return usage(cmd, "--user: %q can't be a user name", f.user)
	}
	if cmd.Flags().Changed("password") && f.password == "" {
		return usage(cmd, "--password: an empty password lets nobody in")
	}
	if f.grace < 0 {
		return usage(cmd, "--grace: must not be negative")
	}
	off := 0
	for _, l := range f.listeners() {
		if *l.address == "" || *l.address == listenOff {
			*l.address = listenOff
			off++
		} else if err := checkAddress(*l.address); err != nil {
			return usage(cmd, "--%s: %v", l.protocol, err)
		}
	}
	if off == len(f.listeners()) {
		return usage(cmd, "--sftp off, --ftp off, --ftps off: nothing is left to serve")
	}
	if f.key != "" && f.cert == "" {
		return usage(cmd, "--tls-key needs --tls-certificate")
	}
	return nil
}

// listener is a listener that flags are about.
type listener struct {
	protocol string
	address  *string
}

func (f *serveFlags) listeners() []listener {
	return []listener{{"sftp", &f.sftp}, {"ftp", &f.ftp}, {"ftps", &f.ftps}}
}

// checkPassword refuses FTP without a password, which is all that it can log in
// with, or leaves it away if nobody asked for it.
func (f *serveFlags) checkPassword(cmd *cobra.Command) error {
	if f.keysFile == "" || f.password != "" {
		return nil
	}
	for _, l := range f.listeners()[1:] {
		if *l.address != listenOff && cmd.Flags().Changed(l.protocol) {
			return usage(cmd, "--%s: nobody could log in with --authorized-keys alone: set MFT_PASSWORD", l.protocol)
		}
		*l.address = listenOff
	}
	if f.sftp == listenOff {
		return usage(cmd, "--sftp off: nothing is left to serve with --authorized-keys alone")
	}
	return nil
}

// checkAddress wants host:port with a numeric port.
func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not of the form host:port", address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q is not a port, 0 to 65535", port)
	}
	return nil
}

func (m *Main) serve(ctx context.Context, f *serveFlags, dir string) error {
	state := f.state
	if state == "" {
		var err error
		if state, err = m.stateDir(); err != nil {
			return err
		}
	}
	share, err := quick.New(quick.Options{
		Dir: dir, State: state, User: f.user, Password: f.password, KeysFile: f.keysFile, ReadOnly: f.readOnly,
		TLS: f.ftp != listenOff || f.ftps != listenOff, CertKey: f.certKey(),
		Logger: m.logger(f.level),
	})
	if err != nil {
		return err
	}
	defer share.Close()
	var specs []endpoint.Spec
	if f.sftp != listenOff {
		specs = append(specs, endpoint.Spec{Protocol: "sftp", Address: f.sftp, Server: share.SSH()})
	}
	if f.ftp != listenOff {
		specs = append(specs, endpoint.Spec{Protocol: "ftp", Address: f.ftp, Server: share.FTP(ftp.TLSRequired)})
	}
	if f.ftps != listenOff {
		specs = append(specs, endpoint.Spec{Protocol: "ftps", Address: f.ftps, Server: share.FTP(ftp.TLSImplicit)})
	}
	return m.runEndpoints(ctx, f.grace, specs, func(w io.Writer, open []endpoint.Endpoint) error {
		return share.Explain(w, open)
	})
}

// certKey returns the files of --tls-certificate and --tls-key.
func (f *serveFlags) certKey() []string {
	var files []string
	for _, file := range []string{f.cert, f.key} {
		if file != "" {
			files = append(files, file)
		}
	}
	return files
}

// runEndpoints opens every listener, says so, and serves until told to stop.
func (m *Main) runEndpoints(ctx context.Context, grace time.Duration, specs []endpoint.Spec, explain func(io.Writer, []endpoint.Endpoint) error) error {
	m.tuneRuntime()
	// From the moment that others know about us, SIGTERM means a clean end.
	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer cancel()
	open, err := endpoint.Open(ctx, specs)
	if err != nil {
		return err
	}
	err = endpoint.Announce(m.Stdout, open)
	if err == nil {
		err = explain(m.Stdout, open)
	}
	if err != nil {
		return errors.Join(err, endpoint.Close(open))
	}
	return endpoint.Run(ctx, grace, open)
}

// stateDir is where the user's programs keep state.
func (m *Main) stateDir() (string, error) {
	if dir := m.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "mft"), nil
	}
	dir, err := platformStateDir(m.Getenv)
	if err != nil {
		return "", fmt.Errorf("no place for the host keys: %w; use --state", err)
	}
	return filepath.Join(dir, "mft"), nil
}
