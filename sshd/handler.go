package sshd

import (
	"context"
	"fmt"
)

// Handler serves one channel: a subsystem or a command.
type Handler interface {
	// ServeSSH runs until the work is done or ctx ends, and must not use s
	// afterwards. Its error becomes the exit status: nil is 0, an *ExitError
	// its code, anything else 1.
	ServeSSH(ctx context.Context, s *Session) error
}

// HandlerFunc is a Handler made of a function.
type HandlerFunc func(ctx context.Context, s *Session) error

func (f HandlerFunc) ServeSSH(ctx context.Context, s *Session) error { return f(ctx, s) }

// ExitError ends a channel with an exit status of Code, 1 to 255.
type ExitError struct {
	Code int
	Err  error // for the log; may be nil
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Code)
	}
	return fmt.Sprintf("exit status %d: %v", e.Code, e.Err)
}

func (e *ExitError) Unwrap() error { return e.Err }
