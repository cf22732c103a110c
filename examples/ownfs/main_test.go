package main

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/sshd"
)

func TestEmbedded(t *testing.T) {
	key, err := sshd.HostKey(t.TempDir() + "/key")
	require.NoError(t, err)
	srv, err := newServer(key)
	require.NoError(t, err)
	c, err := peer.SFTP(t, srv, "anonymous", "me@example.org")
	require.NoError(t, err)
	f, err := c.Open("hello.txt")
	require.NoError(t, err)
	got, err := io.ReadAll(f)
	require.NoError(t, err)
	require.Equal(t, "Read me over SFTP.\n", string(got))
	_, err = c.Create("new")
	require.ErrorIs(t, err, os.ErrPermission)
	require.Error(t, c.Remove("hello.txt"))
	entries, err := c.ReadDir("/")
	require.NoError(t, err)
	require.Len(t, entries, 1)
}
