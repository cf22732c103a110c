package ftp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"io/fs"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// endless is a file system whose listings don't end, and whose file "big" is
// larger than all buffers on the way.
type endless struct{ *memfs.FS }

func (e endless) OpenDir(ctx context.Context, _ string) (vfs.Dir, error) {
	fi, err := e.Stat(ctx, "entry")
	return endlessDir{fs.FileInfoToDirEntry(fi)}, err
}

type endlessDir struct{ entry fs.DirEntry }

func (d endlessDir) ReadDir(n int) ([]fs.DirEntry, error) {
	all := make([]fs.DirEntry, n)
	for i := range all {
		all[i] = d.entry
	}
	return all, nil
}

func (endlessDir) Close() error { return nil }

func newEndless(t *testing.T, change func(*prey)) *prey {
	t.Helper()
	p := newPrey(t, func(p *prey) {
		p.home = endless{p.files.(*memfs.FS)}
		if change != nil {
			change(p)
		}
	})
	p.write("entry", "x")
	p.write("big", strings.Repeat("big!", 8<<20))
	p.write("old", "old content")
	return p
}

// clients are those of one user, without TLS and with it.
func (p *prey) clients() map[string]*raw {
	return map[string]*raw{"plain": p.login(), "TLS": p.secured(nil)}
}

// The signals that some clients send in front of ABOR, RFC 959 section 4.1.3.
var abors = []string{"ABOR", "\xff\xf4\xff\xf2ABOR", "\xff\xf4\xffABOR", "abor"}

func TestAttackABORIdle(t *testing.T) {
	p := newPrey(t, nil)
	for name, c := range p.clients() {
		for _, abor := range abors {
			c.want(226, abor)
			at := c.passive()
			c.want(225, abor)
			_, err := net.DialTimeout("tcp", at, 5*time.Second)
			assert.Error(t, err, "%s: the port is closed", name)
			c.want(425, "LIST")
		}
	}
}

// The data connection has not come yet, or TLS on it has not.
func TestAttackABORBeforeData(t *testing.T) {
	p := newPrey(t, nil)
	p.write("old", "old content")
	for _, c := range p.clients() {
		for _, abor := range abors {
			for _, command := range []string{"RETR old", "STOR old", "STOR new", "LIST", "STOU"} {
				c.passive()
				c.want(150, command)
				c.send(abor + "\r\n")
				c.codes(426, 226)
				if c.tls != nil {
					d := c.begin(command)
					c.send(abor + "\r\n")
					c.codes(426, 226)
					_, err := io.ReadAll(d)
					assert.NotErrorIs(t, err, net.ErrClosed)
				}
				c.want(200, "NOOP")
			}
			// To a port of the client that nobody serves.
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			c.want(200, "EPRT |1|127.0.0.1|"+portOf(l)+"|")
			require.NoError(t, l.Close())
			c.want(150, "LIST")
			c.codes(425)
			c.want(226, abor)
		}
	}
	assert.Equal(t, "old content", p.read("old"))
}

