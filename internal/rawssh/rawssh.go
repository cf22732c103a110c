// Package rawssh is an SSH client that sends any packet at any time, for tests
// of how a server takes what no honest client does. It exchanges versions and
// keys properly, with curve25519-sha256 and aes128-gcm@openssh.com, and leaves
// everything after that, and every deviation before, to the test:
//
//	c, err := rawssh.Dial(addr)
//	err = c.KeyExchange(nil)
//	err = c.RequestService("ssh-userauth")
//	err = c.Send([]byte{52}) // SSH_MSG_USERAUTH_SUCCESS, from a client
//	packet, err := c.Recv()
//
// A Conn is not safe for concurrent use, except that one goroutine may Send
// while another one Recvs, between key exchanges.
package rawssh

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Version is the identification string that Dial sends.
const Version = "SSH-2.0-rawssh"

// timeout bounds everything that a Conn does, so that a server that neither
// answers nor hangs up fails a test and does not stop it.
const timeout = 30 * time.Second

// Conn is a connection at the level of packets. Packets are plain text until
// KeyExchange.
type Conn struct {
	// Raw is the connection below, for bytes that are no packet. What the
	// server sent may be buffered in the Conn.
	Raw net.Conn
	// ServerVersion is the server's identification string.
	ServerVersion string
	// SessionID is the exchange hash of the first key exchange; nil before it.
	SessionID []byte
	// HostKey and HostSignature are what the server presented in the last key
	// exchange. The signature was verified.
	HostKey       ssh.PublicKey
	HostSignature *ssh.Signature

	version  string
	in       *bufio.Reader
	seal     *sealer // nil: plain text
	open     *sealer
	serverKI []byte // the server's first KEXINIT, if it came before ours
}

// Dial connects to addr and exchanges versions.
func Dial(addr string) (*Conn, error) {
	nc, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return nil, err
	}
	c, err := New(nc, Version)
	if err != nil {
		nc.Close()
	}
	return c, err
}

// New exchanges versions over nc. It does not close nc when it fails.
func New(nc net.Conn, version string) (*Conn, error) {
	c := &Conn{Raw: nc, version: version, in: bufio.NewReader(nc)}
	if err := nc.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(nc, "%s\r\n", version); err != nil {
		return nil, err
	}
	for { // other lines may come first, RFC 4253 section 4.2
		line, err := c.in.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("rawssh: version: %w", err)
		}
		if strings.HasPrefix(line, "SSH-") {
			c.ServerVersion = strings.TrimRight(line, "\r\n")
			return c, nil
		}
	}
}

// Close drops the connection without a word.
func (c *Conn) Close() error { return c.Raw.Close() }

// Send sends one packet: a message number and what belongs to it.
func (c *Conn) Send(payload []byte) error {
	_, err := c.Raw.Write(c.seal.seal(payload))
	return err
}

// SendBody sends what is between the length and the MAC of a packet as it is:
// the length of the padding, a payload and padding, which need not fit.
func (c *Conn) SendBody(body []byte) error {
	_, err := c.Raw.Write(c.seal.sealBody(body))
	return err
}

// SendMsg sends a struct as ssh.Marshal packs it; the tag `sshtype:"N"` on its
// first field gives the message number.
func (c *Conn) SendMsg(msg any) error { return c.Send(ssh.Marshal(msg)) }

// Recv returns the next packet, whatever it is. The error is io.EOF or
// io.ErrUnexpectedEOF when the server hung up.
func (c *Conn) Recv() ([]byte, error) { return c.open.read(c.in) }

// Expect returns the next packet that is not IGNORE, DEBUG or EXT_INFO, and an
// error if its message number is another one.
func (c *Conn) Expect(number byte) ([]byte, error) {
	for {
		packet, err := c.Recv()
		if err != nil {
			return nil, err
		}
		switch packet[0] {
		case MsgIgnore, MsgDebug, MsgExtInfo:
			continue
		case number:
			return packet, nil
		case MsgDisconnect:
			return packet, fmt.Errorf("rawssh: disconnected: %w", disconnectOf(packet))
		}
		return packet, fmt.Errorf("rawssh: got message %d, want %d", packet[0], number)
	}
}

// Ended reads until the connection is over, and returns the numbers of the
// messages that still came.
func (c *Conn) Ended() (seen []byte, err error) {
	for {
		packet, err := c.Recv()
		if err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				return seen, err
			}
			return seen, nil
		}
		seen = append(seen, packet[0])
	}
}
