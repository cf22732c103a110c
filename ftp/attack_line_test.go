package ftp_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// CVE-2011-1575: what was put behind AUTH in the clear must not run under TLS.
func TestAttackSTARTTLSInjection(t *testing.T) {
	p := newPrey(t, nil)
	for _, behind := range []string{"FEAT\r\n", "F", "\r\n", "\x00", "USER u\r\nPASS p\r\n"} {
		c := p.connect()
		c.send("AUTH TLS\r\n" + behind)
		// A segment is read as a whole, so this is never a matter of time.
		c.codes(500)
		c.gone()
	}
	// What comes during the handshake is no TLS, and no command either.
	c := p.connect()
	c.want(234, "AUTH TLS")
	c.send("FEAT\r\nUSER u\r\n")
	rest, err := io.ReadAll(c.r)
	assert.NotContains(t, string(rest), "211")
	assert.NotContains(t, string(rest), "331")
	_ = err // an alert, or a reset: it is over

	// A user named in the clear is not the one who logs in under TLS.
	c = p.connect()
	c.want(331, "USER u")
	c.want(234, "AUTH TLS")
	sock := tls.Client(c.Conn, p.clientTLS())
	require.NoError(t, sock.Handshake())
	c.Conn, c.r = sock, bufio.NewReader(sock)
	c.want(503, "PASS p")
	c.want(503, "AUTH TLS")
}

// ALPACA, CVE-2021-3618: a browser that was sent here gets nothing back.
func TestAttackForeignProtocols(t *testing.T) {
	p := newPrey(t, nil)
	for _, first := range []string{
		"GET /<script>alert(1)</script> HTTP/1.1", "POST / HTTP/1.1", "PUT /x HTTP/1.1", "HEAD / HTTP/1.0", "OPTIONS * HTTP/1.1",
		"CONNECT x:1 HTTP/1.1", "PROPFIND / HTTP/1.1", "DELETE /x HTTP/1.1", "Host: x", "EHLO x", "HELO x",
	} {
		for _, c := range []*raw{p.connect(), p.login()} {
			c.send(first + "\r\nX-Header: <script>\r\n\r\nUSER u\r\n")
			c.gone()
		}
	}
}

// NAT slipstreaming: no line of a reply may be one that the client made up, or
// middle boxes take it for ours.
func TestAttackSlipstreaming(t *testing.T) {
	p := newPrey(t, nil)
	c := p.login()
	evil := `227 Entering Passive Mode (10,0,0,1,0,22).`
	for _, command := range []string{evil, "MKD " + evil, "CWD " + evil, "PWD", "HELP " + evil, "OPTS " + evil, "SITE " + evil, "TYPE " + evil,
		"MLST " + evil, "STAT " + evil, "HASH " + evil, "RNFR " + evil, "CLNT " + evil, "USER " + evil, "MODE " + evil, "LANG " + evil} {
		text := c.do(command)
		for line := range strings.Lines(text) {
			assert.False(t, strings.HasPrefix(line, "227"), "%s: %q", command, text)
		}
	}
	c = p.connect()
	c.send("POST / HTTP/1.1\r\nHost: x\r\n\r\nPORT 127,0,0,1,30,1\r\n")
	c.gone()
}

// CVE-2010-4221 and its kin: Telnet's sequences in all positions, whole or cut
// off, neither hang nor kill the server, and change no other byte.
func TestAttackTelnet(t *testing.T) {
	p := newPrey(t, nil)
	c := p.login()
	for _, line := range []string{
		"\xff\xf4\xff\xf2NOOP", "NO\xff\xfb\x01OP", "\xff\xfe\x18NOOP", "\xff\xf4\xffNOOP", "NOOP\xff", "NOOP\xff\xf1", "NOOP\xff\xfd", "NOOP\xff\xfd\x1f",
		strings.Repeat("\xff\xf4", 3000) + "NOOP", strings.Repeat("\xff\xfd\x01", 2000) + "NOOP", "NOOP" + strings.Repeat("\xff", 1),
	} {
		assert.Equal(t, "200", c.do(line)[:3], "%.20q", line)
	}
	for _, line := range []string{"\xff\xff", "\xff\xffNOOP", strings.Repeat("\xff", 4000), "\xff\xfa\x18NOOP\xff\xf0", "\xf2NOOP", "N\xc3\x96OP"} {
		assert.Equal(t, "500", c.do(line)[:3], "%.20q", line)
		c.want(200, "NOOP")
	}
	assert.Equal(t, "501", c.do("MKD \xff\xff")[:3], "no UTF-8")
}

