package sshd

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/internal/session"
	"github.com/quaymaster/quaymaster/vfs"
)

// Session is what a Handler works with: the data of one channel, and the file
// system of the client that is logged in.
type Session struct {
	rw        io.ReadWriteCloser
	stderr    io.Writer
	conn      *quaymaster.Conn
	session   *session.Session
	command   string
	subsystem bool
	env       map[string]string
	log       *slog.Logger

	running *atomic.Int64 // handlers at work on the connection
	idle    atomic.Bool
}

// Idle says that the handler merely waits for the client: then idle timeout
// and drain may end the connection, the drain only while no file is open. A
// handler begins active, and should be idle whenever it waits in Read.
func (s *Session) Idle() {
	if !s.idle.Swap(true) {
		s.running.Add(-1)
	}
}

// Active ends what Idle began.
func (s *Session) Active() {
	if s.idle.Swap(false) {
		s.running.Add(1)
	}
}

// Read reads what the client sends; io.EOF when it said that it is done.
func (s *Session) Read(p []byte) (int, error) { return s.rw.Read(p) }

// Input reads as Read does, from a session that is idle while it waits.
func (s *Session) Input() io.Reader { return idleReader{s} }

type idleReader struct{ s *Session }

func (r idleReader) Read(p []byte) (int, error) {
	r.s.Idle()
	defer r.s.Active()
	return r.s.Read(p)
}

// Write sends to the client. It blocks when the client does not read.
func (s *Session) Write(p []byte) (int, error) { return s.rw.Write(p) }

// Hangup closes the channel, so that a Read that waits comes back. It is for
// a Handler that can't go on.
func (s *Session) Hangup() {
	if err := s.rw.Close(); err != nil && !isEOF(err) {
		s.log.Debug("hang up", "error", err)
	}
}

// Stderr is the client's error stream.
func (s *Session) Stderr() io.Writer { return s.stderr }

// Conn describes the connection; its Protocol is the subsystem or command.
func (s *Session) Conn() *quaymaster.Conn { return s.conn }

// Identity is who is logged in.
func (s *Session) Identity() *auth.Identity { return s.session.Identity }

// Command returns the command line, or the name of the subsystem.
func (s *Session) Command() string { return s.command }

// Env returns a variable that the client sent: LANG, LC_* or TZ.
func (s *Session) Env(name string) string { return s.env[name] }

// Logger carries the connection's and the user's name.
func (s *Session) Logger() *slog.Logger { return s.log }

// FS returns the client's file system. The session stands between: it asks the
// identity's Permit before every operation, lets one writer at a path, and
// sends events. A file opened for writing is published by Close and only by
// Close; vfs.Abort ends it without, and so does the end of the session.
func (s *Session) FS(ctx context.Context) (vfs.FS, error) { return s.session.FS(ctx, s.conn) }

// Emit sends an event of the Handler's own, completed with the connection and
// the user.
func (s *Session) Emit(e *quaymaster.Event) { s.session.Emit(s.conn, e) }

// PipeOptions says what NewSession can't know. The zero value is useful.
type PipeOptions struct {
	Conn    *quaymaster.Conn // nil: made up, without addresses
	Sink    quaymaster.Sink  // nil: nobody is told
	Logger  *slog.Logger     // nil: slog.Default()
	Stderr  io.Writer        // nil: discarded
	Command string           // the command line; empty: a subsystem, named by Conn.Protocol
	Partial quaymaster.PartialPolicy
}

// NewSession makes a session of rw, such as stdin and stdout below another SSH
// server or one end of a pipe, for a client that is already known to be id.
// The caller must call Close when the handler is done.
func NewSession(ctx context.Context, rw io.ReadWriteCloser, id *auth.Identity, opts *PipeOptions) *Session {
	var o PipeOptions
	if opts != nil {
		o = *opts
	}
	if o.Conn == nil {
		o.Conn = &quaymaster.Conn{ID: quaymaster.NewID(), Protocol: cmp.Or(firstWord(o.Command), "sftp")}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Stderr == nil {
		o.Stderr = io.Discard
	}
	return &Session{
		rw: rw, stderr: o.Stderr, conn: o.Conn, command: cmp.Or(o.Command, o.Conn.Protocol), subsystem: o.Command == "",
		log: o.Logger, running: new(atomic.Int64),
		session: session.New(ctx, session.Config{
			Conn: o.Conn, Identity: id, Sink: o.Sink, Logger: o.Logger,
			Partial: o.Partial, Leases: new(session.Leases),
		}),
	}
}

// Close ends a session that NewSession made: what is still open is aborted
// because of cause. A session that a Server made ends by itself.
func (s *Session) Close(cause error) { s.session.Close(cause) }
