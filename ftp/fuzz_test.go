package ftp_test

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"os"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/ftp"
	"github.com/quaymaster/quaymaster/internal/peer"
)

// pipes is a listener whose connections are made by dial.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	return near
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case nc := <-p.conns:
		return nc, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// FuzzServer sends anything to a server in each of its states. Every reply must
// have the form of RFC 959 section 4.2, and the server must survive.
func FuzzServer(f *testing.F) {
	states := []string{
		"", "USER ann\r\n", "USER ann\r\nPASS secret\r\n", "USER ann\r\nPASS secret\r\nRNFR hello.txt\r\n",
		"USER ann\r\nPASS secret\r\nREST 3\r\n", "USER ann\r\nPASS secret\r\nTYPE A\r\nMODE Z\r\nEPSV ALL\r\n",
	}
	for _, seed := range []string{
		"FEAT\r\nHELP\r\nSTAT\r\n", "CWD pub\r\nPWD\r\nMLST\r\nSTAT .\r\n", "SITE COPY hello.txt b\r\nCOMB x b hello.txt\r\n",
		"MFF modify=20260101000000; hello.txt\r\n", "\xff\xf4\xff\xf2ABOR\r\nQUIT\r\n", "HASH hello.txt\r\nXCRC hello.txt 1 2\r\n",
		"RNTO pub/x\r\nREIN\r\n", "SITE UTIME hello.txt 20260101000000 20260101000000 20260101000000 UTC\r\n", "AUTH TLS\r\nUSER x\r\n",
	} {
		for i := range states {
			f.Add(uint8(i), []byte(seed))
		}
	}
	form := regexp.MustCompile(`^([1-5][0-5][0-9][ -]| )[^\r\n]*\r\n$`)
	cert := peer.NewCertificate(f)
	f.Fuzz(func(t *testing.T, state uint8, in []byte) {
		l := newPipes()
		srv := &ftp.Server{
			Auth: annOnly(dialogueHome(t)), TLS: tlsConfig(cert.TLS), TLSMode: ftp.TLSOptional, ModeZ: true,
			Logger: slog.New(slog.DiscardHandler),
		}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }()
		nc := l.dial()
		require.NoError(t, nc.SetDeadline(time.Now().Add(20*time.Second)))
		go func() {
			_, _ = io.WriteString(nc, states[int(state)%len(states)]) // the server may have closed
			_, _ = nc.Write(in)
			_, _ = io.WriteString(nc, "\r\nQUIT\r\n")
		}()
		replies := bufio.NewReader(nc)
		for {
			line, err := replies.ReadString('\n')
			if err != nil {
				require.Empty(t, line)
				require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the server hangs")
				break
			}
			if regexp.MustCompile(`^234 `).MatchString(line) {
				break // what follows would have to be TLS
			}
			assert.Regexp(t, form, line)
			if regexp.MustCompile(`^[24]21 `).MatchString(line) {
				break
			}
		}
		nc.Close()
		require.NoError(t, srv.Close())
		<-served
	})
}
