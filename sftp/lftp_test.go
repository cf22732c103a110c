package sftp_test

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// closable is a stream whose other side closes it as an SSH channel is closed.
type closable struct {
	net.Conn
	closed atomic.Bool
}

func (c *closable) Write(p []byte) (int, error) {
	if c.closed.Load() {
		return 0, io.EOF
	}
	return c.Conn.Write(p)
}

// downloads keeps the events of downloads.
type downloads struct {
	mu     sync.Mutex // guards events
	events []quaymaster.Event
}

func (d *downloads) Emit(_ context.Context, e *quaymaster.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.Kind == quaymaster.KindDownload {
		d.events = append(d.events, *e)
	}
}

// lftp's pget closes the channel while it is still sent what it asked for.
func TestLFTPLeavesDownload(t *testing.T) {
	fsys := memfs.New()
	put(t, fsys, "f", "content")
	ours, theirs := net.Pipe()
	defer ours.Close()
	stream, seen := &closable{Conn: theirs}, &downloads{}
	s := sshd.NewSession(t.Context(), stream, &auth.Identity{User: "u", Home: auth.Home(fsys)}, &sshd.PipeOptions{Logger: quietLog(), Sink: seen})
	done := make(chan error, 1)
	go func() {
		err := (&sftp.Handler{}).ServeSSH(t.Context(), s)
		s.Close(err)
		done <- err
	}()
	c := &rawClient{t: t, conn: ours}
	c.send(packet(1, u32(3)))
	require.Equal(t, byte(2), c.recv()[0])
	h := c.open("f", 1)
	stream.closed.Store(true)
	c.id++
	c.send(packet(5, u32(c.id), str(h), u64(0), u32(100)))
	<-done
	require.Len(t, seen.events, 1)
	assert.ErrorIs(t, seen.events[0].Err, quaymaster.ErrConnLost)
	assert.NotErrorIs(t, seen.events[0].Err, io.EOF)
}
