package quaymaster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Server is what Run starts and stops. *sshd.Server and *http.Server fit, and
// so does every protocol server of this module.
type Server interface {
	// Serve accepts connections on l until the server is shut down or closed,
	// then returns ErrServerClosed (net/http returns its own twin).
	Serve(l net.Listener) error
	// Shutdown stops accepting, closes idle sessions, lets transfers finish
	// and returns; when ctx ends first it returns ctx.Err() and leaves the
	// rest to Close.
	Shutdown(ctx context.Context) error
	// Close drops every listener and connection now.
	Close() error
}

// Listening pairs a server with the listener that it serves.
type Listening struct {
	Server   Server
	Listener net.Listener
}

// Run serves every pair until ctx ends, the process gets SIGINT or SIGTERM, or
// one of the servers fails. Then it shuts all of them down at the same time,
// for at most grace, and closes what is left; a grace of 0 closes at once. A
// second signal cuts the grace short. Run returns nil after an orderly stop,
// and otherwise the joined errors of the servers that failed.
func Run(ctx context.Context, grace time.Duration, pairs ...Listening) error {
	if len(pairs) == 0 {
		return errors.New("quaymaster: Run: no server given")
	}
	stop, cancel := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer cancel()
	ended := make(chan error, len(pairs))
	for _, p := range pairs {
		go func() { ended <- serveOne(p) }()
	}
	var errs []error
	running := len(pairs)
	select {
	case <-stop.Done():
	case err := <-ended:
		running--
		errs = append(errs, err)
	}
	errs = append(errs, drain(ctx, grace, pairs)...)
	for range running {
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
}

func serveOne(p Listening) error {
	err := p.Server.Serve(p.Listener)
	if errors.Is(err, ErrServerClosed) || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	if err == nil {
		err = errors.New("server stopped without being told to")
	}
	return fmt.Errorf("quaymaster: serve %s: %w", p.Listener.Addr(), err)
}

// drain shuts every server down within grace and closes those that are not
// done by then.
func drain(ctx context.Context, grace time.Duration, pairs []Listening) []error {
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	limit, hurry := signal.NotifyContext(limit, os.Interrupt, syscall.SIGTERM)
	defer hurry()
	results := make(chan error, len(pairs))
	for _, p := range pairs {
		go func() {
			err := p.Server.Shutdown(limit)
			if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
				err = nil // the grace is over: closing is the agreed end
			}
			results <- errors.Join(err, p.Server.Close())
		}()
	}
	var errs []error
	for range pairs {
		errs = append(errs, <-results)
	}
	return errs
}
