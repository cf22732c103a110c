package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/quaymaster/quaymaster/auth"
)

func (m *Main) totpCommand() *cobra.Command {
	var issuer string
	cmd := &cobra.Command{
		Use:   "generate-totp NAME",
		Short: "Print a key for the one-time codes of an account",
		Long: `Print a fresh key for the one-time codes of the account NAME, as an otpauth URI.

It goes into the option "multi_factor_authentication" of the account, and into
the user's authenticator app, for which other programs make a QR code of it.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(cmd, "NAME is missing")
			}
			return atMost(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if auth.CheckUser(args[0]) != nil {
				return usage(cmd, "%q can't be a user name", args[0])
			}
			_, err := fmt.Fprintln(m.Stdout, auth.NewTOTPKey().URI(issuer, args[0]))
			return err
		},
	}
	cmd.Flags().StringVar(&issuer, "issuer", "mft", "`NAME` of the server that the app shows")
	return cmd
}
