package ftp_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
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
