package sshd_test

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/internal/rawssh"
	"github.com/quaymaster/quaymaster/sshd"
)

// Tests of peers that are logged in and attack the connection protocol.

const window, maxPacket = 1 << 20, 1 << 15 // what a test grants the server

// loginRaw logs in as "u".
func loginRaw(t testing.TB, addr string) *rawssh.Conn {
	t.Helper()
	c, err := rawssh.Login(addr, "u", "p")
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func openRaw(t testing.TB, c *rawssh.Conn, id uint32) (server uint32) {
	t.Helper()
	server, err := c.OpenSession(id, window, maxPacket)
	require.NoError(t, err)
	return server
}

// startEcho opens a channel with the echo subsystem.
func startEcho(t testing.TB, c *rawssh.Conn, id uint32) (server uint32) {
	t.Helper()
	server = openRaw(t, c, id)
	require.NoError(t, c.Start(server, "subsystem", "echo"))
	return server
}

// echoes requires that data comes back.
func echoes(t testing.TB, c *rawssh.Conn, server uint32) {
	t.Helper()
	require.NoError(t, c.Data(server, []byte("still there?")))
	packet, err := c.Await(rawssh.MsgChannelData)
	require.NoError(t, err)
	assert.True(t, bytes.HasSuffix(packet, []byte("still there?")))
}

// flood writes until it can't.
var flood = sshd.HandlerFunc(func(_ context.Context, s *sshd.Session) error {
	for {
		if _, err := s.Write(make([]byte, 64<<10)); err != nil {
			return err
		}
	}
})

// deaf reads nothing, until the client is gone.
var deaf = sshd.HandlerFunc(func(ctx context.Context, _ *sshd.Session) error {
	<-ctx.Done()
	return nil
})

// heap returns what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // pools give their contents up at the second one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// grows returns by how much the memory in use is more than before.
func grows(before uint64) int64 { return int64(heap()) - int64(before) }

// x/crypto CVE-2026-39827: a channel that was refused leaves nothing behind.
func TestCVE2026_39827_RejectedChannels(t *testing.T) {
	c := loginRaw(t, start(t, &sshd.Server{MaxChannels: 1}))
	server := startEcho(t, c, 0)
	refuse := func(n int) {
		for i := range n {
			kind := []string{"session", "x11", "direct-tcpip", ""}[i%4]
			require.NoError(t, c.SendMsg(&rawssh.ChannelOpen{
				Type: kind, ID: uint32(i), Window: window, MaxPacket: maxPacket, Rest: bytes.Repeat([]byte("x"), 100),
			}))
			_, err := c.Await(rawssh.MsgChannelFailed)
			require.NoError(t, err)
		}
	}
	refuse(100)
	before := heap()
	refuse(10_000)
	assert.Less(t, grows(before), int64(1<<20))
	echoes(t, c, server)
}

// x/crypto CVE-2026-39830: replies to what was never asked are dropped and hold
// nobody up.
func TestCVE2026_39830_UnsolicitedReplies(t *testing.T) {
	t.Parallel()
	c := loginRaw(t, start(t, &sshd.Server{}))
	server := startEcho(t, c, 0)
	channel := ssh.Marshal(struct{ ID uint32 }{server})
	for range 5_000 {
		for _, m := range [][]byte{
			{rawssh.MsgRequestSuccess}, {rawssh.MsgRequestFailure},
			append([]byte{rawssh.MsgChannelSuccess}, channel...), append([]byte{rawssh.MsgChannelFailure}, channel...),
		} {
			require.NoError(t, c.Send(m))
		}
	}
	echoes(t, c, server)
}

// x/crypto CVE-2026-46597: a padding that is longer than its packet, at each
// length where the arithmetic could go wrong.
func TestCVE2026_46597_Padding(t *testing.T) {
	t.Parallel()
	addr := start(t, &sshd.Server{})
	for _, size := range []int{1, 2, 4, 5, 15, 16, 17, 255, 256, 257, 272} {
		for _, padding := range []byte{0, 3, 4, byte(size - 2), byte(size - 1), byte(size), 254, 255} {
			c, err := rawssh.Dial(addr)
			require.NoError(t, err)
			require.NoError(t, c.KeyExchange(nil))
			body := make([]byte, size)
			body[0] = padding
			require.NoError(t, c.SendBody(body))
			c.Close()
		}
	}
	c := loginRaw(t, addr)
	echoes(t, c, startEcho(t, c, 0))
}

// x/crypto panicked when exit-status or exit-signal were cut short, which only
// servers send. Here they are requests like others that are not known.
func TestExitStatusFromClient(t *testing.T) {
	t.Parallel()
	c := loginRaw(t, start(t, &sshd.Server{}))
	server := startEcho(t, c, 0)
	for _, kind := range []string{"exit-status", "exit-signal"} {
		for _, payload := range [][]byte{nil, {0}, {0, 0, 0}, {255, 255, 255, 255}, {0, 0, 0, 4, 'K'}} {
			ok, err := c.Request(server, kind, payload)
			require.NoError(t, err)
			assert.False(t, ok)
		}
	}
	echoes(t, c, server)
}

// What is addressed to a channel that is not there, or in no state for it, ends
// at the most the connection that it came on.
func TestMessagesOutOfPlace(t *testing.T) {
	t.Parallel()
	for name, attack := range map[string]func(c *rawssh.Conn, server uint32) error{
		"data for no channel":     func(c *rawssh.Conn, _ uint32) error { return c.Data(77, []byte("x")) },
		"data for the last":       func(c *rawssh.Conn, _ uint32) error { return c.Data(1<<32-1, []byte("x")) },
		"close of no channel":     func(c *rawssh.Conn, _ uint32) error { return c.CloseChannel(77) },
		"adjust of no channel":    func(c *rawssh.Conn, _ uint32) error { return c.SendMsg(&rawssh.WindowAdjust{Channel: 77, Add: 1}) },
		"confirmation":            func(c *rawssh.Conn, s uint32) error { return c.Send(append([]byte{91}, make([]byte, 16)...)) },
		"refusal":                 func(c *rawssh.Conn, s uint32) error { return c.Send(append([]byte{92}, make([]byte, 16)...)) },
		"short data":              func(c *rawssh.Conn, s uint32) error { return c.Send([]byte{94, 0, 0, 0}) },
		"data of a wrong length":  func(c *rawssh.Conn, s uint32) error { return c.Send([]byte{94, 0, 0, 0, byte(s), 0, 0, 1, 0, 'x'}) },
		"data of 4 GiB":           func(c *rawssh.Conn, s uint32) error { return c.Send([]byte{94, 0, 0, 0, byte(s), 255, 255, 255, 255}) },
		"short open":              func(c *rawssh.Conn, s uint32) error { return c.Send([]byte{90, 0, 0, 0, 7}) },
		"short request":           func(c *rawssh.Conn, s uint32) error { return c.Send([]byte{98, 0, 0, 0, byte(s), 0, 0, 0, 200, 'x'}) },
		"short global request":    func(c *rawssh.Conn, s uint32) error { return c.Send([]byte{80, 255, 255, 255, 255}) },
		"short ping":              func(c *rawssh.Conn, s uint32) error { return c.Send([]byte{192, 0}) },
		"login when logged in":    func(c *rawssh.Conn, s uint32) error { return c.SendPassword("admin", "p") },
		"service when logged in":  func(c *rawssh.Conn, s uint32) error { return c.RequestService("ssh-userauth") },
		"NEWKEYS without KEXINIT": func(c *rawssh.Conn, s uint32) error { return c.Send([]byte{21}) },
		"unknown message":         func(c *rawssh.Conn, s uint32) error { return c.Send([]byte{250, 1, 2, 3, 4, 5}) },
		"double close": func(c *rawssh.Conn, s uint32) error {
			if err := c.CloseChannel(s); err != nil {
				return err
			}
			return c.CloseChannel(s)
		},
		"data after close": func(c *rawssh.Conn, s uint32) error {
			if err := c.CloseChannel(s); err != nil {
				return err
			}
			return c.Data(s, []byte("x"))
		},
		"window overflows": func(c *rawssh.Conn, s uint32) error {
			return c.SendMsg(&rawssh.WindowAdjust{Channel: s, Add: 1<<32 - 1})
		},
	} {
		rec := &recorder{}
		addr := start(t, &sshd.Server{Sink: rec})
		good := loginRaw(t, addr)
		echo := startEcho(t, good, 0)
		c := loginRaw(t, addr)
		attack(c, startEcho(t, c, 0)) // the server may be quicker than the attack
		_, err := c.Ended()
		require.NoError(t, err, "%s: the server must hang up", name)
		eventually(t, name, func() bool { return rec.find(quaymaster.KindLogout) != nil })
		assert.Error(t, rec.find(quaymaster.KindLogout).Err, name)
		echoes(t, good, echo)
		good.Close()
	}
}

// These are in no state for it either, but harmless.
func TestDataAfterEOF(t *testing.T) {
	t.Parallel()
	c := loginRaw(t, start(t, &sshd.Server{Subsystems: map[string]sshd.Handler{"echo": echo, "deaf": deaf}}))
	server := openRaw(t, c, 0)
	require.NoError(t, c.Start(server, "subsystem", "deaf"))
	for range 3 {
		require.NoError(t, c.Send([]byte{rawssh.MsgChannelEOF, 0, 0, 0, byte(server)}))
		require.NoError(t, c.Data(server, []byte("x")))
	}
	ok, err := c.Request(77, "env", nil)
	require.NoError(t, err)
	assert.False(t, ok, "RFC 4254 section 5.4: a request for no channel is answered")
	echoes(t, c, startEcho(t, c, 1))
}

// A peer that ignores its window is cut off when the window is full.
func TestPeerOverflowsWindow(t *testing.T) {
	rec := &recorder{}
	c := loginRaw(t, start(t, &sshd.Server{Sink: rec, Subsystems: map[string]sshd.Handler{"deaf": deaf}}))
	server := openRaw(t, c, 0)
	require.NoError(t, c.Start(server, "subsystem", "deaf"))
	before := heap()
	// A window of 64 packets, and fewer beyond it than x/crypto/ssh queues: with
	// more it may not end by itself, see within.
	for range 64 + 8 {
		if c.Data(server, make([]byte, 1<<15)) != nil {
			break
		}
	}
	assert.ErrorContains(t, disconnected(t, rec), "too much")
	assert.Less(t, grows(before), int64(4<<20))
}

// A window that never opens stops one channel, and costs little.
func TestZeroWindow(t *testing.T) {
	rec := &recorder{}
	addr := start(t, &sshd.Server{
		Sink: rec, IdleTimeout: time.Second, KeepAlive: -1,
		Subsystems: map[string]sshd.Handler{"echo": echo}, Commands: map[string]sshd.Handler{"flood": flood},
	})
	c := loginRaw(t, addr)
	before := heap()
	for id := range uint32(5) {
		server, err := c.OpenSession(id, 0, maxPacket)
		require.NoError(t, err)
		require.NoError(t, c.Start(server, "exec", "flood"))
	}
	echoes(t, c, startEcho(t, c, 9))
	assert.Less(t, grows(before), int64(1<<20))
	seen, err := c.Ended()
	require.NoError(t, err, "the idle timeout must end it")
	assert.NotContains(t, seen, byte(rawssh.MsgChannelData))
	assert.ErrorIs(t, disconnected(t, rec), quaymaster.ErrIdle)
}

// The same on the error stream.
func TestZeroWindowOfStderr(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	c := loginRaw(t, start(t, &sshd.Server{
		Sink: rec, IdleTimeout: 200 * time.Millisecond, KeepAlive: -1,
		Commands: map[string]sshd.Handler{"complain": sshd.HandlerFunc(func(_ context.Context, s *sshd.Session) error {
			_, err := io.WriteString(s.Stderr(), "no")
			return err
		})},
	}))
	server, err := c.OpenSession(0, 0, maxPacket)
	require.NoError(t, err)
	require.NoError(t, c.Start(server, "exec", "complain"))
	assert.ErrorIs(t, disconnected(t, rec), quaymaster.ErrIdle)
}

// ProFTPD bug 2242: packets without room for data must not become a loop.
func TestTinyMaxPacket(t *testing.T) {
	t.Parallel()
	c := loginRaw(t, start(t, &sshd.Server{}))
	for _, size := range []uint32{0, 1, 8, 1<<31 + 1, 1<<32 - 1} {
		_, err := c.OpenSession(0, window, size)
		var refused *ssh.OpenChannelError
		assert.ErrorAs(t, err, &refused, "%d", size)
	}
	server, err := c.OpenSession(0, window, 9)
	require.NoError(t, err)
	require.NoError(t, c.Start(server, "subsystem", "echo"))
	require.NoError(t, c.Data(server, bytes.Repeat([]byte("x"), 1000)))
	for got := 0; got < 1000; {
		packet, err := c.Await(rawssh.MsgChannelData)
		require.NoError(t, err)
		require.LessOrEqual(t, len(packet), 9+9)
		got += len(packet) - 9
	}
}

func TestChannelFlood(t *testing.T) {
	t.Parallel()
	c := loginRaw(t, start(t, &sshd.Server{}))
	open := 0
	for id := range uint32(1000) {
		if _, err := c.OpenSession(id, window, maxPacket); err == nil {
			open++
		}
	}
	assert.Equal(t, 10, open)
	require.NoError(t, c.Alive())
}

// Requests without end are answered one by one.
func TestRequestFlood(t *testing.T) {
	c := loginRaw(t, start(t, &sshd.Server{}))
	server := startEcho(t, c, 0)
	before := heap()
	for i := range 10_000 {
		kind := []string{"env", "window-change", "x11-req", "signal", "keepalive@openssh.com", "subsystem", "nonsense"}[i%7]
		payload := ssh.Marshal(struct{ Name, Value string }{strings.Repeat("LC_X", i%300), "x"})
		ok, err := c.Request(server, kind, payload)
		require.NoError(t, err)
		assert.False(t, ok && kind != "env", kind)
		if i%4 == 0 {
			require.NoError(t, c.Alive())
		}
	}
	assert.Less(t, grows(before), int64(1<<20))
	echoes(t, c, server)
}

// Requests that are sent without reading the answers stop at some point, and
// that client only.
func TestRequestFloodWithoutReading(t *testing.T) {
	rec := &recorder{}
	addr := start(t, &sshd.Server{Sink: rec, KeepAlive: 200 * time.Millisecond})
	c := loginRaw(t, addr)
	server := startEcho(t, c, 0)
	before := heap()
	ended := make(chan struct{})
	go func() { // ends with the connection
		defer close(ended)
		for c.SendMsg(&rawssh.ChannelRequest{Channel: server, Type: "nonsense", Reply: true, Payload: make([]byte, 10)}) == nil {
		}
	}()
	// What the system keeps for the client must be full first: millions of bytes.
	require.Eventually(t, func() bool { return rec.find(quaymaster.KindDisconnect) != nil }, time.Minute, 10*time.Millisecond)
	assert.ErrorIs(t, disconnected(t, rec), quaymaster.ErrConnLost)
	<-ended
	assert.Less(t, grows(before), int64(1<<20))
	good := loginRaw(t, addr)
	echoes(t, good, startEcho(t, good, 0))
}

// Requests for a channel whose handler has ended must not hold up the others.
func TestRequestsAfterTheEnd(t *testing.T) {
	t.Parallel()
	c := loginRaw(t, start(t, &sshd.Server{
		Subsystems: map[string]sshd.Handler{"echo": echo},
		Commands:   map[string]sshd.Handler{"true": sshd.HandlerFunc(func(context.Context, *sshd.Session) error { return nil })},
	}))
	other := startEcho(t, c, 1)
	server := openRaw(t, c, 0)
	require.NoError(t, c.Start(server, "exec", "true"))
	_, err := c.Await(rawssh.MsgChannelClose)
	require.NoError(t, err)
	for range 100 {
		require.NoError(t, c.SendMsg(&rawssh.ChannelRequest{Channel: server, Type: "nonsense"}))
	}
	echoes(t, c, other)
}

// A client that never closes its half of a channel keeps the place, so that it
// can't have any number of them and a window full of data in each.
func TestChannelsLeftHalfClosed(t *testing.T) {
	c := loginRaw(t, start(t, &sshd.Server{
		Commands: map[string]sshd.Handler{"true": sshd.HandlerFunc(func(context.Context, *sshd.Session) error { return nil })},
	}))
	before := heap()
	var servers []uint32
	for id := range uint32(30) {
		server, err := c.OpenSession(id, window, maxPacket)
		if err != nil {
			var refused *ssh.OpenChannelError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, ssh.ResourceShortage, refused.Reason)
			continue
		}
		servers = append(servers, server)
		require.NoError(t, c.Start(server, "exec", "true"))
		_, err = c.Await(rawssh.MsgChannelClose)
		require.NoError(t, err)
		for range 60 {
			require.NoError(t, c.Data(server, make([]byte, 1<<15)))
		}
	}
	require.NoError(t, c.Alive())
	assert.Len(t, servers, 10)
	assert.Less(t, grows(before), int64(30<<20), "ten windows of 2 MiB")
	for _, server := range servers {
		require.NoError(t, c.CloseChannel(server))
	}
	require.NoError(t, c.Alive())
	assert.Less(t, grows(before), int64(1<<20))
	eventually(t, "room again", func() bool { _, err := c.OpenSession(0, window, maxPacket); return err == nil })
}

