package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/quaymaster/quaymaster/auth"
)

// errNoPassword is an empty line instead of a password.
var errNoPassword = errors.New("no password was given")

func (m *Main) passwordCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "generate-password",
		Aliases: []string{"hash-password"},
		Short:   "Print the hash of a password, for a configuration file",
		Long: `Print the argon2id hash of a password, for the option "password" of an account.

The password is asked for on a terminal, or else is the first line of the
standard input.`,
		Args: atMost(0),
		RunE: func(*cobra.Command, []string) error {
			password, err := m.readPassword()
			if err != nil {
				return err
			}
			hash, err := auth.HashPassword(password)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(m.Stdout, hash)
			return err
		},
	}
}

func (m *Main) readPassword() (string, error) {
	if f, ok := m.Stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return m.askPassword(int(f.Fd()))
	}
	// More than a password may have, so that a longer one is refused instead
	// of cut.
	line, err := bufio.NewReader(io.LimitReader(m.Stdin, 64<<10)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("read the password: %w", err)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if line == "" {
		return "", errNoPassword
	}
	return line, nil
}

// askPassword asks twice, because nobody sees what is typed.
func (m *Main) askPassword(fd int) (string, error) {
	var typed [2]string
	for i, prompt := range []string{"Password: ", "Once more: "} {
		fmt.Fprint(m.Stderr, prompt)
		text, err := term.ReadPassword(fd)
		fmt.Fprintln(m.Stderr)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		typed[i] = string(text)
	}
	if typed[0] != typed[1] {
		return "", errors.New("the passwords differ")
	}
	if typed[0] == "" {
		return "", errNoPassword
	}
	return typed[0], nil
}
