package quaymaster

import (
	"context"
	"log/slog"
	"time"
)

// Kind names what an Event reports.
type Kind string

// The kinds of events. New kinds may be added: a Sink must ignore the ones
// that it does not know.
const (
	KindConnect    Kind = "connect"    // a connection was accepted, or refused (Err)
	KindHandshake  Kind = "handshake"  // the transport is up; Target names the algorithms
	KindLogin      Kind = "login"      // a login succeeded or failed; Target is the method
	KindLogout     Kind = "logout"     // a logged-in session ended; Err is the cause
	KindDisconnect Kind = "disconnect" // the connection is gone
	KindChannel    Kind = "channel"    // a subsystem or a command was asked for; Target names it
	KindUpload     Kind = "upload"     // a file opened for writing was closed; Verdict says how
	KindDownload   Kind = "download"   // a file opened for reading was closed
	KindList       Kind = "list"       // a directory was opened
	KindMkdir      Kind = "mkdir"
	KindRmdir      Kind = "rmdir"
	KindRemove     Kind = "remove"
	KindRename     Kind = "rename"  // Path to Target
	KindSymlink    Kind = "symlink" // Path is the link, Target its text
	KindLink       Kind = "link"    // Path is the new name, Target the existing file
	KindSetAttr    Kind = "setattr" // size, owner, mode or times of Path changed
	KindCopy       Kind = "copy"    // the server copied Bytes from Path to Target
	KindDenied     Kind = "denied"  // any other operation that policy refused
)

// Event is one thing that happened, or was refused, in one flat record.
type Event struct {
	ID      string // unique and time-ordered, see NewID
	Kind    Kind
	Time    time.Time     // when it ended
	Elapsed time.Duration // how long it took; 0 when that has no meaning
	Conn    *Conn
	User    string  // canonical user name; before login the name that was tried
	Path    string  // as the client sees it, absolute, "/" separated
	Target  string  // second path of a rename or link; see the kinds
	Offset  int64   // where a transfer began
	Bytes   int64   // file bytes that were moved
	Verdict Verdict // uploads only
	Digest  string  // "sha-256:<hex>" when it was taken in stream
	Err     error   // nil: it happened
}

// LogValue gives the event as a group; empty fields are left out.
func (e *Event) LogValue() slog.Value { return slog.GroupValue(e.attrs()...) }

func (e *Event) attrs() []slog.Attr {
	attrs := make([]slog.Attr, 0, 12)
	text := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	text("event", e.ID)
	text("kind", string(e.Kind))
	text("user", e.User)
	text("path", e.Path)
	text("target", e.Target)
	if e.Kind == KindUpload || e.Kind == KindDownload || e.Kind == KindCopy {
		attrs = append(attrs, slog.Int64("offset", e.Offset), slog.Int64("bytes", e.Bytes))
	}
	text("verdict", string(e.Verdict))
	text("digest", e.Digest)
	if e.Elapsed != 0 {
		attrs = append(attrs, slog.Duration("elapsed", e.Elapsed))
	}
	if e.Conn != nil {
		attrs = append(attrs, slog.Any("conn", e.Conn))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	return attrs
}

// LogSink returns a Sink that writes each event as one record of l: level Info
// when it happened, Warn when Err is set. The message is the kind.
func LogSink(l *slog.Logger) Sink { return logSink{l} }

type logSink struct{ l *slog.Logger }

func (s logSink) Emit(ctx context.Context, e *Event) {
	level := slog.LevelInfo
	if e.Err != nil {
		level = slog.LevelWarn
	}
	s.l.LogAttrs(ctx, level, string(e.Kind), e.attrs()...)
}

// Sinks returns a Sink that passes each event to every sink in turn.
func Sinks(sinks ...Sink) Sink { return multiSink(sinks) }

type multiSink []Sink

func (m multiSink) Emit(ctx context.Context, e *Event) {
	for _, s := range m {
		s.Emit(ctx, e)
	}
}
