package serve_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/internal/serve"
)

var quiet = slog.New(slog.DiscardHandler)

// fakeListener accepts what is sent to it, and fails first.
type fakeListener struct {
	failures atomic.Int64
	tries    atomic.Int64
	conns    chan net.Conn
	closed   chan struct{}
	once     atomic.Bool
}

func newListener(failures int64) *fakeListener {
	l := &fakeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	l.failures.Store(failures)
	return l
}

func (l *fakeListener) Accept() (net.Conn, error) {
	l.tries.Add(1)
	if l.failures.Add(-1) >= 0 {
		return nil, errors.New("too many open files")
	}
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *fakeListener) Close() error {
	if !l.once.Swap(true) {
		close(l.closed)
	}
	return nil
}

func (l *fakeListener) Addr() net.Addr { return &net.TCPAddr{} }

// dial returns the client's end of a new connection.
func (l *fakeListener) dial() net.Conn {
	ours, theirs := net.Pipe()
	l.conns <- theirs
	return ours
}

func run(loop *serve.Loop, l net.Listener, handle func(context.Context, *serve.Conn)) chan error {
	ended := make(chan error, 1)
	go func() { ended <- loop.Serve(context.Background(), l, quiet, handle) }()
	return ended
}

// Running out of descriptors must neither end the server nor make it spin.
func TestAcceptBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loop serve.Loop
		l := newListener(10)
		served := make(chan struct{})
		ended := run(&loop, l, func(context.Context, *serve.Conn) { close(served) })
		start := time.Now()
		c := l.dial()
		<-served
		c.Close()
		assert.GreaterOrEqual(t, l.tries.Load(), int64(11))
		// 5 ms doubled up to a second: 5+10+...+640+1000+1000.
		assert.Equal(t, 3275*time.Millisecond, time.Since(start))
		require.NoError(t, loop.Close())
		assert.ErrorIs(t, <-ended, quaymaster.ErrServerClosed)
	})
}

func TestPanicStaysInItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loop serve.Loop
		l := newListener(0)
		cause := make(chan error, 1)
		first := true
		ended := run(&loop, l, func(ctx context.Context, c *serve.Conn) {
			if first {
				first = false
				context.AfterFunc(ctx, func() { cause <- context.Cause(ctx) })
				panic("boom")
			}
			c.Write([]byte("x"))
		})
		c := l.dial()
		_, err := c.Read(make([]byte, 1))
		assert.Error(t, err, "closed")
		assert.Error(t, <-cause)
		c = l.dial()
		_, err = c.Read(make([]byte, 1))
		assert.NoError(t, err, "the next is served")
		require.NoError(t, loop.Close())
		assert.ErrorIs(t, <-ended, quaymaster.ErrServerClosed)
	})
}

func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loop serve.Loop
		var busy atomic.Bool
		busy.Store(true)
		l := newListener(0)
		causes := make(chan error, 2)
		ended := run(&loop, l, func(ctx context.Context, c *serve.Conn) {
			c.SetIdle(func() bool { return !busy.Load() })
			<-ctx.Done()
			causes <- context.Cause(ctx)
		})
		client := l.dial()
		defer client.Close()
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		assert.ErrorIs(t, loop.Shutdown(short), context.DeadlineExceeded)
		assert.ErrorIs(t, <-ended, quaymaster.ErrServerClosed, "nothing new is accepted")
		assert.Empty(t, causes, "work goes on")
		time.AfterFunc(time.Second, func() { busy.Store(false) })
		assert.NoError(t, loop.Shutdown(t.Context()))
		assert.ErrorIs(t, <-causes, quaymaster.ErrServerClosed)
		assert.NoError(t, loop.Shutdown(t.Context()), "idempotent")
		assert.ErrorIs(t, loop.Serve(t.Context(), newListener(0), quiet, nil), quaymaster.ErrServerClosed)
	})
}

func TestListenerClosedByOthers(t *testing.T) {
	var loop serve.Loop
	l := newListener(0)
	ended := run(&loop, l, nil)
	l.Close()
	err := <-ended
	assert.ErrorIs(t, err, net.ErrClosed)
	assert.NotErrorIs(t, err, quaymaster.ErrServerClosed)
}
