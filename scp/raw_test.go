package scp_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/scp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// raw speaks records to a handler over a pipe.
type raw struct {
	t      *testing.T
	conn   net.Conn
	stderr bytes.Buffer
	done   chan error // the result of ServeSSH
}

type recorder struct {
	mu     sync.Mutex // guards events
	events []quaymaster.Event
}

func (r *recorder) Emit(_ context.Context, e *quaymaster.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, *e)
}

// of returns the events of one kind.
func (r *recorder) of(kind quaymaster.Kind) []quaymaster.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []quaymaster.Event
	for _, e := range r.events {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

// newRaw runs a command line on fsys.
func newRaw(t *testing.T, h *scp.Handler, fsys vfs.FS, command string, change ...func(*auth.Identity, *sshd.PipeOptions)) *raw {
	t.Helper()
	c := &raw{t: t, done: make(chan error, 1)}
	opts := &sshd.PipeOptions{Command: command, Logger: slog.New(slog.DiscardHandler), Stderr: &c.stderr}
	id := &auth.Identity{User: "u", Home: auth.Home(fsys)}
	for _, f := range change {
		f(id, opts)
	}
	ours, theirs := net.Pipe()
	c.conn = ours
	ctx, cancel := context.WithCancel(t.Context())
	s := sshd.NewSession(ctx, theirs, id, opts)
	go func() {
		err := h.ServeSSH(ctx, s)
		s.Close(err)
		theirs.Close()
		c.done <- err
	}()
	t.Cleanup(func() {
		ours.Close()
		if c.done != nil {
			<-c.done
		}
		cancel()
	})
	ours.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

// sink is a newRaw that stores below the root, after its first reply.
func sink(t *testing.T, fsys vfs.FS, command string, change ...func(*auth.Identity, *sshd.PipeOptions)) *raw {
	t.Helper()
	c := newRaw(t, &scp.Handler{}, fsys, command, change...)
	c.want("\x00")
	return c
}

// say sends records.
func (c *raw) say(text string) {
	c.t.Helper()
	_, err := c.conn.Write([]byte(text))
	require.NoError(c.t, err)
}

// want reads exactly that.
func (c *raw) want(text string) {
	c.t.Helper()
	got := make([]byte, len(text))
	n, err := io.ReadFull(c.conn, got)
	require.NoError(c.t, err, "got %q", got[:n])
	require.Equal(c.t, text, string(got))
}

// ask sends and wants a reply to it.
func (c *raw) ask(text, reply string) {
	c.t.Helper()
	c.say(text)
	c.want(reply)
}

// end is the end of the client's data; it returns what else comes, and how the
// handler ends.
func (c *raw) end() (string, error) {
	c.t.Helper()
	c.conn.Close()
	err := <-c.done
	c.done = nil
	return c.stderr.String(), err
}

// rest reads up to the end that the handler makes.
func (c *raw) rest() (string, error) {
	c.t.Helper()
	text, err := io.ReadAll(c.conn)
	require.NoError(c.t, err)
	err = <-c.done
	c.done = nil
	return string(text), err
}

func put(t testing.TB, fsys vfs.FS, name, content string) {
	t.Helper()
	f, err := vfs.CreateAtomic(t.Context(), fsys, name, 0o644)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte(content), 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func get(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	f, err := fsys.OpenFile(t.Context(), name, os.O_RDONLY, 0)
	require.NoError(t, err)
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	require.NoError(t, err)
	return string(data)
}

// tree is a file system with files by their names.
func tree(t *testing.T, files map[string]string, dirs ...string) *memfs.FS {
	t.Helper()
	fsys := memfs.New()
	for _, d := range dirs {
		require.NoError(t, fsys.Mkdir(t.Context(), d, 0o755))
	}
	for name, content := range files {
		put(t, fsys, name, content)
	}
	return fsys
}
