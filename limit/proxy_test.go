package limit_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/limit"
)

// pipes is a Listener of connections that the test makes.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	nc, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return nc, nil
}

func (p pipes) Close() error { close(p); return nil }
func (pipes) Addr() net.Addr { return tcpAddr("127.0.0.1:22") }

func tcpAddr(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

// fromAddr is a pipe with addresses.
type fromAddr struct {
	net.Conn
	remote net.Addr
}

func (c fromAddr) RemoteAddr() net.Addr { return c.remote }
func (c fromAddr) LocalAddr() net.Addr  { return tcpAddr("10.0.0.2:22") }

// accepted passes a connection from the given address through l, writes sent
// into it, and returns the server's end and the client's.
func accepted(t testing.TB, l *limit.ProxyListener, from string, sent []byte) (server, client net.Conn) {
	t.Helper()
	client, far := net.Pipe()
	wire := make(pipes, 1)
	wire <- fromAddr{far, tcpAddr(from)}
	l.Listener, l.Logger = wire, discard
	server, err := l.Accept()
	require.NoError(t, err)
	go client.Write(sent) // ends with the pipe
	t.Cleanup(func() { client.Close(); server.Close() })
	return server, client
}

const proxy = "10.0.0.1:4711"

func trusting() *limit.ProxyListener { return &limit.ProxyListener{Trusted: prefixes("10.0.0.0/24")} }

// v2 is a header of version 2.
func v2(command, family byte, rest ...byte) []byte {
	b := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), command, family)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(rest))), rest...)
}

var v4addrs = []byte{192, 0, 2, 1, 198, 51, 100, 1, 0x30, 0x39, 0, 22}

func TestProxyHeader(t *testing.T) {
	v6addrs := append(append(netip.MustParseAddr("2001:db8::1").AsSlice(), netip.MustParseAddr("2001:db8::2").AsSlice()...), 0x30, 0x39, 0, 22)
	for _, tt := range []struct {
		name          string
		header        []byte
		remote, local string
	}{
		{"v1 IPv4", []byte("PROXY TCP4 192.0.2.1 198.51.100.1 12345 22\r\n"), "192.0.2.1:12345", "198.51.100.1:22"},
		{"v1 IPv6", []byte("PROXY TCP6 2001:db8::1 2001:db8::2 12345 22\r\n"), "[2001:db8::1]:12345", "[2001:db8::2]:22"},
		{"v1 unknown", []byte("PROXY UNKNOWN\r\n"), proxy, "10.0.0.2:22"},
		{"v2 IPv4", v2(0x21, 0x11, v4addrs...), "192.0.2.1:12345", "198.51.100.1:22"},
		{"v2 IPv4 with extension", v2(0x21, 0x11, append(v4addrs[:12:12], 0xee, 0, 1, 'x')...), "192.0.2.1:12345", "198.51.100.1:22"},
		{"v2 IPv6", v2(0x21, 0x21, v6addrs...), "[2001:db8::1]:12345", "[2001:db8::2]:22"},
		{"v2 local", v2(0x20, 0), proxy, "10.0.0.2:22"},
		{"v2 local with addresses", v2(0x20, 0x11, v4addrs...), proxy, "10.0.0.2:22"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			nc, _ := accepted(t, trusting(), proxy, append(tt.header, "SSH-2.0-x"...))
			assert.Equal(t, tt.remote, nc.RemoteAddr().String())
			assert.Equal(t, tt.local, nc.LocalAddr().String())
			buf := make([]byte, 9)
			_, err := io.ReadFull(nc, buf)
			require.NoError(t, err)
			assert.Equal(t, "SSH-2.0-x", string(buf), "what follows is data")
		})
	}
}

func TestBadProxyHeader(t *testing.T) {
	for name, sent := range map[string][]byte{
		"none":            []byte("SSH-2.0-OpenSSH_9.2\r\n"),
		"v1 cut":          []byte("PROXY TCP4 192.0.2.1 198"),
		"v1 too long":     []byte("PROXY UNKNOWN " + strings.Repeat("x", 200) + "\r\n"),
		"v1 bad address":  []byte("PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n"),
		"v1 zone":         []byte("PROXY TCP6 fe80::1%eth0 2001:db8::2 1 2\r\n"),
		"v1 wrong family": []byte("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"),
		"v1 no source":    []byte("PROXY TCP4 0.0.0.0 198.51.100.1 1 2\r\n"),
		"v1 multicast":    []byte("PROXY TCP4 224.0.0.1 198.51.100.1 1 2\r\n"),
		"v2 UDP":          v2(0x21, 0x12, v4addrs...),
		"v2 unix":         v2(0x21, 0x31, make([]byte, 216)...),
		"v2 oversize":     v2(0x21, 0x11, make([]byte, 60_000)...),
		"v2 bad command":  v2(0x2f, 0x11, v4addrs...),
		"v2 bad family":   v2(0x21, 0x13, v4addrs...),
		"v2 short":        v2(0x21, 0x11, v4addrs[:4]...),
	} {
		t.Run(name, func(t *testing.T) {
			nc, client := accepted(t, trusting(), proxy, sent)
			assert.Equal(t, "unknown behind "+proxy, nc.RemoteAddr().String())
			assert.Equal(t, "10.0.0.2:22", nc.LocalAddr().String())
			_, err := nc.Read(make([]byte, 1))
			assert.Error(t, err)
			_, err = nc.Write([]byte("x"))
			assert.Error(t, err)
			_, err = client.Read(make([]byte, 1))
			assert.ErrorIs(t, err, io.EOF, "closed")

			// It is no fault of the proxy, which stands for all its clients.
			g := quiet(&limit.Gate{})
			c := &quaymaster.Conn{ID: "x", Protocol: "ssh", Remote: nc.RemoteAddr()}
			defer enter(t, g, c, "")()
			g.Emit(t.Context(), &quaymaster.Event{Kind: quaymaster.KindDisconnect, Conn: c, Err: quaymaster.ErrPanic})
			assert.Empty(t, g.Bans())
		})
	}
}

