package subsystem

import (
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
)

// whoami finds the user of the process and the home directory, from the user
// database or else from the environment.
func whoami() (name, home string) {
	if u, err := user.Current(); err == nil {
		return u.Username, u.HomeDir
	}
	home, _ = os.UserHomeDir() // "" will do: it only replaces %d
	if name = os.Getenv("USER"); name == "" {
		name = "unknown"
	}
	return name, home
}

// startDir returns the root of the host's file system and the directory in it
// where the client begins, as a name for vfs. On Windows the root is the drive
// of the working directory.
func startDir(o *Options, log *slog.Logger) (root, name string, err error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", "", fmt.Errorf("working directory: %w", err)
	}
	if o.StartDir != "" {
		who, home := whoami()
		wanted, err := expand(o.StartDir, home, who)
		if err != nil {
			return "", "", err
		}
		if !filepath.IsAbs(wanted) {
			wanted = filepath.Join(dir, wanted)
		}
		// A start directory that is not there is no reason to lock users out.
		if fi, err := os.Stat(wanted); err != nil || !fi.IsDir() {
			log.Error("start directory can't be used", "path", wanted, "error", err)
		} else {
			dir = wanted
		}
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", "", fmt.Errorf("start directory: %w", err)
	}
	root = filepath.VolumeName(dir) + string(filepath.Separator)
	rel, err := filepath.Rel(root, dir)
	if err != nil {
		return "", "", fmt.Errorf("start directory: %w", err)
	}
	return root, filepath.ToSlash(rel), nil
}