// The tail of a line that is too long never becomes a command.
func TestAttackLongLines(t *testing.T) {
	p := newPrey(t, nil)
	p.write("precious", "x")
	c := p.login()
	for _, size := range []int{8<<10 + 1, 8<<10 + 511, 16 << 10, 1 << 20} {
		c.send(strings.Repeat("A", size) + "DELE precious\r\nNOOP\r\n")
		c.codes(500, 200)
		c.send("MKD " + strings.Repeat("a/", size/2) + "\nNOOP\n") // and bare LF
		c.codes(500, 200)
	}
	// In pieces, as slow as one byte at a time at the edge.
	c.send("NOOP " + strings.Repeat("x", 8<<10-8))
	for range 16 {
		c.send("y")
	}
	c.send("DELE precious\r\nNOOP\r\n")
	c.codes(500, 200)
	// The longest that is allowed.
	c.want(200, "NOOP "+strings.Repeat("x", 8<<10-6))
	assert.Equal(t, "x", p.read("precious"))
}

// CVE-2025-47812, CVE-2026-44403 and other control characters: never part of a
// name, neither of a user nor of a file.
func TestAttackControlCharacters(t *testing.T) {
	p := newPrey(t, nil)
	before := p.tree()
	c := p.connect()
	for _, name := range []string{"anonymous\x00]] evil", "u\x00", "u\x0b", "\x1b[2Ju", "u\u202e", "u\u2028", "u\u200b", "x' OR 1=1--", strings.Repeat("u", 300)} {
		if text := c.do("USER " + name); text[:3] == "331" {
			assert.Equal(t, "530", c.do("PASS p")[:3], "%q", name)
		} else {
			assert.Equal(t, "501", text[:3], "%q", name)
		}
		if c.do("NOOP")[:3] == "421" {
			t.Fatal("closed early")
		}
		if strings.Contains(name, "OR 1=1") {
			c = p.connect()
		}
		c.want(200, "NOOP")
		if len(p.seen("login"))%3 == 0 {
			c = p.connect()
		}
	}
	for _, line := range strings.Split(p.logged(), "\n") {
		assert.NotContains(t, line, "\x00")
		assert.NotContains(t, line, "\x1b")
	}
	c = p.login()
	for _, verb := range []string{"MKD", "STOR", "RNFR", "DELE", "CWD", "RETR", "SITE MKDIR", "SIZE", "MLST", "LIST"} {
		for _, name := range []string{"a\x00b", "a\rb", "\x00", "a\xc0\x80b", "a\xed\xa0\x80b"} {
			assert.Equal(t, "501", c.do(verb + " " + name)[:3], "%s %q", verb, name)
			c.want(200, "NOOP")
		}
	}
	assert.Equal(t, before, p.tree())
}

// Five malformed commands in a row are no client.
func TestAttackMalformedCommands(t *testing.T) {
	p := newPrey(t, nil)
	for _, bad := range []string{"XYZZY", "", " NOOP", "\x16\x03\x01", "PORT x", strings.Repeat("x", 9<<10), "MKD a\x00", "SSH-2.0-x", "12345", "STOR"} {
		c := p.login()
		for range 4 {
			c.send(bad + "\r\n")
			assert.Contains(t, []int{500, 501}, c.code(), "%.20q", bad)
		}
		c.want(200, "NOOP") // in a row, that is
		for range 4 {
			c.send(bad + "\r\n")
			c.code()
		}
		c.send(bad + "\r\nNOOP\r\n")
		c.codes(421)
		c.gone()
	}
}

// More commands at once than the server keeps in mind: each is answered, in
// order.
func TestAttackPipelining(t *testing.T) {
	p := newPrey(t, nil)
	c := p.login()
	const n = 2000
	go func() {
		for i := range n {
			fmt.Fprintf(c, "MKD d%d\r\nNOOP\r\n", i)
		}
	}()
	for range n {
		c.codes(257, 200)
	}
}
