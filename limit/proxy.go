package limit

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"
)

// ProxyListener takes the client's address from the header of the PROXY
// protocol, version 1 or 2, that a trusted proxy sends ahead of a connection
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). Serve it in
// the place of Listener. Its fields must not change once it accepts.
//
// Accept does not wait for headers: a connection reads its own when it is
// first asked for an address, for data, or to write. One whose header is
// missing, late, malformed or not about TCP is closed, and a Gate is asked
// about it with an address that is no IP address, so that it speaks against
// nobody. A connection that the proxy opened for itself (command LOCAL, or
// UNKNOWN) has the proxy's address; see Penalties.Exempt.
type ProxyListener struct {
	net.Listener

	// Trusted lists the networks of the proxies. They must send a header.
	Trusted []netip.Prefix
	// RefuseOthers closes connections from elsewhere. Otherwise they pass with
	// their own address, and what they send is data and never a header.
	RefuseOthers bool
	// HeaderTimeout is the time for the header, five seconds if zero or less.
	HeaderTimeout time.Duration
	// Logger is told of connections that are closed; nil means slog.Default().
	Logger *slog.Logger

	once    sync.Once // guards trusted and err
	trusted prefixSet
	err     error
}

// Accept implements net.Listener. It fails for good if a prefix in Trusted is
// not valid.
func (l *ProxyListener) Accept() (net.Conn, error) {
	l.once.Do(func() { l.trusted, l.err = newPrefixSet("ProxyListener.Trusted", l.Trusted) })
	if l.err != nil {
		// What the accept loops take for the end of the listener.
		return nil, fmt.Errorf("%w: %w", l.err, net.ErrClosed)
	}
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if _, ok := l.trusted.find(ipOf(nc.RemoteAddr())); ok {
			return l.expectHeader(nc), nil
		}
		if !l.RefuseOthers {
			return nc, nil
		}
		l.logger().Info("connection from outside of the trusted networks closed", "remote", nc.RemoteAddr())
		nc.Close() // its error has nobody to go to
	}
}

func (l *ProxyListener) logger() *slog.Logger { return cmp.Or(l.Logger, slog.Default()) }

func (l *ProxyListener) expectHeader(nc net.Conn) *proxiedConn {
	timeout := l.HeaderTimeout
	if timeout <= 0 {
		timeout = 5 * time.Second
	}
	return &proxiedConn{log: l.logger(), Conn: proxyproto.NewConn(nc,
		proxyproto.WithPolicy(proxyproto.REQUIRE),
		proxyproto.SetReadHeaderTimeout(timeout),
		proxyproto.ValidateHeader(validHeader),
	)}
}

// validHeader refuses sources that no TCP client can have.
func validHeader(h *proxyproto.Header) error {
	if h.Command.IsLocal() {
		return nil
	}
	source, _, ok := h.TCPAddrs()
	if !ok {
		return errors.New("the PROXY header is not about TCP")
	}
	if ip := ipOf(source); !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() {
		return fmt.Errorf("the PROXY header has an impossible source: %v", source.IP)
	}
	return nil
}

// proxiedConn is a connection from a proxy.
type proxiedConn struct {
	*proxyproto.Conn
	log  *slog.Logger
	once sync.Once
	bad  bool // the header is; set by once
}

// header waits for the header, and tells whether it is good.
func (c *proxiedConn) header() bool {
	c.once.Do(func() {
		if c.bad = c.ProxyHeader() == nil; !c.bad {
			return
		}
		_, err := c.Conn.Read(nil) // tells what was wrong
		upstream := c.Raw().RemoteAddr()
		c.log.Warn("connection without a good PROXY header closed", "proxy", upstream, "error", err)
		c.Close() // its error has nobody to go to
	})
	return !c.bad
}

// RemoteAddr returns the client's address. It waits for the header.
func (c *proxiedConn) RemoteAddr() net.Addr {
	if !c.header() {
		return unknownAddr{c.Raw().RemoteAddr()}
	}
	return c.Conn.RemoteAddr()
}

// LocalAddr returns the address that the client connected to.
func (c *proxiedConn) LocalAddr() net.Addr {
	if !c.header() {
		return c.Raw().LocalAddr()
	}
	return c.Conn.LocalAddr()
}

// unknownAddr is the address of a client that its proxy did not name.
type unknownAddr struct{ proxy net.Addr }

func (unknownAddr) Network() string  { return "proxy" }
func (a unknownAddr) String() string { return "unknown behind " + a.proxy.String() }