func portOf(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func TestAttackABORInTransfer(t *testing.T) {
	p := newEndless(t, nil)
	for _, c := range p.clients() {
		for _, abor := range abors {
			for _, command := range []string{"RETR big", "LIST", "NLST", "MLSD"} {
				for _, ascii := range []string{"TYPE I", "TYPE A"} {
					c.want(200, ascii)
					d := c.data(command)
					_, err := io.ReadFull(d, make([]byte, 10))
					require.NoError(t, err)
					c.send(abor + "\r\n")
					c.codes(426, 226)
					d.Close()
					c.want(200, "NOOP")
				}
			}
			c.want(200, "TYPE I")
			for _, command := range []string{"STOR old", "STOR new", "APPE new", "STOU"} {
				d := c.data(command)
				_, err := io.WriteString(d, strings.Repeat("half", 10_000))
				require.NoError(t, err)
				c.want(211, "STAT")
				c.send(abor + "\r\n")
				c.codes(426, 226)
				d.Close()
				c.want(200, "NOOP")
			}
		}
	}
	assert.Equal(t, "old content", p.read("old"))
	_, err := p.files.Stat(t.Context(), "new")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	for _, e := range p.seen(quaymaster.KindUpload) {
		assert.Equal(t, quaymaster.Aborted, e.Verdict)
	}
}

// ABOR when everything was sent: there is nothing to abort, and nothing breaks.
func TestAttackABORAfterData(t *testing.T) {
	p := newPrey(t, nil)
	for _, c := range p.clients() {
		for range 20 {
			d := c.data("STOR a")
			_, err := io.WriteString(d, "content")
			require.NoError(t, err)
			require.NoError(t, d.Close())
			c.send("ABOR\r\n")
			text := c.text() // either came first
			assert.Contains(t, []string{"226", "426"}, text[:3])
			c.codes(226)
			c.want(200, "NOOP")
			if text[:3] == "226" {
				assert.Equal(t, "content", p.read("a"))
			}
		}
	}
}

// What comes during a transfer: some at once, the rest in order behind it.
func TestAttackDuringTransfer(t *testing.T) {
	p := newPrey(t, nil)
	for name, c := range p.clients() {
		d := c.data("STOR " + name)
		_, err := io.WriteString(d, "half of ")
		require.NoError(t, err)
		c.want(200, "NOOP")
		c.want(211, "STAT")
		// A second transfer does not disturb the first: ProFTPD bug 4010.
		c.send("STOR other\r\nPASV\r\nDELE " + name + "\r\nQUIT\r\n")
		_, err = io.WriteString(d, "it")
		require.NoError(t, err)
		require.NoError(t, d.Close())
		c.codes(226, 425, 227, 250, 221)
		c.gone()
	}
	c := p.login()
	d := c.data("STOR a")
	c.send("RETR a\r\n" + strings.Repeat("x", 20<<10) + "DELE a\r\nNOOP\r\nQUIT\r\n")
	_, err := io.WriteString(d, "content")
	require.NoError(t, err)
	require.NoError(t, d.Close())
	c.codes(226, 425, 500, 200, 221)
	assert.Equal(t, "content", p.read("a"))
}

// A client that is gone has not sent a file: when a process dies, the system
// closes all of its connections.
func TestAttackVanish(t *testing.T) {
	p := newPrey(t, nil)
	p.write("old", "old content")
	for name, leave := range map[string]func(c *raw, d *net.TCPConn){
		"control first": func(c *raw, d *net.TCPConn) { c.Close(); d.Close() },
		"reset":         func(c *raw, d *net.TCPConn) { c.Conn.(*net.TCPConn).SetLinger(0); c.Close(); d.Close() },
		"data reset":    func(c *raw, d *net.TCPConn) { d.SetLinger(0); d.Close(); c.Close() },
		"control only":  func(c *raw, _ *net.TCPConn) { c.Close() },
		"half":          func(c *raw, d *net.TCPConn) { c.Conn.(*net.TCPConn).CloseWrite(); d.Close() },
	} {
		for i, command := range []string{"STOR old", "STOR new", "APPE new", "STOU"} {
			before := len(p.seen(quaymaster.KindUpload))
			c := p.login()
			d := c.begin(command)
			_, err := io.WriteString(d, strings.Repeat("half", 1000*i))
			require.NoError(t, err)
			c.want(211, "STAT")
			leave(c, d)
			p.eventually(func() bool { return len(p.seen(quaymaster.KindUpload)) > before }, name)
		}
	}
	for _, e := range p.seen(quaymaster.KindUpload) {
		assert.Equal(t, quaymaster.Aborted, e.Verdict)
		assert.Error(t, e.Err)
	}
	assert.Equal(t, "old content", p.read("old"))
	assert.Len(t, p.tree(), 2)
}

// A data connection that never comes, or of which nothing more comes.
func TestAttackDataTimeout(t *testing.T) {
	p := newEndless(t, func(p *prey) { p.srv.DataTimeout = 100 * time.Millisecond })
	for _, c := range p.clients() {
		for _, command := range []string{"STOR old", "RETR old", "LIST", "STOU"} {
			at := c.passive()
			c.want(150, command)
			c.codes(425)
			_, err := net.DialTimeout("tcp", at, 5*time.Second)
			assert.Error(t, err)
		}
		for _, command := range []string{"STOR old", "APPE new", "RETR big", "LIST"} {
			d := c.data(command)
			if strings.HasPrefix(command, "STOR") || strings.HasPrefix(command, "APPE") {
				_, err := io.WriteString(d, "half")
				require.NoError(t, err)
			} else {
				_, err := io.ReadFull(d, make([]byte, 4))
				require.NoError(t, err)
			}
			c.codes(426)
		}
		c.want(200, "NOOP")
	}
	assert.Equal(t, "old content", p.read("old"))
}

// MODE Z: a bomb is no file, and neither is half a stream.
func TestAttackModeZ(t *testing.T) {
	p := newPrey(t, func(p *prey) { p.srv.ModeZ = true })
	for _, c := range p.clients() {
		c.want(200, "MODE Z")
		for _, data := range []string{"", "x", "\x78\x9c", "\x78\x9c\x4b\x4c\x4a\x06\x00", "not compressed at all"} {
			d := c.data("STOR a")
			_, err := io.WriteString(d, data)
			require.NoError(t, err)
			if sock, ok := d.(*tls.Conn); ok {
				require.NoError(t, sock.Handshake())
			}
			require.NoError(t, d.Close())
			assert.Contains(t, []int{426, 451}, c.code(), "%q", data)
		}
	}
	_, err := p.files.Stat(t.Context(), "a")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// Server.Close ends sessions in all states at once.
func TestAttackCloseInAllStates(t *testing.T) {
	p := newEndless(t, nil)
	var all []*raw
	for _, command := range []string{"", "RETR big", "LIST", "STOU"} {
		for _, c := range p.clients() {
			if command != "" {
				d := c.data(command)
				if sock, ok := d.(*tls.Conn); ok {
					require.NoError(t, sock.Handshake())
				}
			}
			all = append(all, c)
		}
		c := p.login()
		if command != "" {
			c.passive()
			c.want(150, command)
		}
		all = append(all, c)
	}
	start := time.Now()
	require.NoError(t, p.srv.Close())
	assert.Less(t, time.Since(start), 10*time.Second)
	for _, c := range all {
		_, _ = io.Copy(io.Discard, bufio.NewReader(c)) // to its end, whatever it is
	}
	assert.Len(t, p.tree(), 4)
}