// A header that does not come must not hold up anything but its connection.
func TestProxyHeaderTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for want, l := range map[time.Duration]*limit.ProxyListener{
			5 * time.Second: trusting(),
			time.Second:     {Trusted: prefixes("10.0.0.0/24"), HeaderTimeout: time.Second},
		} {
			nc, client := accepted(t, l, proxy, nil)
			assert.Equal(t, want, took(func() { assert.Contains(t, nc.RemoteAddr().String(), "unknown") }))
			_, err := client.Read(make([]byte, 1))
			assert.ErrorIs(t, err, io.EOF)
		}
		nc, _ := accepted(t, trusting(), proxy, []byte("PROXY TCP4 192.0.2.1 198.51.100.1 12345 22\r\n"))
		assert.Equal(t, "192.0.2.1:12345", nc.RemoteAddr().String())
		synctest.Wait()
		time.Sleep(time.Hour)
		go func() {
			_, err := nc.Read(make([]byte, 1))
			assert.ErrorIs(t, err, io.ErrClosedPipe, "the time is for the header only")
		}()
		time.Sleep(time.Hour)
		nc.Close()
		synctest.Wait()
	})
}

// Whoever is not trusted can't choose an address.
func TestProxyHeaderFromOthers(t *testing.T) {
	header := []byte("PROXY TCP4 192.0.2.1 198.51.100.1 12345 22\r\n")
	for _, l := range []*limit.ProxyListener{trusting(), {}} {
		nc, _ := accepted(t, l, "203.0.113.5:1", header)
		assert.Equal(t, "203.0.113.5:1", nc.RemoteAddr().String())
		buf := make([]byte, len(header))
		_, err := io.ReadFull(nc, buf)
		require.NoError(t, err)
		assert.Equal(t, header, buf, "it is data")
	}

	wire := make(pipes, 2)
	l := trusting()
	l.Listener, l.Logger, l.RefuseOthers = wire, discard, true
	refused, far := net.Pipe()
	wire <- fromAddr{far, tcpAddr("203.0.113.5:1")}
	_, far = net.Pipe()
	wire <- fromAddr{far, tcpAddr("[::ffff:10.0.0.9]:1")}
	nc, err := l.Accept()
	require.NoError(t, err)
	defer nc.Close()
	_, err = refused.Read(make([]byte, 1))
	assert.ErrorIs(t, err, io.EOF, "closed, and the next one accepted")
	require.NoError(t, l.Close())
	_, err = l.Accept()
	assert.ErrorIs(t, err, net.ErrClosed)
}

func TestProxyInvalidConfiguration(t *testing.T) {
	l := &limit.ProxyListener{Listener: make(pipes), Trusted: []netip.Prefix{{}}}
	_, err := l.Accept()
	assert.ErrorContains(t, err, "Trusted[0]")
	assert.ErrorIs(t, err, net.ErrClosed, "servers stop")
}

// Whatever is sent, the address is that of a header that stands there in full,
// or none, and the data after it is untouched.
func FuzzProxy(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.1 198.51.100.1 12345 22\r\ndata"))
	f.Add([]byte("PROXY TCP6 2001:db8::1 2001:db8::2 12345 22\r\n"))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	f.Add(append(v2(0x21, 0x11, v4addrs...), "data"...))
	f.Add(v2(0x20, 0))
	f.Add(v2(0x21, 0x31, make([]byte, 216)...))
	f.Add([]byte("SSH-2.0-x\r\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		client, far := net.Pipe()
		wire := make(pipes, 1)
		wire <- fromAddr{far, tcpAddr(proxy)}
		l := trusting()
		l.Listener, l.Logger = wire, discard
		nc, err := l.Accept()
		require.NoError(t, err)
		wrote := make(chan struct{})
		go func() {
			defer close(wrote)
			client.Write(sent)
			client.Close()
		}()
		remote := nc.RemoteAddr()
		require.NotNil(t, remote)
		require.NotNil(t, nc.LocalAddr())
		rest, err := io.ReadAll(nc)
		nc.Close()
		<-wrote
		if strings.HasPrefix(remote.String(), "unknown") {
			assert.Error(t, err)
			assert.Empty(t, rest)
			return
		}
		ap, perr := netip.ParseAddrPort(remote.String())
		require.NoError(t, perr)
		assert.False(t, ap.Addr().IsUnspecified() || ap.Addr().IsMulticast())
		require.NoError(t, err)
		require.True(t, bytes.HasSuffix(sent, rest))
		header := sent[:len(sent)-len(rest)]
		assert.True(t, bytes.HasPrefix(header, []byte("PROXY ")) || bytes.HasPrefix(header, []byte("\r\n\r\n\x00\r\nQUIT\n")))
	})
}
