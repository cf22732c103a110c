package peer

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
)

// Serve starts srv on loopback for as long as the test runs, and returns where.
func Serve(t testing.TB, srv quaymaster.Server) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ServeOn(t, srv, l)
	return l.Addr().String()
}

// ServeOn is Serve with a listener of the test's own.
func ServeOn(t testing.TB, srv quaymaster.Server, l net.Listener) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, srv.Close())
		require.ErrorIs(t, <-ended, quaymaster.ErrServerClosed)
	})
}
