//go:build amd64 || arm64

package sshd_test

import (
	"context"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/internal/rawssh"
	"github.com/quaymaster/quaymaster/sshd"
)

// x/crypto CVE-2026-39834: a write of a multiple of 4 GiB went round in circles
// without sending anything. The memory is mapped and, beyond what is sent, never
// touched.
func TestCVE2026_39834_HugeWrite(t *testing.T) {
	t.Parallel()
	huge, err := syscall.Mmap(-1, 0, 1<<32, syscall.PROT_READ, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_NORESERVE)
	if err != nil {
		t.Skip("no room for 4 GiB of addresses: ", err)
	}
	ended := make(chan error, 1)
	c := loginRaw(t, start(t, &sshd.Server{Commands: map[string]sshd.Handler{
		"huge": sshd.HandlerFunc(func(_ context.Context, s *sshd.Session) error {
			_, err := s.Write(huge)
			ended <- err
			return err
		}),
	}}))
	server := openRaw(t, c, 0)
	require.NoError(t, c.Start(server, "exec", "huge"))
	for got := 0; got < window; {
		packet, err := c.Await(rawssh.MsgChannelData)
		require.NoError(t, err)
		got += len(packet) - 9
	}
	c.Close()
	require.Error(t, <-ended)
	require.NoError(t, syscall.Munmap(huge))
}
