// Package serve is the one accept loop of all servers: back-off when accepting
// fails, tracking of connections, draining, and a fence that keeps a panic
// inside the connection that caused it.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quaymaster/quaymaster"
)

// Conn is one accepted connection.
type Conn struct {
	net.Conn
	idle   atomic.Pointer[func() bool]
	cancel context.CancelCauseFunc
}

// SetIdle says how to find out whether the connection can be dropped without
// loss. Until it is called the connection counts as idle.
func (c *Conn) SetIdle(idle func() bool) { c.idle.Store(&idle) }

// End cancels the context of the connection with cause and closes the socket.
func (c *Conn) End(cause error) {
	c.cancel(cause)
	c.Conn.Close() // its error has nobody to go to: the peer is given up
}

func (c *Conn) isIdle() bool {
	idle := c.idle.Load()
	return idle == nil || (*idle)()
}

// Loop accepts connections and keeps track of them. The zero value is ready.
type Loop struct {
	mu        sync.Mutex // guards the fields below
	listeners map[net.Listener]struct{}
	conns     map[*Conn]struct{}
	closed    bool
	handlers  sync.WaitGroup
}

// Serve accepts connections on l and runs handle on a goroutine of its own for
// each, until Shutdown or Close; then it returns quaymaster.ErrServerClosed.
// The context of a connection descends from ctx and is cancelled with a cause
// when the connection is to end. handle need not close the connection.
func (s *Loop) Serve(ctx context.Context, l net.Listener, log *slog.Logger, handle func(context.Context, *Conn)) error {
	defer l.Close()
	if !s.addListener(l) {
		return quaymaster.ErrServerClosed
	}
	defer s.dropListener(l)
	var delay time.Duration
	for {
		nc, err := l.Accept()
		if err != nil {
			if s.isClosed() {
				return quaymaster.ErrServerClosed
			}
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("serve: accept: %w", err)
			}
			// Out of descriptors or memory, or a peer that is gone already:
			// wait for better times instead of spinning.
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			log.Warn("accept failed; waiting", "error", err, "delay", delay)
			if !s.pause(ctx, delay) {
				return quaymaster.ErrServerClosed
			}
			continue
		}
		delay = 0
		s.start(ctx, nc, log, handle)
	}
}

// pause waits for d; it is false when the loop was closed or ctx ended.
func (s *Loop) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return !s.isClosed()
	case <-ctx.Done():
		return false
	}
}

func (s *Loop) start(ctx context.Context, nc net.Conn, log *slog.Logger, handle func(context.Context, *Conn)) {
	ctx, cancel := context.WithCancelCause(ctx)
	c := &Conn{Conn: nc, cancel: cancel}
	if !s.addConn(c) {
		c.End(quaymaster.ErrServerClosed)
		return
	}
	go func() {
		defer s.dropConn(c)
		defer c.End(quaymaster.ErrConnLost)
		if err := Fence(log, func() { handle(ctx, c) }); err != nil {
			c.End(err)
		}
	}()
}

// PanicError is a panic that Fence stopped. It matches quaymaster.ErrPanic.
type PanicError struct{ Value any }

func (e *PanicError) Unwrap() error { return quaymaster.ErrPanic }

func (e *PanicError) Error() string { return fmt.Sprintf("internal error: %v", e.Value) }

// Fence runs f and turns a panic into a *PanicError, after it logged the stack.
func Fence(log *slog.Logger, f func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{v}
			log.Error("panic in a session; only that session ends", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	f()
	return nil
}

func (s *Loop) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *Loop) addListener(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.listeners == nil {
		s.listeners = make(map[net.Listener]struct{})
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Loop) dropListener(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

func (s *Loop) addConn(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.conns == nil {
		s.conns = make(map[*Conn]struct{})
	}
	s.conns[c] = struct{}{}
	s.handlers.Add(1)
	return true
}

func (s *Loop) dropConn(c *Conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.handlers.Done()
}

// stop closes the listeners and refuses new connections.
func (s *Loop) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for l := range s.listeners {
		l.Close() // Serve reports nothing but ErrServerClosed from here on
	}
}

// endConns ends the connections that pick selects and counts the others.
func (s *Loop) endConns(pick func(*Conn) bool) (left int) {
	s.mu.Lock()
	var ending []*Conn
	for c := range s.conns {
		if pick(c) {
			ending = append(ending, c)
		}
	}
	left = len(s.conns) - len(ending)
	s.mu.Unlock()
	for _, c := range ending {
		c.End(quaymaster.ErrServerClosed)
	}
	return left
}

// Shutdown stops accepting, ends connections as soon as they are idle, and
// waits for the handlers. It returns ctx.Err() when ctx ends first.
func (s *Loop) Shutdown(ctx context.Context) error {
	s.stop()
	interval := time.Millisecond
	for s.endConns((*Conn).isIdle) > 0 {
		// Jitter keeps several servers from polling in step.
		t := time.NewTimer(interval + rand.N(interval/10+1))
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
		interval = min(2*interval, 100*time.Millisecond)
	}
	return s.wait(ctx)
}

func (s *Loop) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() { s.handlers.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends everything now and waits for the handlers to notice.
func (s *Loop) Close() error {
	s.stop()
	s.endConns(func(*Conn) bool { return true })
	s.handlers.Wait()
	return nil
}
