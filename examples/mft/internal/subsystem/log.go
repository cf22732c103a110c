package subsystem

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// Level is a log level of OpenSSH on the scale of slog.
type Level = slog.Level

const levelError = slog.LevelError

// parseLevel reads the name of a level, in any case.
func parseLevel(name string) (Level, error) {
	switch strings.ToUpper(name) {
	case "QUIET":
		return slog.LevelError + 8, nil
	case "FATAL":
		return slog.LevelError + 4, nil
	case "ERROR":
		return slog.LevelError, nil
	case "INFO":
		return slog.LevelInfo, nil
	case "VERBOSE":
		return slog.LevelInfo - 2, nil
	case "DEBUG", "DEBUG1":
		return slog.LevelDebug, nil
	case "DEBUG2":
		return slog.LevelDebug - 1, nil
	case "DEBUG3":
		return slog.LevelDebug - 2, nil
	}
	return 0, fmt.Errorf("invalid log level %q", name)
}

// parseFacility reads the name of a syslog facility, in any case.
func parseFacility(name string) (string, error) {
	upper := strings.ToUpper(name)
	known := []string{
		"DAEMON", "USER", "AUTH",
		"LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5", "LOCAL6", "LOCAL7",
	}
	if !slices.Contains(known, upper) {
		return "", fmt.Errorf("invalid log facility %q", name)
	}
	return upper, nil
}

// logger writes to stderr or to the system's log. Without that there is no
// log, and the server goes on, as OpenSSH's does.
func logger(o *Options, stderr io.Writer) *slog.Logger {
	if o.Stderr {
		return slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: o.Level}))
	}
	send, err := openSyslog(o.Facility)
	if err != nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(newSyslogHandler(o.Level, send))
}

// syslogHandler formats records as text and sends each as one message. The
// system adds the time, and the severity carries the level.
type syslogHandler struct {
	slog.Handler // writes into line
	shared       *syslogLine
}

type syslogLine struct {
	mu   sync.Mutex // guards what follows
	line bytes.Buffer
	send func(level slog.Level, text string) error
}

func newSyslogHandler(level slog.Level, send func(slog.Level, string) error) *syslogHandler {
	shared := &syslogLine{send: send}
	text := slog.NewTextHandler(&shared.line, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		},
	})
	return &syslogHandler{text, shared}
}

func (h *syslogHandler) Handle(ctx context.Context, r slog.Record) error {
	h.shared.mu.Lock()
	defer h.shared.mu.Unlock()
	h.shared.line.Reset()
	if err := h.Handler.Handle(ctx, r); err != nil {
		return err
	}
	return h.shared.send(r.Level, strings.TrimSuffix(h.shared.line.String(), "\n"))
}

func (h *syslogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &syslogHandler{h.Handler.WithAttrs(attrs), h.shared}
}

func (h *syslogHandler) WithGroup(name string) slog.Handler {
	return &syslogHandler{h.Handler.WithGroup(name), h.shared}
}
