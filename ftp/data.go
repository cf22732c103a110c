package ftp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/quaymaster/quaymaster/internal/batch"
	"github.com/quaymaster/quaymaster/internal/serve"
)

var (
	errNoEndpoint = errors.New("no PASV, EPSV, PORT or EPRT came before")
	errNoPort     = errors.New("no passive port is free")
)

// endpoint is where the next data connection comes from or goes to: set by
// PASV and its kin, used up by one transfer. The zero value is none.
type endpoint struct {
	listener *net.TCPListener // passive
	target   netip.AddrPort   // active
}

func (e *endpoint) close() {
	if e.listener != nil {
		e.listener.Close() // nothing is lost with it
	}
	*e = endpoint{}
}

// dataConn is an open data connection.
type dataConn struct {
	sock   *net.TCPConn
	moving *movingConn // over sock
	net.Conn
	// secure and raw are set with TLS, and batched is between them.
	secure  *tls.Conn
	raw     *rawConn
	batched *batch.Conn
}

// anyPorts are the dynamic ports of RFC 6335, of which anyTries are tried when
// Server.PassivePorts is not set.
const (
	firstAnyPort = 49152
	anyTries     = 16
)

// listen opens a passive port, a random one: guessing it is a way to steal a data
// connection (RFC 2577, RFC 6056). The system is asked last, since it looks for
// one that nobody used lately, and after many downloads it looks for long.
func (c *conn) listen() (*net.TCPListener, error) {
	local, ok := addrOf(c.nc.LocalAddr())
	if !ok {
		return nil, errors.New("control connection has no address")
	}
	ports, tries := c.srv.PassivePorts, anyTries
	if ports == (PortRange{}) {
		ports = PortRange{firstAnyPort, math.MaxUint16}
	} else {
		tries = int(ports.Last) - int(ports.First) + 1
	}
	n := int(ports.Last) - int(ports.First) + 1
	start := rand.IntN(n)
	for i := range tries {
		if l, err := listenAt(local.Addr(), ports.First+uint16((start+i)%n)); err == nil {
			return l, nil
		}
	}
	if c.srv.PassivePorts == (PortRange{}) {
		return listenAt(local.Addr(), 0)
	}
	return nil, errNoPort
}

// listenAt listens on the address that the client reached. Behind a proxy this
// machine does not have it, and all of its own have to do.
func listenAt(addr netip.Addr, port uint16) (*net.TCPListener, error) {
	l, err := listenTCP(addr, port)
	if !errors.Is(err, syscall.EADDRNOTAVAIL) {
		return l, err
	}
	if addr.Is6() {
		return listenTCP(netip.IPv6Unspecified(), port)
	}
	return listenTCP(netip.IPv4Unspecified(), port)
}

func listenTCP(addr netip.Addr, port uint16) (*net.TCPListener, error) {
	// Transfers have their own time-out; keepalive costs four system calls.
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false) // sendfile and splice want plain TCP
	l, err := lc.Listen(context.Background(), "tcp", netip.AddrPortFrom(addr, port).String())
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

// openData makes the data connection. What ends ctx ends the attempt.
func (c *conn) openData(ctx context.Context) (*dataConn, error) {
	e := c.data
	c.data = endpoint{}
	defer e.close()
	var sock *net.TCPConn
	var err error
	switch {
	case e.listener != nil:
		sock, err = c.accept(ctx, e.listener)
	case e.target.IsValid():
		sock, err = c.connect(ctx, e.target)
	default:
		err = errNoEndpoint
	}
	if err != nil {
		return nil, err
	}
	m := c.moving(sock)
	d := &dataConn{sock: sock, moving: m, Conn: m}
	if !c.private {
		return d, nil
	}
	stop := context.AfterFunc(ctx, func() { sock.Close() })
	defer stop()
	if err := c.secureData(ctx, d); err != nil {
		sock.Close()
		return nil, err
	}
	return d, nil
}

// accept waits for the client. Connections of others are closed, and it goes on
// waiting.
func (c *conn) accept(ctx context.Context, l *net.TCPListener) (*net.TCPConn, error) {
	if limit := serve.OrDefault(c.srv.DataTimeout, defaultDataTimeout); limit > 0 {
		if err := l.SetDeadline(time.Now().Add(limit)); err != nil {
			return nil, err
		}
	}
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		sock, err := l.AcceptTCP()
		if err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return nil, fmt.Errorf("waiting for the data connection: %w", err)
		}
		if c.srv.AnyDataPeer || samePeer(sock.RemoteAddr(), c.nc.RemoteAddr()) {
			return sock, nil
		}
		c.log.Warn("data connection from another address was closed", "remote", sock.RemoteAddr())
		sock.Close()
	}
}

func (c *conn) connect(ctx context.Context, target netip.AddrPort) (*net.TCPConn, error) {
	d := net.Dialer{Timeout: serve.OrDefault(c.srv.DataTimeout, defaultDataTimeout)}
	if local, ok := addrOf(c.nc.LocalAddr()); ok {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local.Addr(), uint16(c.srv.ActiveSourcePort)))
	}
	nc, err := d.DialContext(ctx, "tcp", target.String())
	if err != nil {
		return nil, err
	}
	return nc.(*net.TCPConn), nil
}

func addrOf(a net.Addr) (netip.AddrPort, bool) {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), true
}

// samePeer tells whether both are the same host, also when one is written as
// IPv6.
func samePeer(a, b net.Addr) bool {
	x, okX := addrOf(a)
	y, okY := addrOf(b)
	return okX && okY && x.Addr() == y.Addr()
}

// lingerTime bounds the wait for the client's end of a data connection.
const lingerTime = 2 * time.Second

// finish says goodbye, and waits for the client to do so on a goroutine of its
// own: to close while something comes in would reset the connection, and what
// is on its way would be lost with it.
func (c *conn) finish(d *dataConn) error {
	if d.secure == nil {
		return d.sock.Close()
	}
	// crypto/tls lets no write through after its own last one, so that what is
	// on its way must be gone by then.
	err := d.batched.Flush()
	if err == nil {
		err = d.secure.CloseWrite()
	}
	if err == nil {
		err = d.batched.Flush()
	}
	if err == nil && d.sock.CloseWrite() == nil {
		c.linger(d)
		return nil
	}
	d.sock.Close() // the client has done so already
	return err
}

// linger waits until the client closes, for a short time.
func (c *conn) linger(d *dataConn) {
	c.lingering.Go(func() {
		defer d.sock.Close()
		if d.sock.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
			_, _ = io.Copy(io.Discard, d.sock) // whatever comes, we are done
		}
	})
}
