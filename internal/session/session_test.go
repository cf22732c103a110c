package session_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/internal/session"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
	"github.com/quaymaster/quaymaster/vfs/vfstest"
)

type recorder struct {
	mu     sync.Mutex
	events []quaymaster.Event
}

func (r *recorder) Emit(_ context.Context, e *quaymaster.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, *e)
}

func (r *recorder) last(t *testing.T) quaymaster.Event {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	require.NotEmpty(t, r.events)
	return r.events[len(r.events)-1]
}

// fixture is a session and what it tells.
type fixture struct {
	*session.Session
	vfs.FS
	rec *recorder
}

func open(t *testing.T, fsys vfs.FS, change func(*session.Config)) *fixture {
	t.Helper()
	rec := &recorder{}
	conn := &quaymaster.Conn{ID: "c", Protocol: "sftp"}
	cfg := session.Config{
		Conn: conn, Identity: &auth.Identity{User: "u", Home: auth.Home(fsys)}, Sink: rec,
		Logger: slog.New(slog.DiscardHandler), Leases: new(session.Leases),
	}
	if change != nil {
		change(&cfg)
	}
	s := session.New(t.Context(), cfg)
	view, err := s.FS(t.Context(), conn)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close(nil) })
	return &fixture{s, view, rec}
}

const upload = os.O_WRONLY | os.O_CREATE | os.O_TRUNC

func begin(t *testing.T, fsys vfs.FS, name, content string) vfs.File {
	t.Helper()
	f, err := fsys.OpenFile(t.Context(), name, upload, 0o644)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte(content), 0)
	require.NoError(t, err)
	return f
}

func put(t *testing.T, fsys vfs.FS, name, content string) {
	t.Helper()
	require.NoError(t, begin(t, fsys, name, content).Close())
}

func get(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	f, err := fsys.OpenFile(t.Context(), name, os.O_RDONLY, 0)
	require.NoError(t, err)
	data, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return string(data)
}

func TestEvents(t *testing.T) {
	s := open(t, memfs.New(), nil)
	ctx := t.Context()
	put(t, s, "f", "12345")
	e := s.rec.last(t)
	assert.Equal(t, quaymaster.KindUpload, e.Kind)
	assert.Equal(t, "/f", e.Path)
	assert.Equal(t, "u", e.User)
	assert.EqualValues(t, 5, e.Bytes)
	assert.Equal(t, quaymaster.Complete, e.Verdict)
	assert.Positive(t, e.Elapsed)
	assert.NotEmpty(t, e.ID)
	assert.NoError(t, e.Err)

	get(t, s, "f")
	e = s.rec.last(t)
	assert.Equal(t, quaymaster.KindDownload, e.Kind)
	assert.EqualValues(t, 5, e.Bytes)
	assert.Empty(t, e.Verdict)

	steps := []struct {
		kind         quaymaster.Kind
		path, target string
		do           func() error
	}{
		{quaymaster.KindMkdir, "/d", "", func() error { return s.Mkdir(ctx, "d", 0o755) }},
		{quaymaster.KindRename, "/f", "/d/g", func() error { return s.Rename(ctx, "f", "d/g", vfs.RenameNoReplace) }},
		{quaymaster.KindSymlink, "/l", "d/g", func() error { return vfs.Symlink(ctx, s.FS, "d/g", "l") }},
		{quaymaster.KindLink, "/h", "/d/g", func() error { return vfs.Link(ctx, s.FS, "d/g", "h") }},
		{quaymaster.KindSetAttr, "/h", "", func() error {
			return vfs.SetAttr(ctx, s.FS, "h", &vfs.Attr{Mask: vfs.AttrMode, Mode: 0o600})
		}},
		{quaymaster.KindList, "/d", "", func() error {
			d, err := s.OpenDir(ctx, "d")
			if err == nil {
				err = d.Close()
			}
			return err
		}},
		{quaymaster.KindRemove, "/d/g", "", func() error { return s.Remove(ctx, "d/g") }},
		{quaymaster.KindRmdir, "/d", "", func() error { return s.Rmdir(ctx, "d") }},
	}
	for _, step := range steps {
		require.NoError(t, step.do(), step.kind)
		e := s.rec.last(t)
		assert.Equal(t, step.kind, e.Kind)
		assert.Equal(t, step.path, e.Path)
		assert.Equal(t, step.target, e.Target)
		assert.NoError(t, e.Err)
		if step.kind == quaymaster.KindList || step.kind == quaymaster.KindSetAttr {
			continue
		}
		err := step.do() // again: fails, and that is told too
		require.Error(t, err, step.kind)
		assert.Equal(t, err, s.rec.last(t).Err)
	}
}

