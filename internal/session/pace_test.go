package session_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/internal/session"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// meter is a Pacer that counts, and blocks while block is set.
type meter struct {
	mu    sync.Mutex
	moved [2]int64
	block bool
}

func (m *meter) Wait(ctx context.Context, d auth.Direction, n int64) error {
	m.mu.Lock()
	m.moved[d] += n
	block := m.block
	m.mu.Unlock()
	if block {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (m *meter) take() (up, down int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	up, down = m.moved[auth.Upload], m.moved[auth.Download]
	m.moved = [2]int64{}
	return up, down
}

func paced(m *meter) func(*session.Config) {
	return func(cfg *session.Config) { cfg.Identity.Pace = m }
}

// What is charged is what was really moved.
func TestPaceCharges(t *testing.T) {
	m := &meter{}
	s := open(t, memfs.New(), paced(m))
	charged := func(what string, up, down int64) {
		t.Helper()
		gotUp, gotDown := m.take()
		assert.Equal(t, [2]int64{up, down}, [2]int64{gotUp, gotDown}, what)
	}
	put(t, s, "f", "12345")
	charged("upload", 5, 0)
	f, err := s.OpenFile(t.Context(), "f", os.O_RDONLY, 0)
	require.NoError(t, err)
	_, err = f.ReadAt(make([]byte, 100), 2)
	require.Error(t, err)
	charged("a short read", 0, 3)
	_, err = f.ReadAt(make([]byte, 100), 5)
	require.Error(t, err)
	charged("nothing was read", 0, 0)

	dst, err := s.OpenFile(t.Context(), "g", upload, 0o644)
	require.NoError(t, err)
	n, err := vfs.CopyRange(t.Context(), dst, 0, f, 1, 3)
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	up, _ := m.take()
	assert.EqualValues(t, 3, up, "copy")
	require.NoError(t, dst.Close())
	require.NoError(t, f.Close())

	require.NoError(t, s.Pace(t.Context(), auth.Download, 7))
	require.NoError(t, s.Pace(t.Context(), auth.Download, 0))
	charged("by hand", 0, 7)
}

// A wait ends with its file and with its session.
func TestPaceEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(s *fixture, f vfs.File)
		want error
	}{
		"abort": {func(_ *fixture, f vfs.File) { assert.NoError(t, vfs.Abort(f, quaymaster.ErrKicked)) }, quaymaster.ErrKicked},
		"close": {func(_ *fixture, f vfs.File) { assert.NoError(t, f.Close()) }, fs.ErrClosed},
		"end":   {func(s *fixture, _ vfs.File) { s.Close(quaymaster.ErrIdle) }, quaymaster.ErrIdle},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &meter{}
				s := open(t, memfs.New(), paced(m))
				put(t, s, "f", "12345")
				m.block = true
				down, err := s.OpenFile(t.Context(), "f", os.O_RDONLY, 0)
				require.NoError(t, err)
				up, err := s.OpenFile(t.Context(), "g", upload, 0o644)
				require.NoError(t, err)
				var wg sync.WaitGroup
				wg.Go(func() {
					n, err := down.ReadAt(make([]byte, 5), 0)
					assert.Zero(t, n)
					assert.ErrorIs(t, err, tt.want)
				})
				wg.Go(func() {
					_, err := up.WriteAt([]byte("x"), 0)
					assert.ErrorIs(t, err, tt.want)
				})
				synctest.Wait()
				tt.end(s, down)
				tt.end(s, up)
				wg.Wait()
			})
		})
	}
}

// The context of the session ends waits, too: the session may not be closed
// before its requests have returned.
func TestPaceEndsWithContext(t *testing.T) {
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	conn := &quaymaster.Conn{ID: "c", Protocol: "sftp"}
	s := session.New(ctx, session.Config{
		Conn: conn, Identity: &auth.Identity{User: "u", Home: auth.Home(memfs.New()), Pace: &meter{block: true}},
		Logger: slog.New(slog.DiscardHandler), Leases: new(session.Leases),
	})
	defer s.Close(nil)
	fsys, err := s.FS(t.Context(), conn)
	require.NoError(t, err)
	f, err := fsys.OpenFile(t.Context(), "f", upload, 0o644)
	require.NoError(t, err)
	ended := make(chan error)
	go func() {
		_, err := f.WriteAt([]byte("x"), 0)
		ended <- err
	}()
	cancel(gone)
	assert.ErrorIs(t, <-ended, gone)
}

// Without a Pacer nothing is allocated for a read or a write.
func TestNoPaceCostsNothing(t *testing.T) {
	s := open(t, memfs.New(), nil)
	f := begin(t, s, "f", "12345")
	buf := make([]byte, 5)
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := f.ReadAt(buf, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(buf, 0); err != nil {
			t.Fatal(err)
		}
	})
	assert.Zero(t, allocs)
	require.NoError(t, f.Close())
}
