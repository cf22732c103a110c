package ftp_test

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/assert"

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
