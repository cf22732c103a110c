package ftp_test

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/ftp"
	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/internal/transcript"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// crypto/tls ends all writing below it together with its own: what was still on
// its way to a client that reads slowly must be sent before.
func TestTLSDownloadIsWhole(t *testing.T) {
	cert := peer.NewCertificate(t)
	home := memfs.New()
	content := make([]byte, 2<<20)
	rand.Read(content)
	f, err := vfs.CreateAtomic(t.Context(), home, "big", 0o644)
	require.NoError(t, err)
	_, err = f.WriteAt(content, 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	srv := &ftp.Server{Auth: annOnly(home), TLS: tlsConfig(cert.TLS), Logger: slog.New(slog.DiscardHandler)}
	nc, err := net.Dial("tcp", peer.Serve(t, srv))
	require.NoError(t, err)
	defer nc.Close()
	client := &tls.Config{RootCAs: cert.Pool, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	p := &transcript.Player{Conn: nc, TLS: client}
	require.NoError(t, p.Play("S: 220 {*}\nC: AUTH TLS\nS: 234 {*}\nT: control\nC: USER ann\nS: 331 {*}\nC: PASS secret\nS: 230 {*}\nC: PROT P\nS: 200 {*}\nC: TYPE I\nS: 200 {*}"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	for range 2 {
		require.NoError(t, p.Play(fmt.Sprintf("C: EPRT |1|127.0.0.1|%d|\nS: 200 {*}\nC: RETR big\nS: 150 {*}", port)))
		data, err := l.Accept()
		require.NoError(t, err)
		require.NoError(t, data.(*net.TCPConn).SetReadBuffer(64<<10))
		got, err := io.ReadAll(tls.Client(data, client))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(content, got), "%d bytes of %d", len(got), len(content))
		require.NoError(t, p.Play("S: 226 {*}"))
		require.NoError(t, data.Close())
	}
}
