package session_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/internal/session"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
	"github.com/quaymaster/quaymaster/vfs/osfs"
)

// sockets returns both ends of a connection.
func sockets(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	nc, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	other, err := l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close(); other.Close() })
	return nc.(*net.TCPConn), other.(*net.TCPConn)
}

func localFS(t *testing.T) vfs.FS {
	t.Helper()
	fsys, err := osfs.Open(t.TempDir(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { fsys.Close() })
	return fsys
}

func TestSendFile(t *testing.T) {
	s := open(t, localFS(t), nil)
	content := bytes.Repeat([]byte("0123456789"), 100_000)
	put(t, s.FS, "f", string(content))
	f, err := s.OpenFile(t.Context(), "f", os.O_RDONLY, 0)
	require.NoError(t, err)
	near, far := sockets(t)
	go func() {
		defer near.Close()
		n, err := session.SendFile(near, f, 5, 600_000)
		assert.NoError(t, err)
		assert.EqualValues(t, 600_000, n)
		n, err = session.SendFile(near, f, 600_005, 1<<20)
		assert.ErrorIs(t, err, io.EOF, "more than there is")
		assert.EqualValues(t, len(content)-600_005, n)
	}()
	got, err := io.ReadAll(far)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(content[5:], got))
	require.NoError(t, f.Close())
	e := s.rec.last(t)
	assert.Equal(t, quaymaster.KindDownload, e.Kind)
	assert.EqualValues(t, len(content)-5, e.Bytes)
	assert.EqualValues(t, 5, e.Offset)
	_, err = session.SendFile(near, f, 0, 1)
	assert.ErrorIs(t, err, errors.ErrUnsupported, "it is closed")
}

func TestReceiveFile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("splice(2) is of Linux")
	}
	home := localFS(t)
	s := open(t, home, nil)
	content := bytes.Repeat([]byte("abcdefghij"), 100_000)
	f, err := s.OpenFile(t.Context(), "f", upload, 0o644)
	require.NoError(t, err)
	near, far := sockets(t)
	go func() {
		_, err := near.Write(content)
		assert.NoError(t, err)
		near.Close()
	}()
	var off int64
	for {
		n, err := session.ReceiveFile(f, off, far, 300_000)
		off += n
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
	}
	assert.EqualValues(t, len(content), off)
	require.NoError(t, f.Close())
	assert.Equal(t, string(content), get(t, home, "f"))
	e := s.rec.last(t)
	assert.Equal(t, quaymaster.Complete, e.Verdict)
	assert.EqualValues(t, len(content), e.Bytes)
}

// What is over the limit of the identity fails the upload.
func TestReceiveFileOverLimit(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("splice(2) is of Linux")
	}
	home := localFS(t)
	s := open(t, home, func(c *session.Config) { c.Identity.Limits = auth.Limits{MaxFileSize: 1000} })
	f, err := s.OpenFile(t.Context(), "f", upload, 0o644)
	require.NoError(t, err)
	near, far := sockets(t)
	_, err = near.Write(make([]byte, 5000))
	require.NoError(t, err)
	n, err := session.ReceiveFile(f, 0, far, 1<<20)
	assert.ErrorIs(t, err, vfs.ErrQuota)
	assert.LessOrEqual(t, n, int64(1001))
	assert.ErrorIs(t, f.Close(), vfs.ErrQuota)
	_, err = home.Stat(t.Context(), "f")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// Files that are not local, or opened for the other direction, say so before
// anything is moved.
func TestKernelUnsupported(t *testing.T) {
	near, _ := sockets(t)
	for name, fsys := range map[string]vfs.FS{"memory": memfs.New(), "other direction": localFS(t)} {
		s := open(t, fsys, nil)
		f := begin(t, s.FS, "f", "x")
		_, err := session.SendFile(near, f, 0, 1)
		assert.ErrorIs(t, err, errors.ErrUnsupported, name)
		require.NoError(t, f.Close())
		f, err = s.OpenFile(t.Context(), "f", os.O_RDONLY, 0)
		require.NoError(t, err)
		_, err = session.ReceiveFile(f, 0, near, 1)
		assert.ErrorIs(t, err, errors.ErrUnsupported, name)
		require.NoError(t, f.Close())
	}
}
