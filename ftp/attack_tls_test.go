package ftp_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/ftp"
	"github.com/quaymaster/quaymaster/vfs"
)

var tlsVersions = map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

// only has clients speak one version.
func only(version uint16) func(*tls.Config) {
	return func(cfg *tls.Config) { cfg.MinVersion, cfg.MaxVersion = version, version }
}

// A data connection with a ticket that another FTP session got is not the
// client's own, whoever it is.
func TestAttackForeignTicket(t *testing.T) {
	for name, version := range tlsVersions {
		for _, reuse := range []ftp.Reuse{ftp.ReusePrefer, ftp.ReuseRequire, ftp.ReuseOff} {
			p := newPrey(t, func(p *prey) { p.srv.Reuse = reuse })
			thief, c := p.secured(only(version)), p.secured(only(version))

			d := tls.Client(c.begin("STOR a"), thief.tls)
			err := d.Handshake()
			if err == nil {
				_, err = io.WriteString(d, "stolen")
			}
			if err == nil {
				err = d.Close()
			}
			if reuse == ftp.ReuseRequire {
				c.codes(522)
			} else {
				require.NoError(t, err, name)
				c.codes(226)
				assert.Equal(t, reuse == ftp.ReuseOff, d.ConnectionState().DidResume, "%s, %v", name, reuse)
			}

			// None at all.
			d = tls.Client(c.begin("STOR b"), &tls.Config{RootCAs: p.cert.Pool, ServerName: "localhost"})
			if err = d.Handshake(); err == nil {
				_, _ = io.WriteString(d, "nobody's") // it may be refused by now
				d.Close()
			}
			c.codes(map[ftp.Reuse]int{ftp.ReuseRequire: 522}[reuse] + map[ftp.Reuse]int{ftp.ReusePrefer: 226, ftp.ReuseOff: 226}[reuse])

			// Its own, any number of times.
			for range 5 {
				d = tls.Client(c.begin("STOR c"), c.tls)
				_, err = io.WriteString(d, "own")
				require.NoError(t, err)
				require.NoError(t, d.Close())
				c.codes(226)
				assert.True(t, d.ConnectionState().DidResume, "%s, %v", name, reuse)
			}
		}
	}
}

// In the clear where it must not be.
func TestAttackPlainData(t *testing.T) {
	p := newPrey(t, func(p *prey) { p.srv.TLSMode = ftp.TLSRequired })
	p.write("a", "old")
	c := p.connect()
	c.want(530, "USER u")
	c.want(503, "PASS p")
	c.want(503, "PROT P")
	c = p.secured(nil)
	c.want(534, "PROT C")
	c.want(534, "CCC")
	d := c.begin("STOR a")
	_, err := io.WriteString(d, "new")
	require.NoError(t, err)
	require.NoError(t, d.CloseWrite())
	c.codes(425)
	assert.Equal(t, "old", p.read("a"))

	// Without PROT P nothing is opened, and no file is touched.
	c = p.connect()
	c.want(234, "AUTH TLS")
	sock := tls.Client(c.Conn, p.clientTLS())
	c = &raw{Conn: sock, p: p, r: c.r}
	c.r.Reset(sock)
	c.enter()
	for _, command := range []string{"STOR a", "APPE a", "RETR a", "LIST", "STOU"} {
		c.passive()
		c.want(522, command)
	}
	assert.Equal(t, "old", p.read("a"))
}

// ALPACA, CVE-2021-3618: who asks for another protocol only was led here.
func TestAttackALPN(t *testing.T) {
	p := newPrey(t, nil)
	for _, offer := range []struct {
		protocols []string
		want      string
		alert     bool
	}{
		{[]string{"http/1.1"}, "", true}, {[]string{"h2", "http/1.1"}, "", true}, {[]string{"smtp"}, "", true}, {[]string{"imap", "pop3"}, "", true},
		{[]string{"ftp-data", "h2"}, "", true}, {[]string{"h2", "ftp"}, "ftp", false}, {[]string{"ftp"}, "ftp", false}, {nil, "", false},
		{[]string{"x-filezilla-ftp"}, "", false}, {[]string{"x-filezilla-ftp", "ftp"}, "ftp", false},
	} {
		c := p.connect()
		c.want(234, "AUTH TLS")
		cfg := p.clientTLS()
		cfg.NextProtos = offer.protocols
		sock := tls.Client(c.Conn, cfg)
		err := sock.Handshake()
		if offer.alert {
			assert.ErrorContains(t, err, "no application protocol", "%q", offer.protocols)
			continue
		}
		require.NoError(t, err, "%q", offer.protocols)
		assert.Equal(t, offer.want, sock.ConnectionState().NegotiatedProtocol, "%q", offer.protocols)
	}
}

