package ftp_test

import (
	"crypto/tls"
	"io"
	"io/fs"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/ftp"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// An embedder who switched tickets off gets a server that works.
func TestTicketsDisabled(t *testing.T) {
	for name, version := range tlsVersions {
		p := newPrey(t, func(p *prey) { p.srv.TLS.SessionTicketsDisabled = true })
		c := p.secured(only(version))
		c.store(226, "a", name)
		assert.Equal(t, name, p.read("a"))
	}
}

// A transfer that is refused for want of PROT P opens no file: on a file system
// that can't stage, STOR would empty it.
func TestPlainDataTouchesNoFile(t *testing.T) {
	p := newPrey(t, func(p *prey) {
		p.srv.TLSMode = ftp.TLSRequired
		p.files = memfs.Bare(memfs.Options{})
	})
	p.write("a", "old")
	clear := p.connect()
	clear.want(234, "AUTH TLS")
	sock := tls.Client(clear.Conn, p.clientTLS())
	clear.Conn = sock
	clear.r.Reset(sock)
	clear.enter()
	for _, command := range []string{"STOR a", "APPE a", "RETR a", "LIST", "STOU"} {
		clear.passive()
		clear.want(522, command)
	}
	assert.Equal(t, "old", p.read("a"))
	assert.Empty(t, p.seen("upload"))
	assert.Empty(t, p.seen("download"))
}

// Half a command that came during a transfer is continued after it.
func TestHalfCommandDuringTransfer(t *testing.T) {
	p := newPrey(t, nil)
	for _, c := range []*raw{p.login(), p.secured(nil)} {
		d := c.data("STOR a")
		_, err := io.WriteString(d, "content")
		require.NoError(t, err)
		c.send("STAT\r\nNO")
		c.codes(211) // now the half of NOOP was read as well
		require.NoError(t, d.Close())
		c.codes(226)
		c.send("OP\r\n")
		c.codes(200)
	}
}

// slow reads a data connection to its end, a little at a time.
func slow(t *testing.T, d net.Conn) (data []byte) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	piece := make([]byte, 64<<10)
	for {
		<-tick.C
		n, err := io.ReadFull(d, piece)
		data = append(data, piece[:n]...)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return data
		}
		require.NoError(t, err)
	}
}

// DataTimeout is for transfers that stand still. A slow client takes longer than
// that for what the server hands to the system, or to TLS, at once.
func TestSlowDownload(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 24<<16) // 24 MiB
	for name, client := range map[string]func(*prey) *raw{
		"plain": (*prey).login,
		"TLS":   func(p *prey) *raw { return p.secured(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := onDisk(t)
			p.srv.DataTimeout = 900 * time.Millisecond // half of what it takes
			p.write("big", content)
			c := client(p)
			at := c.passive()
			c.send("RETR big\r\n")
			sock := c.dial(at)
			require.NoError(t, sock.SetReadBuffer(32<<10))
			d := net.Conn(sock)
			if c.tls != nil {
				d = tls.Client(sock, c.tls)
			}
			data := slow(t, d)
			require.True(t, content == string(data), "%d bytes", len(data))
			require.NoError(t, d.Close())
			c.codes(226)
		})
	}
}

// REIN gives a client neither more time nor more tries to log in, and the time
// of an earlier login does not run on.
func TestREIN(t *testing.T) {
	p := newPrey(t, func(p *prey) { p.srv.MaxAuthTries = 3 })
	c := p.connect()
	for range 2 {
		c.want(331, "USER u")
		c.want(530, "PASS wrong")
		c.want(220, "REIN")
	}
	c.want(331, "USER u")
	c.want(421, "PASS wrong")
	c.gone()

	q := newPrey(t, func(p *prey) { p.srv.HandshakeTimeout = 300 * time.Millisecond })
	early := time.After(300 * time.Millisecond)
	c = q.connect()
	c.want(220, "REIN")
	c.enter()
	<-early
	c.want(200, "NOOP")
	c.want(220, "REIN") // from here it runs again
	c.gone()
}

// A client that takes no replies is idle, whatever it sends.
func TestRepliesNotRead(t *testing.T) {
	p := newPrey(t, func(p *prey) { p.srv.IdleTimeout = 300 * time.Millisecond })
	for _, c := range []*raw{p.login(), p.secured(nil)} {
		wrote := make(chan error, 1)
		go func() {
			for {
				if _, err := io.WriteString(c, strings.Repeat("FEAT\r\n", 1000)); err != nil {
					wrote <- err
					return
				}
			}
		}()
		select {
		case <-wrote: // the server has given up
		case <-time.After(20 * time.Second):
			require.Fail(t, "the session waits for ever")
		}
	}
	p.eventually(func() bool { return len(p.seen("logout")) == 2 }, "a session is left")
}

// Each command has its reply, and so have those that ABOR overtook.
func TestABOROvertakes(t *testing.T) {
	p := newPrey(t, nil)
	c := p.login()
	d := c.begin("STOR a")
	c.send("PWD\r\nMKD b\r\nABOR\r\nNOOP\r\n")
	c.codes(426, 426, 426, 226, 200)
	d.Close()
	c.want(550, "CWD b")
}

// What is denied can't be done by another name of it.
func TestDenyOtherNames(t *testing.T) {
	p := newPrey(t, func(p *prey) { p.srv.Deny = []string{"MKD", "RMD", "MFMT", "CWD"} })
	c := p.login()
	for _, command := range []string{"MKD a", "XMKD a", "SITE MKDIR a", "RMD a", "XRMD a", "SITE RMDIR a", "MFMT 20010203040506 a", "SITE UTIME 20010203040506 a", "XCWD /"} {
		c.want(502, command)
	}
	assert.NotContains(t, c.do("FEAT"), "SITE MKDIR")
	c.want(257, "XPWD")

	q := newPrey(t, func(p *prey) { p.srv.Allow = []string{"SITE", "PWD"} })
	c = q.login()
	c.want(257, "XPWD")
	c.want(502, "SITE MKDIR a")
	c.want(502, "XMKD a")
	c.want(214, "SITE HELP")
	_, err := q.files.Stat(t.Context(), "a")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// lftp's mkdir -p is SITE MKDIR when FEAT has it, as in ProFTPD.
func TestSiteMkdirParents(t *testing.T) {
	p := newPrey(t, nil)
	p.write("file", "x")
	c := p.login()
	assert.Equal(t, "257 \"/a/b/c\" created.\r\n", c.do("SITE MKDIR a/b/c"))
	c.want(257, "SITE MKDIR /a/b/d")
	c.want(257, "SITE MKDIR /a/b/d")
	c.want(257, "SITE MKDIR /")
	c.want(250, "CWD a/b/c")
	c.want(550, "SITE MKDIR /file/x")
	c.want(550, "SITE MKDIR /file")
}
