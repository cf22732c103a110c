package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/sshd"
)

func TestOneTime(t *testing.T) {
	key, err := sshd.HostKey(t.TempDir() + "/key")
	require.NoError(t, err)
	codes := map[string]string{"alice": "4711", "bob": "42"}
	_, err = peer.SFTP(t, newServer(key, codes), "alice", "42")
	require.Error(t, err)
	_, err = peer.SFTP(t, newServer(key, codes), "eve", "")
	require.Error(t, err)
	c, err := peer.SFTP(t, newServer(key, codes), "alice", "4711")
	require.NoError(t, err)
	f, err := c.Create("file")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	_, err = peer.SFTP(t, newServer(key, codes), "alice", "4711")
	require.Error(t, err, "only once")
}
