//go:build !unix

package subsystem

import (
	"errors"
	"log/slog"
)

// openSyslog fails: there is none. Use -e.
func openSyslog(string) (send func(slog.Level, string) error, err error) {
	return nil, errors.ErrUnsupported
}
