package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
)

// lean is an SFTP client that does one request at a time on one connection,
// with as little work of its own as x/crypto/ssh allows: what is measured with
// it should be the server.
type lean struct {
	conn   *ssh.Client
	net    net.Conn
	ch     ssh.Channel
	closed chan struct{} // the server has closed the channel
	unbind func() bool   // of the context
	r      *bufio.Reader
	in     []byte // the last reply
	out    []byte // the last request
	id     uint32
}

// leanConfig fixes the algorithms, so that all servers do the same work.
func leanConfig(r *rig) (*ssh.ClientConfig, error) {
	text, err := os.ReadFile(r.key)
	if err != nil {
		return nil, err
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, err
	}
	text, err = os.ReadFile(r.hostKey + ".pub")
	if err != nil {
		return nil, err
	}
	host, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil, err
	}
	return &ssh.ClientConfig{
		Config: ssh.Config{
			KeyExchanges: []string{ssh.KeyExchangeCurve25519},
			Ciphers:      []string{ssh.CipherAES128GCM},
		},
		User:              r.user,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback:   ssh.FixedHostKey(host),
		HostKeyAlgorithms: []string{ssh.KeyAlgoED25519},
	}, nil
}

// login connects and authenticates. The connection dies with ctx until unbind
// is called.
func login(ctx context.Context, s *server, cfg *ssh.ClientConfig) (*lean, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	unbind := context.AfterFunc(ctx, func() { c.Close() })
	conn, chans, reqs, err := ssh.NewClientConn(c, s.addr, cfg)
	if err != nil {
		unbind()
		return nil, errors.Join(err, c.Close())
	}
	return &lean{conn: ssh.NewClient(conn, chans, reqs), net: c, unbind: unbind}, nil
}

// dialLean logs in and starts SFTP.
func dialLean(ctx context.Context, s *server, cfg *ssh.ClientConfig) (*lean, error) {
	l, err := login(ctx, s, cfg)
	if err != nil {
		return nil, err
	}
	if err := l.start(); err != nil {
		return nil, errors.Join(err, l.hangUp())
	}
	return l, nil
}

// start opens a channel and does the INIT exchange.
func (l *lean) start() error {
	ch, reqs, err := l.conn.OpenChannel("session", nil)
	if err != nil {
		return err
	}
	l.ch, l.closed = ch, make(chan struct{})
	go func() {
		ssh.DiscardRequests(reqs)
		close(l.closed)
	}()
	ok, err := ch.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"}))
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("the server has no SFTP")
	}
	l.r = bufio.NewReaderSize(ch, 64<<10)
	l.begin(fxpInit, 3) // the version is where others have their id
	if err := l.exchange(); err != nil {
		return err
	}
	if l.in[0] != fxpVersion {
		return fmt.Errorf("reply of type %d to INIT", l.in[0])
	}
	return nil
}

// hangUp drops the connection.
func (l *lean) hangUp() error {
	l.unbind()
	return l.conn.Close()
}

// close ends the channel first, and waits for the server to do the same, so
// that what it started ends and is reaped in order.
func (l *lean) close() error {
	err := l.ch.CloseWrite()
	select {
	case <-l.closed:
	case <-time.After(stopAfter):
		err = errors.Join(err, errors.New("the server does not close the channel"))
	}
	return errors.Join(err, l.hangUp())
}

// fleet is several clients at once.
type fleet []*lean

// dialFleet opens n connections, some at a time.
func dialFleet(ctx context.Context, s *server, n int) (fleet, error) {
	cfg, err := leanConfig(s.rig)
	if err != nil {
		return nil, err
	}
	f := make(fleet, n)
	err = inParallel(min(n, clients), n, func(_, i int) (err error) {
		f[i], err = dialLean(ctx, s, cfg)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f fleet) close() error { return closeAll(f) }

// statSize asks for the attributes of a file, which must have that size.
func (l *lean) statSize(name string, want int64) error {
	size, err := l.stat(name)
	if err == nil && size != want {
		err = fmt.Errorf("stat %s: %d bytes, want %d", name, size, want)
	}
	return err
}

// readWhole opens, reads and closes a file of len(buf) bytes and compares it
// with want.
func (l *lean) readWhole(name string, want []byte) error {
	h, err := l.open(name, openRead)
	if err != nil {
		return err
	}
	got, err := l.read(h, 0, uint32(len(want)))
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("read %s: wrong content", name)
	}
	return errors.Join(err, l.closeHandle(h))
}

// writeWhole creates a file and writes it.
func (l *lean) writeWhole(name string, content []byte) error {
	h, err := l.open(name, openWrite|openCreate|openTruncate)
	if err != nil {
		return err
	}
	return errors.Join(l.write(h, 0, content), l.closeHandle(h))
}
