//go:build !unix || darwin || ios

package cli

import "os"

// platformStateDir is where programs of this platform keep what is theirs.
func platformStateDir(func(string) string) (string, error) { return os.UserConfigDir() }
