package sftp_test

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
)

// rawClient speaks packets to a server over a pipe.
type rawClient struct {
	t    *testing.T
	conn net.Conn
	id   uint32
	done chan error // the result of ServeSSH
}

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// newRaw starts h for fsys without INIT. client is the version string.
func newRaw(t *testing.T, h *sftp.Handler, fsys vfs.FS, opts *sshd.PipeOptions) *rawClient {
	t.Helper()
	if opts == nil {
		opts = &sshd.PipeOptions{}
	}
	if opts.Logger == nil {
		opts.Logger = quietLog()
	}
	ours, theirs := net.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	id := &auth.Identity{User: "u", Home: auth.Home(fsys)}
	s := sshd.NewSession(ctx, theirs, id, opts)
	c := &rawClient{t: t, conn: ours, done: make(chan error, 1)}
	go func() {
		err := h.ServeSSH(ctx, s)
		s.Close(err)
		theirs.Close()
		c.done <- err
	}()
	t.Cleanup(func() {
		ours.Close()
		select {
		case <-c.done:
		case <-time.After(10 * time.Second):
			t.Error("the handler did not end")
		}
		cancel()
	})
	return c
}

// initRaw is newRaw with the INIT exchange done.
func initRaw(t *testing.T, h *sftp.Handler, fsys vfs.FS, opts *sshd.PipeOptions) *rawClient {
	c := newRaw(t, h, fsys, opts)
	c.send(packet(1, u32(3)))
	require.Equal(t, byte(2), c.recv()[0])
	return c
}

func asClient(version string) *sshd.PipeOptions {
	return &sshd.PipeOptions{Conn: &quaymaster.Conn{ID: "x", Protocol: "sftp", Client: version}}
}

func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
func u64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
func str(s string) []byte { return append(u32(uint32(len(s))), s...) }

// noAttrs is an ATTRS structure without fields.
func noAttrs() []byte { return u32(0) }

func packet(kind byte, parts ...[]byte) []byte {
	body := []byte{kind}
	for _, p := range parts {
		body = append(body, p...)
	}
	return append(u32(uint32(len(body))), body...)
}

func (c *rawClient) send(p []byte) {
	c.t.Helper()
	c.conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, err := c.conn.Write(p)
	require.NoError(c.t, err)
}

func (c *rawClient) recv() []byte {
	c.t.Helper()
	c.conn.SetDeadline(time.Now().Add(10 * time.Second))
	var head [4]byte
	_, err := io.ReadFull(c.conn, head[:])
	require.NoError(c.t, err)
	body := make([]byte, binary.BigEndian.Uint32(head[:]))
	_, err = io.ReadFull(c.conn, body)
	require.NoError(c.t, err)
	return body
}

// ask sends a request and returns the type of the reply and what follows its
// id, which must be the request's.
func (c *rawClient) ask(kind byte, parts ...[]byte) (byte, []byte) {
	c.t.Helper()
	c.id++
	c.send(packet(kind, append([][]byte{u32(c.id)}, parts...)...))
	reply := c.recv()
	require.Equal(c.t, c.id, binary.BigEndian.Uint32(reply[1:5]), "id of the reply")
	return reply[0], reply[5:]
}

// status sends a request whose reply must be a STATUS.
func (c *rawClient) status(kind byte, parts ...[]byte) (sftp.Code, string) {
	c.t.Helper()
	typ, body := c.ask(kind, parts...)
	require.Equal(c.t, byte(101), typ, "reply must be STATUS")
	n := binary.BigEndian.Uint32(body[4:8])
	return sftp.Code(binary.BigEndian.Uint32(body)), string(body[8 : 8+n])
}

// open opens a file and returns its handle.
func (c *rawClient) open(name string, flags uint32) string {
	c.t.Helper()
	typ, body := c.ask(3, str(name), u32(flags), noAttrs())
	require.Equal(c.t, byte(102), typ, "reply must be HANDLE: %q", body)
	return string(body[4:])
}

const (
	rd, wr, app, creat, trunc, excl = 1, 2, 4, 8, 16, 32
)
