package main

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/internal/peer"
)

func TestServer(t *testing.T) {
	srv, err := newServer(t.TempDir(), t.TempDir()+"/key")
	require.NoError(t, err)
	c, err := peer.SFTP(t, srv, "demo", "demo-password")
	require.NoError(t, err)
	f, err := c.Create("file")
	require.NoError(t, err)
	_, err = f.Write([]byte("content"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	f, err = c.Open("/file")
	require.NoError(t, err)
	got, err := io.ReadAll(f)
	require.NoError(t, err)
	require.Equal(t, "content", string(got))
}
