package interop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/quaymaster/quaymaster"
)

// recorder keeps the events of a server, and what it logs as a problem.
type recorder struct {
	mu     sync.Mutex // guards the fields below
	events []quaymaster.Event
	log    strings.Builder
}

func (r *recorder) Emit(_ context.Context, e *quaymaster.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, *e)
}

// Write takes records of the log.
func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

var _ io.Writer = (*recorder)(nil)

func (r *recorder) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (r *recorder) complaints() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

// all returns what was seen of the kinds, or everything if there are none.
func (r *recorder) all(kinds ...quaymaster.Kind) []quaymaster.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.events), func(e quaymaster.Event) bool {
		return len(kinds) > 0 && !slices.Contains(kinds, e.Kind)
	})
}

// failures are the events of what did not work, and of uploads that were not
// complete, each once, as "kind path: reason".
func (r *recorder) failures() []string {
	var found []string
	for _, e := range r.all() {
		switch {
		case e.Err == nil && (e.Kind != quaymaster.KindUpload || e.Verdict == quaymaster.Complete):
			continue
		case e.Kind == quaymaster.KindDisconnect: // repeats what the login or the logout said
			continue
		case e.Kind == quaymaster.KindDownload && (errors.Is(e.Err, quaymaster.ErrConnLost) || errors.Is(e.Err, context.Canceled)):
			continue // who has read enough may leave without CLOSE
		case e.Kind == quaymaster.KindLogout && (errors.Is(e.Err, syscall.ECONNRESET) || errors.Is(e.Err, syscall.EPIPE)):
			continue // many clients leave so
		}
		reason := e.Err
		var wrapped *fs.PathError
		if errors.As(e.Err, &wrapped) {
			reason = wrapped.Err
		}
		what := fmt.Sprintf("%s: %v", strings.TrimSpace(string(e.Kind)+" "+e.Path), reason)
		if !slices.Contains(found, what) {
			found = append(found, what)
		}
	}
	return found
}

// quiet tells whether every client that came has left.
func (r *recorder) quiet() bool {
	return len(r.all(quaymaster.KindConnect)) == len(r.all(quaymaster.KindDisconnect))
}

// uploads counts the complete uploads and their bytes.
func (r *recorder) uploads() (count int, bytes int64) {
	for _, e := range r.all(quaymaster.KindUpload) {
		if e.Verdict == quaymaster.Complete {
			count++
			bytes += e.Bytes
		}
	}
	return count, bytes
}

// clients returns the versions of the clients that logged in, each once.
func (r *recorder) clients() []string {
	var found []string
	for _, e := range r.all(quaymaster.KindLogin) {
		if e.Err == nil && !slices.Contains(found, e.Conn.Client) {
			found = append(found, e.Conn.Client)
		}
	}
	return found
}

// logins counts the successful logins by method.
func (r *recorder) logins() map[string]int {
	found := make(map[string]int)
	for _, e := range r.all(quaymaster.KindLogin) {
		if e.Err == nil {
			found[e.Target]++
		}
	}
	return found
}