// cutter ends the connection below TLS in the middle of what is written.
type cutter struct {
	*net.TCPConn
	left int // bytes until then
}

func (c *cutter) Write(b []byte) (int, error) {
	if len(b) <= c.left {
		c.left -= len(b)
		return c.TCPConn.Write(b)
	}
	n, err := c.TCPConn.Write(b[:c.left])
	if err == nil {
		err = c.CloseWrite()
	}
	c.left = 0
	if err == nil {
		err = io.ErrShortWrite
	}
	return n, err
}

// Truncation: an upload without close_notify is not whole, however it ends. The
// file that was there stays.
func TestAttackTruncation(t *testing.T) {
	half := strings.Repeat("half of it", 100_000)
	ends := map[string]func(t *testing.T, sock *net.TCPConn, cfg *tls.Config){
		"reset": func(t *testing.T, sock *net.TCPConn, cfg *tls.Config) {
			_, err := io.WriteString(tls.Client(sock, cfg), half)
			require.NoError(t, err)
			require.NoError(t, sock.SetLinger(0))
			require.NoError(t, sock.Close())
		},
		"FIN at the edge of a record": func(t *testing.T, sock *net.TCPConn, cfg *tls.Config) {
			_, err := io.WriteString(tls.Client(sock, cfg), half)
			require.NoError(t, err)
			require.NoError(t, sock.CloseWrite())
		},
		"FIN in a record": func(t *testing.T, sock *net.TCPConn, cfg *tls.Config) {
			_, err := io.WriteString(tls.Client(&cutter{sock, len(half) / 2}, cfg), half)
			require.Error(t, err)
		},
		"FIN in the header of a record": func(t *testing.T, sock *net.TCPConn, cfg *tls.Config) {
			d := tls.Client(sock, cfg)
			_, err := io.WriteString(d, half)
			require.NoError(t, err)
			_, err = sock.Write([]byte{23, 3})
			require.NoError(t, err)
			require.NoError(t, sock.CloseWrite())
		},
		"FIN before the first byte": func(t *testing.T, sock *net.TCPConn, cfg *tls.Config) {
			require.NoError(t, tls.Client(sock, cfg).Handshake())
			require.NoError(t, sock.CloseWrite())
		},
		"a close_notify that is forged": func(t *testing.T, sock *net.TCPConn, cfg *tls.Config) {
			_, err := io.WriteString(tls.Client(sock, cfg), half)
			require.NoError(t, err)
			_, err = sock.Write([]byte{21, 3, 3, 0, 2, 1, 0})
			require.NoError(t, err)
			require.NoError(t, sock.CloseWrite())
		},
	}
	for version, number := range tlsVersions {
		for name, end := range ends {
			t.Run(version+", "+name, func(t *testing.T) {
				p := newPrey(t, nil)
				p.write("old", "old content")
				before := p.tree()
				c := p.secured(only(number))
				for _, command := range []string{"STOR old", "APPE new", "STOR new", "STOU"} {
					end(t, c.begin(command), c.tls)
					text := c.text()
					assert.Contains(t, []string{"426", "425"}, text[:3], text)
					if name != "FIN before the first byte" {
						assert.Equal(t, "426", text[:3], text)
					}
				}
				got := p.tree()
				for name := range got { // kept for their owner to go on
					if vfs.IsReserved(name) {
						delete(got, name)
					}
				}
				assert.True(t, maps.Equal(before, got), slices.Collect(maps.Keys(got)))
			})
		}
	}
}

// And one with close_notify is whole, though the client leaves at once.
func TestAttackTruncationNot(t *testing.T) {
	content := strings.Repeat("all of it", 100_000)
	for name, version := range tlsVersions {
		p := newPrey(t, nil)
		c := p.secured(only(version))
		for i := range 10 {
			d := tls.Client(c.begin("STOR a"), c.tls)
			data := content[i:]
			_, err := io.Copy(d, bytes.NewReader([]byte(data)))
			require.NoError(t, err)
			require.NoError(t, d.Close())
			c.codes(226)
			require.True(t, data == p.read("a"), name)
		}
	}
}
