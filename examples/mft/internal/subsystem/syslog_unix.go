//go:build unix

package subsystem

import (
	"log/slog"
	"log/syslog"
)

// openSyslog connects to the log of the system.
func openSyslog(facility string) (send func(slog.Level, string) error, err error) {
	facilities := map[string]syslog.Priority{
		"DAEMON": syslog.LOG_DAEMON, "USER": syslog.LOG_USER, "AUTH": syslog.LOG_AUTH,
		"LOCAL0": syslog.LOG_LOCAL0, "LOCAL1": syslog.LOG_LOCAL1, "LOCAL2": syslog.LOG_LOCAL2, "LOCAL3": syslog.LOG_LOCAL3,
		"LOCAL4": syslog.LOG_LOCAL4, "LOCAL5": syslog.LOG_LOCAL5, "LOCAL6": syslog.LOG_LOCAL6, "LOCAL7": syslog.LOG_LOCAL7,
	}
	w, err := syslog.New(facilities[facility]|syslog.LOG_INFO, "sftp-server")
	if err != nil {
		return nil, err
	}
	return func(level slog.Level, text string) error {
		switch {
		case level >= slog.LevelError:
			return w.Err(text)
		case level >= slog.LevelWarn:
			return w.Warning(text)
		case level >= slog.LevelInfo:
			return w.Info(text)
		}
		return w.Debug(text)
	}, nil
}
