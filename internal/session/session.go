// Package session is the one place where a logged-in client meets its file
// system: policy before every operation, one writer for a path, uploads that
// are published whole or not at all, and an event for each thing that happens.
// Protocol servers see it as a plain vfs.FS.
package session

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/vfs"
)

// Config says whose session it is and who is told.
type Config struct {
	Conn     *quaymaster.Conn
	Identity *auth.Identity
	Sink     quaymaster.Sink // nil: nobody
	Logger   *slog.Logger    // required
	Partial  quaymaster.PartialPolicy
	Leases   *Leases // for file systems without their own; required
}

// Session is one login. All methods are safe for concurrent use.
type Session struct {
	Config
	ctx   context.Context // ends with the session; bounds home and open files
	start time.Time

	homeOnce sync.Once
	home     vfs.FS // as the identity opened it
	guarded  vfs.FS // home behind Permit
	homeErr  error

	openFiles atomic.Int64
	mu        sync.Mutex         // guards the fields below
	files     map[*file]struct{} // open files
	live      map[string]*file   // uploads to paths that may have no published file
	closed    bool
}

// New begins a session. ctx ends it, too.
func New(ctx context.Context, cfg Config) *Session {
	return &Session{
		Config: cfg, ctx: ctx, start: time.Now(),
		files: make(map[*file]struct{}), live: make(map[string]*file),
	}
}

// FS returns the file system of the session, whose events name conn. The first
// call opens the home.
func (s *Session) FS(ctx context.Context, conn *quaymaster.Conn) (vfs.FS, error) {
	s.homeOnce.Do(func() {
		if s.Identity.Home == nil {
			s.homeErr = errors.New("session: the identity has no home")
			return
		}
		s.home, s.homeErr = s.Identity.Home(ctx)
		if s.homeErr == nil && s.home == nil {
			s.homeErr = errors.New("session: the identity's home is nil")
		}
		if s.homeErr != nil {
			return
		}
		s.guarded = s.home
		if s.Identity.Permit != nil {
			s.guarded = vfs.Guard(s.home, s.Identity.Permit)
		}
	})
	if s.homeErr != nil {
		return nil, s.homeErr
	}
	return newView(s, conn), nil
}

// Busy tells whether files are open, so that ending the session would lose
// something.
func (s *Session) Busy() bool { return s.openFiles.Load() > 0 }

// Close aborts what is still open, because of cause, and closes the home. It
// may be called more than once.
func (s *Session) Close(cause error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	left := make([]*file, 0, len(s.files))
	for f := range s.files {
		left = append(left, f)
	}
	s.mu.Unlock()
	if cause == nil && len(left) > 0 {
		cause = quaymaster.ErrConnLost
	}
	for _, f := range left {
		if err := f.Abort(cause); err != nil {
			s.Logger.Warn("abort at the end of the session", "path", vfs.Wire(f.name), "error", err)
		}
	}
	s.homeOnce.Do(func() { s.homeErr = quaymaster.ErrServerClosed }) // no home any more
	if c, ok := s.home.(io.Closer); ok {
		if err := c.Close(); err != nil {
			s.Logger.Warn("close home", "error", err)
		}
	}
	s.Emit(s.Conn, &quaymaster.Event{Kind: quaymaster.KindLogout, Elapsed: time.Since(s.start), Err: cause})
}

// Emit completes e and passes it to the sink.
func (s *Session) Emit(conn *quaymaster.Conn, e *quaymaster.Event) {
	if s.Sink == nil {
		return
	}
	e.ID, e.Time = quaymaster.NewID(), time.Now()
	e.Conn, e.User = conn, s.Identity.User
	// An event that reports the end of a context must outlive it.
	s.Sink.Emit(context.WithoutCancel(s.ctx), e)
}

// permit asks the policy of the identity.
func (s *Session) permit(ctx context.Context, op *vfs.Op) error {
	if s.Identity.Permit == nil {
		return nil
	}
	return s.Identity.Permit(ctx, op)
}

// add registers an open file; it fails once the session is closed.
func (s *Session) add(f *file) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return quaymaster.ErrServerClosed
	}
	s.files[f] = struct{}{}
	if f.fresh {
		s.live[f.name] = f
	}
	s.openFiles.Add(1)
	return nil
}

func (s *Session) drop(f *file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.files[f]; !ok {
		return
	}
	delete(s.files, f)
	if s.live[f.name] == f {
		delete(s.live, f.name)
	}
	s.openFiles.Add(-1)
}

// liveUpload returns the upload that this session is making to name, where no
// file is published yet.
func (s *Session) liveUpload(name string) *file {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live[name]
}
