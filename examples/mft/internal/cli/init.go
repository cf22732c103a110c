package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/quaymaster/quaymaster/examples/mft/internal/setup"
)

func (m *Main) initCommand() *cobra.Command {
	var sftp string
	cmd := &cobra.Command{
		Use:   "init DIR",
		Short: "Write a new configuration with fresh keys and one account",
		Long: `Write a new configuration with fresh keys and one account.

DIR/configuration gets server.ini, the host keys and a self-signed certificate,
DIR/home the home folders. SFTP is on, FTP is prepared and off.
The password of the account is printed once; only its hash is stored. Nothing
that exists is overwritten.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(cmd, "DIR is missing")
			}
			return atMost(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkAddress(sftp); err != nil {
				return usage(cmd, "--sftp: %v", err)
			}
			return m.init(args[0], sftp)
		},
	}
	cmd.Flags().StringVar(&sftp, "sftp", "127.0.0.1:2022", "`ADDRESS` of the SFTP service")
	return cmd
}

func (m *Main) init(dir, address string) error {
	made, err := setup.Create(dir, address)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(m.Stdout, `configuration %s
user %s
password %s
The password is not stored anywhere: note it now.
Start with: mft start --configuration %s
`, made.File, made.User, made.Password, made.File)
	return err
}
