// Package cli is the command line of mft: it reads flags, calls the packages
// that do the work, and turns errors into messages and exit codes.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quaymaster/quaymaster/examples/mft/internal/config"
)

// Exit codes.
const (
	exitOK      = 0
	exitRuntime = 1 // something went wrong
	exitUsage   = 2 // the command line makes no sense
)

// Main is the whole program, without the process around it.
type Main struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string
}

// Run executes one command line and returns the exit code. When ctx ends, a
// server stops as on SIGTERM.
func (m *Main) Run(ctx context.Context, args []string) int {
	root := m.root()
	root.SetArgs(args)
	root.SetIn(m.Stdin)
	root.SetOut(m.Stdout)
	root.SetErr(m.Stderr)
	return m.report(root.ExecuteContext(ctx))
}

func (m *Main) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "mft",
		Short:         "A managed file transfer server",
		Args:          m.unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,

		SuggestionsMinimumDistance: 2,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{cmd.CommandPath(), err} })
	root.AddCommand(
		m.serveCommand(), m.startCommand(), m.initCommand(), m.validateCommand(),
		m.passwordCommand(), m.totpCommand(), m.subsystemCommand(), m.versionCommand(),
	)
	return root
}

// unknownCommand refuses what is no command and names the most similar one.
func (m *Main) unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("%w; did you mean %q?", err, near[0])
	}
	return &usageError{cmd.CommandPath(), err}
}

// usageError is a mistake on the command line.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usage makes a usageError for cmd.
func usage(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{cmd.CommandPath(), fmt.Errorf(format, args...)}
}

// atMost is cobra.MaximumNArgs as a usage error.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return usage(cmd, "unexpected argument %q", args[n])
		}
		return nil
	}
}

// report writes the message for err and returns the exit code.
func (m *Main) report(err error) int {
	if err == nil {
		return exitOK
	}
	var list config.Errors
	if errors.As(err, &list) {
		// Each has the form file:line: text, which editors understand.
		fmt.Fprintln(m.Stderr, err)
		return exitRuntime
	}
	fmt.Fprintf(m.Stderr, "mft: %s\n", strings.ReplaceAll(err.Error(), "\n", "\nmft: "))
	var u *usageError
	if errors.As(err, &u) {
		fmt.Fprintf(m.Stderr, "Run \"%s --help\" for usage.\n", u.command)
		return exitUsage
	}
	return exitRuntime
}

// logger writes JSON lines to the error stream.
func (m *Main) logger(level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewJSONHandler(m.Stderr, &slog.HandlerOptions{Level: level}))
}

// addLogLevel adds the flag --log-level.
func addLogLevel(cmd *cobra.Command, level *slog.Level) {
	cmd.Flags().Var(&levelValue{level}, "log-level", "least severe messages that are logged: debug, info, warn or error")
}

// levelValue is a log level as a pflag.Value.
type levelValue struct{ level *slog.Level }

func (v *levelValue) String() string {
	if v.level == nil {
		return ""
	}
	return strings.ToLower(v.level.String())
}

func (v *levelValue) Type() string { return "LEVEL" }

func (v *levelValue) Set(text string) error {
	level, err := config.ParseLevel(text)
	if err != nil {
		return err
	}
	*v.level = level
	return nil
}