// Each operation is refused by policy before it reaches the file system, and
// the refusal is told.
func TestPermit(t *testing.T) {
	fsys := memfs.New()
	put(t, open(t, fsys, nil), "f", "x")
	s := open(t, fsys, func(c *session.Config) {
		c.Identity.Permit = func(_ context.Context, op *vfs.Op) error { return fs.ErrPermission }
	})
	ctx := t.Context()
	attr := &vfs.Attr{Mask: vfs.AttrMode, Mode: 0o600}
	for name, do := range map[string]func() error{
		"stat":    func() error { _, err := s.Stat(ctx, "f"); return err },
		"lstat":   func() error { _, err := vfs.Lstat(ctx, s.FS, "f"); return err },
		"read":    func() error { _, err := s.OpenFile(ctx, "f", os.O_RDONLY, 0); return err },
		"write":   func() error { _, err := s.OpenFile(ctx, "f", upload, 0); return err },
		"update":  func() error { _, err := s.OpenFile(ctx, "f", os.O_RDWR, 0); return err },
		"new":     func() error { _, err := s.OpenFile(ctx, "new", upload, 0); return err },
		"list":    func() error { _, err := s.OpenDir(ctx, "."); return err },
		"mkdir":   func() error { return s.Mkdir(ctx, "d", 0o755) },
		"remove":  func() error { return s.Remove(ctx, "f") },
		"rmdir":   func() error { return s.Rmdir(ctx, "d") },
		"rename":  func() error { return s.Rename(ctx, "f", "g", vfs.RenameReplace) },
		"symlink": func() error { return vfs.Symlink(ctx, s.FS, "f", "l") },
		"link":    func() error { return vfs.Link(ctx, s.FS, "f", "h") },
		"setattr": func() error { return vfs.SetAttr(ctx, s.FS, "f", attr) },
	} {
		err := do()
		assert.ErrorIs(t, err, fs.ErrPermission, name)
		assert.ErrorIs(t, s.rec.last(t).Err, fs.ErrPermission, name)
	}
	_, err := fsys.Stat(ctx, "g")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// A client that may write but not look can upload all the same.
func TestUploadOnly(t *testing.T) {
	fsys := memfs.New()
	s := open(t, fsys, func(c *session.Config) {
		c.Identity.Permit = func(_ context.Context, op *vfs.Op) error {
			if op.Kind == vfs.OpOpen && op.Flag&os.O_WRONLY|op.Flag&os.O_RDWR != 0 {
				return nil
			}
			return fs.ErrPermission
		}
	})
	put(t, s, "f", "one")
	put(t, s, "f", "two")
	assert.Equal(t, "two", get(t, fsys, "f"))
	_, err := s.Stat(t.Context(), "f")
	assert.ErrorIs(t, err, fs.ErrPermission)
}

func TestAbort(t *testing.T) {
	why := errors.New("line cut")
	for _, tt := range []struct {
		policy  quaymaster.PartialPolicy
		fresh   string // what others see of a new file after the abort
		kept    int64  // what its owner sees; -1 nothing
		replace string // content of an old file after the abort
	}{
		{quaymaster.PartialKeep, "", 4, "old content"},
		{quaymaster.PartialDiscard, "", -1, "old content"},
		{quaymaster.PartialInPlace, "half", 4, "half"},
	} {
		fsys := memfs.New()
		put(t, open(t, fsys, nil), "old", "old content")
		policy := func(c *session.Config) { c.Partial = tt.policy }
		s := open(t, fsys, policy)
		for _, name := range []string{"new", "old"} {
			require.NoError(t, vfs.Abort(begin(t, s, name, "half"), why))
			e := s.rec.last(t)
			assert.Equal(t, quaymaster.Aborted, e.Verdict)
			assert.ErrorIs(t, e.Err, why)
		}
		assert.Equal(t, tt.replace, get(t, fsys, "old"))
		if tt.fresh != "" {
			assert.Equal(t, tt.fresh, get(t, fsys, "new"))
		} else {
			_, err := fsys.Stat(t.Context(), "new")
			assert.ErrorIs(t, err, fs.ErrNotExist)
		}
		fi, err := open(t, fsys, policy).Stat(t.Context(), "new") // the same user, later
		if tt.kept < 0 {
			assert.ErrorIs(t, err, fs.ErrNotExist)
		} else if assert.NoError(t, err) {
			assert.Equal(t, tt.kept, fi.Size())
		}
	}
}

func TestKeptUpload(t *testing.T) {
	fsys := memfs.New()
	ctx := t.Context()
	s := open(t, fsys, nil)
	f := begin(t, s, "f", "0123")
	_, err := f.WriteAt([]byte("89"), 8) // beyond a gap
	require.NoError(t, err)
	s.Session.Close(nil)

	other := open(t, fsys, func(c *session.Config) { c.Identity.User = "other" })
	_, err = other.Stat(ctx, "f")
	assert.ErrorIs(t, err, fs.ErrNotExist, "others see nothing")

	s = open(t, fsys, nil)
	fi, err := s.Stat(ctx, "f")
	require.NoError(t, err)
	assert.EqualValues(t, 4, fi.Size(), "only what came without a gap")
	d, err := s.OpenDir(ctx, ".")
	require.NoError(t, err)
	var names []string
	for {
		entries, err := d.ReadDir(1)
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		names = append(names, entries[0].Name())
	}
	assert.Equal(t, []string{"f"}, names)
	f, err = s.OpenFile(ctx, "f", os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("4567"), 4)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	assert.EqualValues(t, 4, s.rec.last(t).Offset, "where it was taken up")
	assert.EqualValues(t, 4, s.rec.last(t).Bytes)
	assert.Equal(t, "01234567", get(t, fsys, "f"))

	require.NoError(t, vfs.Abort(begin(t, s, "g", "x"), nil))
	require.NoError(t, s.Remove(ctx, "g"), "its owner can drop it")
	_, err = s.Stat(ctx, "g")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// plain hides everything optional of a file system.
type plain struct{ vfs.FS }

func TestOneWriter(t *testing.T) {
	for name, fsys := range map[string]vfs.FS{"own leases": memfs.New(), "session's leases": plain{memfs.New()}} {
		t.Run(name, func(t *testing.T) {
			leases := new(session.Leases)
			with := func(c *session.Config) { c.Leases = leases }
			a, b := open(t, fsys, with), open(t, fsys, with)
			f := begin(t, a, "f", "x")
			_, err := b.OpenFile(t.Context(), "f", upload, 0o644)
			assert.ErrorIs(t, err, vfs.ErrLocked)
			assert.ErrorIs(t, b.rec.last(t).Err, vfs.ErrLocked)
			require.NoError(t, f.Close())
			put(t, b, "f", "y")
			f = begin(t, a, "f", "x")
			a.Session.Close(nil)
			assert.ErrorIs(t, f.Close(), fs.ErrClosed)
			put(t, b, "f", "z")
		})
	}
}

func TestExclusiveLosesAgainstAnother(t *testing.T) {
	fsys := memfs.New()
	s := open(t, fsys, nil)
	f, err := s.OpenFile(t.Context(), "f", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	require.NoError(t, err)
	g, err := fsys.OpenFile(t.Context(), "f", upload, 0o644) // somebody local
	require.NoError(t, err)
	require.NoError(t, g.Close())
	assert.ErrorIs(t, f.Close(), fs.ErrExist)
	_, err = s.OpenFile(t.Context(), "f", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	assert.ErrorIs(t, err, fs.ErrExist)
}

func TestMaxFileSize(t *testing.T) {
	fsys := memfs.New()
	s := open(t, fsys, func(c *session.Config) { c.Identity.Limits.MaxFileSize = 4 })
	put(t, s, "f", "1234")
	f := begin(t, s, "g", "123")
	_, err := f.WriteAt([]byte("45"), 3)
	assert.ErrorIs(t, err, vfs.ErrQuota)
	assert.ErrorIs(t, f.Close(), vfs.ErrQuota, "and it is not published")
	_, err = s.Stat(t.Context(), "g")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	f = begin(t, s, "h", "1")
	assert.ErrorIs(t, vfs.Truncate(f, 5), vfs.ErrQuota)
}

// closer is a home that belongs to one session.
type closer struct {
	vfs.FS
	closed int
}

func (c *closer) Close() error { c.closed++; return nil }

func TestHome(t *testing.T) {
	c := &closer{FS: memfs.New()}
	opened := 0
	s := open(t, memfs.New(), func(cfg *session.Config) {
		cfg.Identity.Home = func(context.Context) (vfs.FS, error) { opened++; return c, nil }
	})
	_, err := s.Session.FS(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, 1, opened)
	s.Session.Close(nil)
	s.Session.Close(nil)
	assert.Equal(t, 1, c.closed, "closed once, with the session")

	shared := &closer{FS: memfs.New()}
	open(t, shared, nil).Session.Close(nil) // by auth.Home
	assert.Zero(t, shared.closed)

	broken := session.New(t.Context(), session.Config{
		Identity: &auth.Identity{User: "u", Home: func(context.Context) (vfs.FS, error) { return nil, errors.New("no disk") }},
		Logger:   slog.New(slog.DiscardHandler), Leases: new(session.Leases),
	})
	_, err = broken.FS(t.Context(), nil)
	assert.ErrorContains(t, err, "no disk")
	broken.Close(nil)
}

func TestClosedSession(t *testing.T) {
	s := open(t, memfs.New(), nil)
	r := begin(t, s, "f", "x")
	assert.True(t, s.Busy())
	s.Session.Close(quaymaster.ErrIdle)
	assert.False(t, s.Busy())
	assert.ErrorIs(t, r.Close(), fs.ErrClosed)
	assert.ErrorIs(t, s.rec.last(t).Err, quaymaster.ErrIdle)
	_, err := s.OpenFile(t.Context(), "g", upload, 0o644)
	assert.ErrorIs(t, err, quaymaster.ErrServerClosed)
}

// Whatever call to the file system fails, and whatever fails after it, the
// session never reports an upload as complete that is not there whole, and a
// replaced file is the old one or the new one.
func TestEveryFaultInUpload(t *testing.T) {
	const old, fresh = "old content", "the new content"
	for _, before := range []bool{true, false} {
		newFS := func(t *testing.T) vfs.FS {
			fsys := memfs.New()
			if before {
				put(t, open(t, fsys, nil), "f", old)
			}
			return fsys
		}
		scenario := func(ctx context.Context, fsys vfs.FS) error {
			s := session.New(ctx, session.Config{
				Identity: &auth.Identity{User: "u", Home: auth.Home(fsys)},
				Logger:   slog.New(slog.DiscardHandler), Leases: new(session.Leases),
			})
			defer s.Close(nil)
			view, err := s.FS(ctx, nil)
			if err != nil {
				return err
			}
			f, err := view.OpenFile(ctx, "f", upload, 0o644)
			if err != nil {
				return err
			}
			for i := 0; i < len(fresh); i += 5 { // like a client that does not look
				_, _ = f.WriteAt([]byte(fresh[i:i+5]), int64(i))
			}
			return f.Close()
		}
		vfstest.EveryFault(t, newFS, scenario, func(t *testing.T, fsys vfs.FS, err error) {
			_, staterr := fsys.Stat(t.Context(), "f")
			if errors.Is(staterr, fs.ErrNotExist) && err != nil && !before {
				return
			}
			got := get(t, fsys, "f")
			if got != fresh && (err == nil || !before || got != old) {
				t.Errorf("%q after %v", got, err)
			}
		})
	}
}
