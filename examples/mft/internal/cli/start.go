package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/examples/mft/internal/certificate"
	"github.com/quaymaster/quaymaster/examples/mft/internal/config"
	"github.com/quaymaster/quaymaster/examples/mft/internal/endpoint"
	"github.com/quaymaster/quaymaster/examples/mft/internal/instance"
	"github.com/quaymaster/quaymaster/examples/mft/internal/umask"
)

// addConfiguration adds the flag that names the configuration file.
func addConfiguration(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVarP(file, "configuration", "c", "", "`FILE` to read, such as configuration/server.ini")
}

func (m *Main) startCommand() *cobra.Command {
	var file string
	var grace time.Duration
	var level slog.Level
	cmd := &cobra.Command{
		Use:   "start --configuration FILE",
		Short: "Run the services of a configuration file",
		Args:  atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usage(cmd, "--configuration is required")
			}
			if grace < 0 {
				return usage(cmd, "--grace: must not be negative")
			}
			var forced *slog.Level
			if cmd.Flags().Changed("log-level") {
				forced = &level
			}
			return m.start(cmd.Context(), file, grace, forced)
		},
	}
	addConfiguration(cmd, &file)
	cmd.Flags().DurationVar(&grace, "grace", defaultGrace, "how long transfers may go on after SIGTERM or SIGINT")
	addLogLevel(cmd, &level)
	return cmd
}

func (m *Main) start(ctx context.Context, file string, grace time.Duration, level *slog.Level) error {
	cfg, err := config.Load(file)
	if err != nil {
		return err
	}
	if level == nil {
		level = &cfg.Server.LogLevel
	}
	log := m.logger(level)
	if warning := exposed(file); warning != "" {
		log.Warn(warning)
	}
	inst, err := instance.New(cfg, log)
	if err != nil {
		return err
	}
	// The configured one counts, not what the process was started with.
	umask.Set(cfg.Server.Umask)
	inst.Recover()
	return m.runEndpoints(ctx, grace, inst.Specs, func(w io.Writer, _ []endpoint.Endpoint) error {
		return fingerprints(w, inst)
	})
}

// fingerprints writes by what clients know the services.
func fingerprints(w io.Writer, inst *instance.Instance) error {
	var b strings.Builder
	for _, key := range inst.HostKeys {
		fmt.Fprintf(&b, "host key %s %s\n", key.Type(), ssh.FingerprintSHA256(key))
	}
	for _, cert := range inst.Certificates {
		fmt.Fprintf(&b, "certificate SHA-256 %s\n", certificate.Fingerprint(cert))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// exposed says that others can read the configuration, which holds hashes of
// passwords and keys of one-time codes; empty: they can't.
func exposed(file string) string {
	fi, err := os.Stat(file)
	if err != nil || runtime.GOOS == "windows" || fi.Mode().Perm()&0o077 == 0 {
		return ""
	}
	return fmt.Sprintf("%s: mode %04o lets others at the password hashes and other secrets; it should be 0600", file, fi.Mode().Perm())
}

func (m *Main) validateCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "validate --configuration FILE",
		Short: "Check a configuration file and what it refers to",
		Args:  atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usage(cmd, "--configuration is required")
			}
			cfg, err := config.Load(file)
			if err != nil {
				return err
			}
			if warning := exposed(file); warning != "" {
				fmt.Fprintf(m.Stderr, "mft: warning: %s\n", warning)
			}
			if _, err := instance.New(cfg, slog.New(slog.DiscardHandler)); err != nil {
				return err
			}
			_, err = fmt.Fprintf(m.Stdout, "%s: valid\n", file)
			return err
		},
	}
	addConfiguration(cmd, &file)
	return cmd
}
