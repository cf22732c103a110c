package cli

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/quaymaster/quaymaster/sftp"

	"github.com/quaymaster/quaymaster/examples/mft/internal/subsystem"
)

func (m *Main) subsystemCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "sftp-server [options]",
		Short: "Speak SFTP on standard input and output, below another SSH server",
		Long: `Speak SFTP on standard input and output, below another SSH server, in place of
OpenSSH's sftp-server and with its options. "mft sftp-server -h" lists them.`,
		// The options are those of another program, with rules of their own.
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == "--help" {
				return cmd.Help()
			}
			options, err := subsystem.ParseOptions(args)
			if err != nil {
				fmt.Fprint(m.Stderr, subsystem.Usage)
				return &usageError{cmd.CommandPath(), err}
			}
			return m.subsystem(cmd.Context(), options)
		},
	}
}

func (m *Main) subsystem(ctx context.Context, o *subsystem.Options) error {
	switch {
	case o.Help:
		_, err := fmt.Fprint(m.Stderr, subsystem.Usage)
		return err
	case o.Query != "":
		for _, name := range sftp.Requests() {
			if _, err := fmt.Fprintln(m.Stdout, name); err != nil {
				return err
			}
		}
		return nil
	}
	// A client that went away must not kill the process before it cleaned up.
	signal.Ignore(syscall.SIGPIPE)
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
	defer cancel()
	return subsystem.Serve(ctx, o, &subsystem.Pipes{In: m.Stdin, Out: m.Stdout, Err: m.Stderr, Getenv: m.Getenv})
}
