package sshd_test

import (
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/internal/rawssh"
	"github.com/quaymaster/quaymaster/limit"
	"github.com/quaymaster/quaymaster/sshd"
)

// Tests of many bad peers at once. They count goroutines and memory of the
// whole process, so they must not run in parallel with others.

// baseline notes how many goroutines there are and how much memory is in use,
// and returns what requires that both are the same again.
func baseline(t testing.TB) (restored func()) {
	t.Helper()
	goroutines, before := runtime.NumGoroutine(), heap()
	return func() {
		t.Helper()
		eventually(t, "goroutines are gone", func() bool { return runtime.NumGoroutine() <= goroutines+2 })
		assert.Less(t, grows(before), int64(4<<20))
	}
}

func (r *recorder) count(k quaymaster.Kind) (n int) {
	for _, kind := range r.kinds() {
		if kind == k {
			n++
		}
	}
	return n
}

// forget gives up the memory of the events, which is not the server's.
func (r *recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = nil
}

// cutConn breaks off after so many bytes were written.
type cutConn struct {
	net.Conn
	left int
}

var errCut = errors.New("cut off")

func (c *cutConn) Write(p []byte) (int, error) {
	if len(p) <= c.left {
		c.left -= len(p)
		return c.Conn.Write(p)
	}
	c.Conn.Write(p[:c.left])
	c.left = 0
	c.Conn.Close()
	return 0, errCut
}

// handshake goes as far as it can.
func handshake(nc net.Conn) error {
	c, err := rawssh.New(nc, rawssh.Version)
	if err != nil {
		return err
	}
	return c.Login("u", "p")
}

// regreSSHion, CVE-2024-6387, and its kind: connections that end at any byte of
// the handshake, in order or by a reset, leave nothing behind.
func TestCVE2024_6387_DroppedHandshakes(t *testing.T) {
	const clients = 16
	drops := 2000
	if testing.Short() {
		drops = 200 // takes several seconds
	}
	gate, rec := &countingGate{}, &recorder{}
	addr := start(t, &sshd.Server{Gate: gate, Sink: rec})
	drop := func(at int) {
		nc, err := net.Dial("tcp", addr)
		if !assert.NoError(t, err) {
			return
		}
		if at%2 == 0 {
			nc.(*net.TCPConn).SetLinger(0) // a reset
		}
		handshake(&cutConn{nc, at})
		nc.Close()
	}
	counted := &cutConn{nil, 1 << 30}
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	counted.Conn = nc
	require.NoError(t, handshake(counted))
	nc.Close()
	length := 1<<30 - counted.left
	for at := range 20 {
		drop(at)
	}

	restored := baseline(t)
	var left atomic.Int64
	left.Store(int64(drops))
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				drop(rand.IntN(length + 1))
			}
		})
	}
	wg.Wait()
	eventually(t, "all are gone", func() bool { return gate.open() == 0 })
	eventually(t, "all are told", func() bool { return rec.count(quaymaster.KindConnect) == rec.count(quaymaster.KindDisconnect) })
	assert.GreaterOrEqual(t, rec.count(quaymaster.KindConnect), drops)
	rec.forget()
	gate.mu.Lock()
	gate.users = nil
	gate.mu.Unlock()
	restored()
	dial(t, addr)
}

// stall opens a connection that goes no further than a stage of the handshake.
func stall(dialer *net.Dialer, addr string, stage int) (net.Conn, error) {
	nc, err := dialer.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	switch stage {
	case 1:
		_, err = io.WriteString(nc, "SSH-2.0-st")
	case 2:
		_, err = io.WriteString(nc, "SSH-2.0-stalled\r\n")
	case 3:
		_, err = io.WriteString(nc, "SSH-2.0-stalled\r\n\x00\x00\x01\x00\x05\x14")
	case 4:
		var c *rawssh.Conn
		if c, err = rawssh.New(nc, rawssh.Version); err == nil {
			err = c.Send(ssh.Marshal(rawssh.NewKexInit()))
		}
	}
	return nc, err
}

// A thousand clients that never get through the handshake keep no good one
// out, whether a Gate sheds them or not, and are gone in the end.
func TestStalledHandshakes(t *testing.T) {
	attackers := 1000
	if testing.Short() {
		attackers = 100 // takes several seconds
	}
	elsewhere := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	if runtime.GOOS == "darwin" || runtime.GOOS == "freebsd" {
		t.Skip("needs a second loopback address")
	}
	for name, gate := range map[string]*limit.Gate{"without a Gate": nil, "with a Gate": {Logger: slog.New(slog.DiscardHandler)}} {
		t.Run(name, func(t *testing.T) {
			rec := &recorder{}
			srv := &sshd.Server{HandshakeTimeout: 30 * time.Second, Sink: rec}
			if gate != nil {
				srv.Gate, srv.Sink = gate, quaymaster.Sinks(gate, rec)
			}
			addr := start(t, srv)
			dial(t, addr).Close()
			restored := baseline(t)
			conns := make([]net.Conn, attackers)
			var wg sync.WaitGroup
			for i := range conns {
				wg.Go(func() {
					// With a Gate most are refused, at any point.
					nc, err := stall(elsewhere, addr, i%5)
					if nc != nil {
						conns[i] = nc
					}
					if gate == nil {
						assert.NoError(t, err)
					}
				})
			}
			wg.Wait()
			for range 5 {
				began := time.Now()
				c := dial(t, addr)
				require.NoError(t, newSession(t, c).RequestSubsystem("echo"))
				assert.Less(t, time.Since(began), 5*time.Second)
				c.Close()
			}
			if gate == nil {
				there := rec.count(quaymaster.KindConnect) - rec.count(quaymaster.KindDisconnect)
				assert.GreaterOrEqual(t, there, attackers, "they are all still there")
				assert.Less(t, int64(heap())/int64(attackers), int64(200<<10), "bytes for each")
			}
			for _, nc := range conns {
				if nc != nil {
					nc.Close()
				}
			}
			clear(conns)
			rec.forget() // what is still to come is little
			restored()
		})
	}
}

// Nor do they stay when they do not go by themselves.
func TestStalledHandshakesAreCutOff(t *testing.T) {
	rec := &recorder{}
	addr := start(t, &sshd.Server{HandshakeTimeout: 300 * time.Millisecond, Sink: rec})
	dial(t, addr).Close()
	restored := baseline(t)
	for i := range 100 {
		nc, err := stall(&net.Dialer{}, addr, i%5)
		require.NoError(t, err)
		defer nc.Close()
	}
	eventually(t, "all cut off", func() bool { return rec.count(quaymaster.KindDisconnect) == 101 })
	rec.mu.Lock()
	for _, e := range rec.events {
		if e.Kind == quaymaster.KindDisconnect && e.User == "" {
			assert.ErrorIs(t, e.Err, quaymaster.ErrLoginTimeout)
		}
	}
	rec.mu.Unlock()
	restored()
}
