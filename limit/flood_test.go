package limit_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	client "github.com/pkg/sftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/limit"
)

// stall opens n connections that send nothing, from several addresses.
func stall(t *testing.T, addr string, n int, source func(i int) string) (close func()) {
	t.Helper()
	var conns []net.Conn
	for i := range n {
		conns = append(conns, dialFrom(t, source(i), addr))
	}
	return func() {
		for _, nc := range conns {
			nc.Close()
		}
	}
}

// footprint returns the number of goroutines and the bytes in use.
func footprint() (goroutines int, heap uint64) {
	runtime.GC()
	runtime.GC() // finalizers and pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), m.HeapAlloc
}

// One address that opens a thousand connections and says nothing takes nothing
// away from others: with the defaults it gets nine, and the tenth place is
// never dropped.
func TestFloodFromOneAddress(t *testing.T) {
	needLoopback(t)
	srv := newServer(t)
	g := &limit.Gate{}
	rec := guard(srv, g)
	addr := start(t, srv, nil)
	hangUp := stall(t, addr, 1000, func(int) string { return "127.0.0.2" })
	defer hangUp()
	eventually(t, "shed", func() bool { return rec.count(refused(limit.ReasonStartupsPerSource)) == 991 })
	assert.Equal(t, 9, g.Conns())
	for range 20 {
		_, err := client.NewClient(mustLogIn(t, "127.0.0.1", addr, "u"))
		require.NoError(t, err)
	}
}

// A thousand stalled handshakes that are let in, from 250 addresses: a good
// client still gets in, they end with the time for the login, their addresses
// are banned for it, and nothing is left of them.
func TestStalledHandshakes(t *testing.T) {
	needLoopback(t)
	srv := newServer(t)
	srv.HandshakeTimeout = 8 * time.Second
	g := &limit.Gate{Startups: limit.Startups{Full: -1, PerSource: -1}}
	rec := guard(srv, g)
	addr := start(t, srv, nil)
	mustLogIn(t, "127.0.0.1", addr, "u").Close() // what is made once is made
	eventually(t, "gone", func() bool { return g.Conns() == 0 })
	goroutines, heap := footprint()

	source := func(i int) string { return fmt.Sprintf("127.0.1.%d", 1+i%250) }
	hangUp := stall(t, addr, 1000, source)
	defer hangUp()
	eventually(t, "all in", func() bool { return g.Conns() == 1000 })
	took := took(func() { mustLogIn(t, "127.0.0.1", addr, "u").Close() })
	assert.Less(t, took, 3*time.Second)

	eventually(t, "all out", func() bool { return g.Held() == 0 })
	late := rec.count(func(e *quaymaster.Event) bool {
		return e.Kind == quaymaster.KindDisconnect && assert.ObjectsAreEqual(quaymaster.ErrLoginTimeout, e.Err)
	})
	assert.Equal(t, 1000, late)
	assert.Len(t, g.Bans(), 250, "four times ten seconds each")
	failLogIn(t, source(0), addr, "u", "p")
	hangUp()
	rec.forget()
	eventually(t, "goroutines", func() bool { n, _ := footprint(); return n <= goroutines+5 })
	_, after := footprint()
	assert.Less(t, after, heap+2<<20, "bytes in use; 250 bans among them")
}

// A client that sends one byte at a time does not get more time by it.
func TestSlowHandshake(t *testing.T) {
	srv := newServer(t)
	srv.HandshakeTimeout = time.Second
	rec := guard(srv, &limit.Gate{})
	nc := dialFrom(t, "127.0.0.1", start(t, srv, nil))
	defer nc.Close()
	_, err := nc.Write([]byte("SSH-2.0-"))
	require.NoError(t, err)
	go func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := nc.Write([]byte("x")); err != nil {
				return
			}
		}
	}()
	took := took(func() { io.Copy(io.Discard, nc) })
	assert.Less(t, took, 5*time.Second)
	eventually(t, "told", func() bool {
		return rec.count(func(e *quaymaster.Event) bool {
			return e.Kind == quaymaster.KindDisconnect && assert.ObjectsAreEqual(quaymaster.ErrLoginTimeout, e.Err)
		}) == 1
	})
}