// Command lines that no honest client sends.
func TestHostileCommandLines(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	ran := sshd.HandlerFunc(func(_ context.Context, s *sshd.Session) error {
		_, err := io.WriteString(s, s.Command())
		return err
	})
	addr := start(t, &sshd.Server{Sink: rec, Commands: map[string]sshd.Handler{"run": ran}, Subsystems: map[string]sshd.Handler{"run": ran}})
	c := loginRaw(t, addr)
	server := openRaw(t, c, 0)
	for _, line := range []string{"run\x00", "\x00run", "run\x00 x", "run\n", "run;run", "r\x00un", "run " + strings.Repeat("x", 64<<10)} {
		for _, kind := range []string{"exec", "subsystem"} {
			ok, err := c.Request(server, kind, ssh.Marshal(struct{ Line string }{line}))
			require.NoError(t, err)
			assert.False(t, ok, "%s %.20q", kind, line)
		}
	}
	rec.mu.Lock()
	for _, e := range rec.events {
		assert.Less(t, len(e.Target), 32<<10, "%s", e.Kind)
	}
	rec.mu.Unlock()
	require.NoError(t, c.Start(server, "exec", "run "+strings.Repeat("x", 30_000)))
	_, err := c.Await(rawssh.MsgChannelData)
	require.NoError(t, err)

	c = loginRaw(t, addr)
	server = openRaw(t, c, 0)
	c.Request(server, "exec", ssh.Marshal(struct{ Line string }{strings.Repeat("x", 1<<20)}))
	_, err = c.Ended()
	assert.NoError(t, err, "a packet of 1 MiB ends the connection")
}
