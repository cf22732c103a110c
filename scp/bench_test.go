package scp_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/scp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

const benchSize = 64 << 20

// pair runs one command line on fsys over a socket.
func pair(b testing.TB, h *scp.Handler, fsys vfs.FS, command string) (net.Conn, chan error) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	defer l.Close()
	ours, err := net.Dial("tcp", l.Addr().String())
	require.NoError(b, err)
	theirs, err := l.Accept()
	require.NoError(b, err)
	opts := &sshd.PipeOptions{Command: command, Logger: slog.New(slog.DiscardHandler)}
	s := sshd.NewSession(b.Context(), theirs, &auth.Identity{User: "u", Home: auth.Home(fsys)}, opts)
	done := make(chan error, 1)
	go func() {
		err := h.ServeSSH(b.Context(), s)
		s.Close(err)
		theirs.Close()
		done <- err
	}()
	return ours, done
}

func BenchmarkSource(b *testing.B) {
	fsys := memfs.New()
	put(b, fsys, "f", strings.Repeat("x", benchSize))
	h := &scp.Handler{}
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		conn, done := pair(b, h, fsys, "scp -f f")
		_, err := conn.Write([]byte{0, 0, 0})
		require.NoError(b, err)
		_, err = io.Copy(io.Discard, conn)
		require.NoError(b, err)
		require.NoError(b, <-done)
		conn.Close()
	}
}

func BenchmarkSink(b *testing.B) {
	fsys := memfs.New()
	data := make([]byte, 256<<10)
	h := &scp.Handler{}
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		conn, done := pair(b, h, fsys, "scp -t f")
		fmt.Fprintf(conn, "C0644 %d f\n", benchSize)
		for range benchSize / len(data) {
			_, err := conn.Write(data)
			require.NoError(b, err)
		}
		_, err := conn.Write([]byte{0})
		require.NoError(b, err)
		_, err = io.ReadFull(conn, make([]byte, 3))
		require.NoError(b, err)
		conn.Close()
		require.NoError(b, <-done)
	}
}

// Nothing is allocated for each chunk.
func TestAllocs(t *testing.T) {
	fsys := memfs.New()
	h := &scp.Handler{}
	// What a transfer of so many bytes costs.
	download := func(size int) float64 {
		put(t, fsys, "f", strings.Repeat("x", size))
		return testing.AllocsPerRun(3, func() {
			conn, done := pair(t, h, fsys, "scp -f f")
			_, err := conn.Write([]byte{0, 0, 0})
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, conn)
			require.NoError(t, err)
			require.NoError(t, <-done)
			conn.Close()
		})
	}
	small, large := download(1<<20), download(16<<20)
	assert.Less(t, large-small, 40.0, "%v allocations for 4 chunks, %v for 64", small, large)
}
