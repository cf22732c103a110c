package quaymaster_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
)

// fakeServer serves until it is told to stop.
type fakeServer struct {
	fail     error // returned by Serve at once
	linger   bool  // Shutdown does not come to an end
	stop     chan struct{}
	shutdown atomic.Bool
	closed   atomic.Bool
}

func newFake() *fakeServer { return &fakeServer{stop: make(chan struct{})} }

func (f *fakeServer) Serve(net.Listener) error {
	if f.fail != nil {
		return f.fail
	}
	<-f.stop
	return quaymaster.ErrServerClosed
}

func (f *fakeServer) Shutdown(ctx context.Context) error {
	f.shutdown.Store(true)
	if f.linger {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (f *fakeServer) Close() error {
	if !f.closed.Swap(true) {
		close(f.stop)
	}
	return nil
}

func listening(t *testing.T, s quaymaster.Server) quaymaster.Listening {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return quaymaster.Listening{Server: s, Listener: l}
}

func TestRunStopsAllWhenContextEnds(t *testing.T) {
	a, b := newFake(), newFake()
	b.linger = true // closed when the grace is over
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.NoError(t, quaymaster.Run(ctx, 10*time.Millisecond, listening(t, a), listening(t, b)))
	for _, s := range []*fakeServer{a, b} {
		assert.True(t, s.shutdown.Load())
		assert.True(t, s.closed.Load())
	}
}

func TestRunStopsAllWhenOneFails(t *testing.T) {
	a, b := newFake(), newFake()
	b.fail = errors.New("no luck")
	err := quaymaster.Run(t.Context(), time.Second, listening(t, a), listening(t, b))
	assert.ErrorIs(t, err, b.fail)
	assert.True(t, a.closed.Load())
}

func TestRunStopsOnSignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a Windows process can't send itself an interrupt")
	}
	a := newFake()
	done := make(chan error, 1)
	go func() { done <- quaymaster.Run(t.Context(), time.Second, listening(t, a)) }()
	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	// A signal that comes before Run listens, or after it has ended, would end
	// the test: another listener, which stays, keeps that from happening.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	require.Eventually(t, func() bool {
		require.NoError(t, self.Signal(os.Interrupt))
		select {
		case err := <-done:
			require.NoError(t, err)
			return true
		default:
			return false
		}
	}, 10*time.Second, 5*time.Millisecond)
	assert.True(t, a.shutdown.Load())
}

func TestRunWithoutServers(t *testing.T) {
	assert.Error(t, quaymaster.Run(t.Context(), time.Second))
}

func TestNewID(t *testing.T) {
	var ids []string
	for range 1000 {
		id := quaymaster.NewID()
		assert.Len(t, id, 26)
		ids = append(ids, id)
	}
	slices.Sort(ids)
	assert.Len(t, slices.Compact(ids), 1000, "unique")
	early := quaymaster.NewID()
	start := time.Now()
	for time.Since(start) < 2*time.Millisecond {
		runtime.Gosched()
	}
	assert.Less(t, early, quaymaster.NewID(), "ordered by time")
}

func TestEventLog(t *testing.T) {
	var buf bytes.Buffer
	sink := quaymaster.Sinks(quaymaster.LogSink(slog.New(slog.NewJSONHandler(&buf, nil))))
	sink.Emit(t.Context(), &quaymaster.Event{
		ID: "1", Kind: quaymaster.KindUpload, User: "u", Path: "/a\nb", Bytes: 5, Verdict: quaymaster.Aborted,
		Elapsed: time.Second, Err: quaymaster.ErrConnLost, Conn: &quaymaster.Conn{ID: "c", Protocol: "sftp"},
	})
	line := buf.String()
	assert.Equal(t, 1, strings.Count(line, "\n"), "one line whatever the names hold")
	for _, want := range []string{`"level":"WARN"`, `"msg":"upload"`, `"path":"/a\nb"`, `"bytes":5`, `"verdict":"aborted"`, `"conn":{"id":"c","protocol":"sftp"}`, `connection lost`} {
		assert.Contains(t, line, want)
	}
}
