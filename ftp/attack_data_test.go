package ftp_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/ftp"
	"github.com/quaymaster/quaymaster/internal/peer"
)

// FTP bounce (RFC 2577): the server connects to its client and to nobody else,
// and to no service of the system there.
func TestAttackBounce(t *testing.T) {
	p := newPrey(t, nil)
	p.write("a", "content")
	targets := []string{
		"PORT 127,0,0,2,30,1", "PORT 10,0,0,1,0,22", "PORT 0,0,0,0,30,1", "PORT 255,255,255,255,30,1", "PORT 224,0,0,1,30,1",
		"PORT 127,0,0,1,0,22", "PORT 127,0,0,1,3,255", "PORT 127,0,0,1,0,0", // below 1024
		"PORT 127,0,0,1,300,1", "PORT 127,0,0,1,-1,1", "PORT 127,0,0,1,30", "PORT 127,0,0,1,30,1,1", "PORT 127.0.0.1,30,1,1,1,1", "PORT 0x7f,0,0,1,30,1",
		"EPRT |1|127.0.0.2|5000|", "EPRT |1|127.0.0.1|22|", "EPRT |1|127.0.0.1|0|", "EPRT |1|0.0.0.0|5000|", "EPRT |1|127.0.0.1|65536|", "EPRT |1|127.0.0.1|-1|",
		"EPRT |2|::1|5000|", "EPRT |2|::ffff:127.0.0.2|5000|", "EPRT |2|::127.0.0.1|5000|", "EPRT |2|fe80::1%lo|5000|", "EPRT |2|::|5000|", "EPRT |1|::1|5000|",
		"EPRT |2|127.0.0.1|5000|", "EPRT |1|127.0.0.01|5000|", "EPRT |1|2130706433|5000|", "EPRT |1|localhost|5000|", "EPRT |1||5000|", "EPRT |3|x|5000|", "EPRT |",
	}
	c := p.login()
	for _, target := range targets {
		text := c.do(target)
		assert.Contains(t, []string{"501", "522"}, text[:3], target)
		assert.Equal(t, "425", c.do("RETR a")[:3], "after %s", target)
	}

	// From IPv6, and in the forms in which a client may write itself.
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here")
	}
	six := &prey{t: t, files: p.files, cert: p.cert}
	six.srv = &ftp.Server{Auth: p, Logger: p.srv.Logger}
	peer.ServeOn(t, six.srv, l)
	six.addr = l.Addr().String()
	c = six.login()
	for _, target := range []string{"EPRT |2|::2|5000|", "EPRT |2|::1|22|", "EPRT |1|127.0.0.1|5000|", "EPRT |2|::ffff:127.0.0.1|5000|", "PORT 127,0,0,1,30,1", "EPRT |2|::1%lo|5000|"} {
		assert.Contains(t, []string{"501", "522"}, c.do(target)[:3], target)
		assert.Equal(t, "425", c.do("RETR a")[:3], "after %s", target)
	}
	assert.Equal(t, "425", c.do("PASV")[:3], "no IPv4 address here")
	assert.Equal(t, "content", c.load("RETR a"))
	active, err := net.Listen("tcp", "[::1]:0")
	require.NoError(t, err)
	defer active.Close()
	c.want(200, fmt.Sprintf("EPRT |2|::1|%d|", active.Addr().(*net.TCPAddr).Port))
	c.want(150, "RETR a")
	d, err := active.Accept()
	require.NoError(t, err)
	data, err := io.ReadAll(d)
	require.NoError(t, err)
	d.Close()
	assert.Equal(t, "content", string(data))
	c.codes(226)
}

