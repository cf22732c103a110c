//go:build unix && !darwin && !ios

package cli

import (
	"errors"
	"path/filepath"
)

// platformStateDir is the default of XDG_STATE_HOME.
func platformStateDir(getenv func(string) string) (string, error) {
	home := getenv("HOME")
	if !filepath.IsAbs(home) {
		return "", errors.New("$HOME is not set")
	}
	return filepath.Join(home, ".local", "state"), nil
}