// Port stealing: who comes to the passive port from elsewhere is shown the
// door, and the client is served all the same.
func TestAttackPortStealing(t *testing.T) {
	p := newPrey(t, nil)
	c := p.login()
	thief := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	for _, order := range []string{"before", "after"} {
		at := c.passive()
		if order == "after" {
			c.want(150, "STOR a")
		}
		var thieves []net.Conn
		for range 20 {
			nc, err := thief.Dial("tcp", at)
			if err != nil {
				t.Skip("127.0.0.2 can't be used here")
			}
			defer nc.Close()
			thieves = append(thieves, nc)
		}
		if order == "before" {
			c.want(150, "STOR a")
		}
		for _, nc := range thieves {
			_, err := io.ReadAll(nc) // closed, with nothing said
			assert.NotErrorIs(t, err, os.ErrDeadlineExceeded)
		}
		d, err := net.Dial("tcp", at)
		require.NoError(t, err)
		_, err = io.WriteString(d, "mine "+order)
		require.NoError(t, err)
		d.Close()
		c.codes(226)
		assert.Equal(t, "mine "+order, p.read("a"))
		_, err = net.DialTimeout("tcp", at, 5*time.Second)
		assert.Error(t, err, "a port serves one transfer")
	}
}

// ProFTPD #2255: nothing takes EPSV ALL back but REIN.
func TestAttackEPSVAll(t *testing.T) {
	p := newPrey(t, nil)
	c := p.login()
	c.want(200, "EPSV ALL")
	refused := func() {
		t.Helper()
		c.want(503, "PASV")
		c.want(503, "PORT 127,0,0,1,30,1")
		c.want(503, "EPRT |1|127.0.0.1|5000|")
	}
	refused()
	c.passive()
	c.want(550, "RETR nothing")
	refused()
	d := c.begin("STOR a")
	require.NoError(t, d.SetLinger(0))
	require.NoError(t, d.Close())
	c.codes(426)
	refused()
	c.want(425, "LIST")
	refused()
}

func TestAttackPassivePorts(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := uint16(free.Addr().(*net.TCPAddr).Port)
	require.NoError(t, free.Close())
	p := newPrey(t, func(p *prey) { p.srv.PassivePorts = ftp.PortRange{First: port, Last: port} })
	hog, c := p.login(), p.login()
	at := hog.passive()
	start := time.Now()
	for range 10 {
		c.want(425, "PASV")
		c.want(425, "EPSV")
	}
	assert.Less(t, time.Since(start), 5*time.Second, "it does not wait for a port")
	assert.Equal(t, at, hog.passive(), "its own port is free for itself")
	hog.want(221, "QUIT")
	hog.gone()
	c.store(226, "a", "b")
}

// A client that asks for ports and never uses them costs one at a time.
func TestAttackPassiveLoop(t *testing.T) {
	p := newPrey(t, nil)
	c := p.login()
	c.passive()
	before := descriptors(t)
	go func() {
		for range 10_000 {
			io.WriteString(c, "PASV\r\n")
		}
	}()
	for range 10_000 {
		c.codes(227)
	}
	assert.LessOrEqual(t, descriptors(t), before+5)
}

func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here")
	}
	return len(open)
}

// A thousand that connect and say nothing, or half a word.
func TestAttackHalfOpen(t *testing.T) {
	p := newPrey(t, nil)
	p.login().want(221, "QUIT")
	before := runtime.NumGoroutine()
	var crowd []net.Conn
	for i := range 1000 {
		nc, err := net.Dial("tcp", p.addr)
		require.NoError(t, err)
		crowd = append(crowd, nc)
		if i%2 == 0 {
			_, err = io.WriteString(nc, "USE")
			require.NoError(t, err)
		}
	}
	c := p.login()
	c.store(226, "a", "content")
	assert.Equal(t, "content", c.load("RETR a"))
	for _, nc := range crowd {
		nc.Close()
	}
	c.want(221, "QUIT")
	p.eventually(func() bool { return runtime.NumGoroutine() <= before+5 }, "goroutines are left")
}

// Nobody may stay for long without a login, whatever it says meanwhile.
func TestAttackHandshakeTimeout(t *testing.T) {
	p := newPrey(t, func(p *prey) { p.srv.HandshakeTimeout = 200 * time.Millisecond })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, word := range []string{"NOOP", "REIN", "USER u"} {
		c := p.connect()
		for ctx.Err() == nil {
			if _, err := io.WriteString(c, word+"\r\n"); err != nil {
				break
			}
			if _, err := c.reply(); err != nil {
				break
			}
		}
		assert.NoError(t, ctx.Err(), "%s keeps the connection", word)
	}
}
