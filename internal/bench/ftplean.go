package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// leanFTP is an FTP client that does one thing at a time, with as little work of
// its own as can be: what is measured with it should be the server.
type leanFTP struct {
	ctl    net.Conn
	text   *textproto.Reader
	host   string
	tls    *tls.Config // nil: plain
	data   []byte      // what retrieve got
	unbind func() bool // of the context
}

// ticket keeps the last session, whatever it was used for: connections that only
// write see no ticket of their own, and servers want one on each.
type ticket struct {
	last atomic.Pointer[tls.ClientSessionState]
}

func (t *ticket) Get(string) (*tls.ClientSessionState, bool) {
	s := t.last.Load()
	return s, s != nil
}

func (t *ticket) Put(_ string, s *tls.ClientSessionState) {
	if s != nil { // else it was used, which does it no harm
		t.last.Store(s)
	}
}

// ftpTLS trusts the rig's certificate only.
func ftpTLS(r *rig) (*tls.Config, error) {
	text, err := os.ReadFile(r.cert)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("no certificate in " + r.cert)
	}
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}, nil
}

// loginFTP connects and logs in. The connection dies with ctx until it is closed.
// A nil cfg is without TLS.
func loginFTP(ctx context.Context, s *server, cfg *tls.Config) (*leanFTP, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	l := &leanFTP{unbind: context.AfterFunc(ctx, func() { c.Close() })}
	l.use(c)
	if err := l.enter(s, cfg); err != nil {
		return nil, errors.Join(err, l.hangUp())
	}
	return l, nil
}

// use makes c the control connection.
func (l *leanFTP) use(c net.Conn) {
	l.ctl, l.text = c, textproto.NewReader(bufio.NewReaderSize(c, 1<<10))
}

// enter goes from the greeting to the end of the login.
func (l *leanFTP) enter(s *server, cfg *tls.Config) (err error) {
	if l.host, _, err = net.SplitHostPort(s.addr); err != nil {
		return err
	}
	if _, _, err = l.text.ReadResponse(220); err != nil {
		return err
	}
	if cfg != nil {
		l.tls = cfg.Clone()
		l.tls.ClientSessionCache = &ticket{}
		if _, err := l.command(234, "AUTH TLS"); err != nil {
			return err
		}
		l.use(tls.Client(l.ctl, l.tls)) // the handshake comes with the first command
	}
	if _, err := l.command(331, "USER "+s.user); err != nil {
		return err
	}
	_, err = l.command(230, "PASS "+ftpPassword)
	return err
}

// dialFTP logs in and gets ready for transfers of binary files.
func dialFTP(ctx context.Context, s *server, cfg *tls.Config) (*leanFTP, error) {
	l, err := loginFTP(ctx, s, cfg)
	if err != nil {
		return nil, err
	}
	_, err = l.command(200, "TYPE I")
	if cfg != nil {
		for _, line := range []string{"PBSZ 0", "PROT P"} {
			if err == nil {
				_, err = l.command(200, line)
			}
		}
	}
	if err != nil {
		return nil, errors.Join(err, l.hangUp())
	}
	return l, nil
}

// command sends a line and reads the reply, whose code must be want, or begin
// with it.
func (l *leanFTP) command(want int, line string) (text string, err error) {
	if _, err := io.WriteString(l.ctl, line+"\r\n"); err != nil {
		return "", err
	}
	_, text, err = l.text.ReadResponse(want)
	if err != nil {
		verb, _, _ := strings.Cut(line, " ")
		return "", fmt.Errorf("%s: %w", verb, err)
	}
	return text, nil
}

// transfer runs a command with a data connection, which move uses up.
func (l *leanFTP) transfer(line string, move func(data net.Conn) error) error {
	text, err := l.command(229, "EPSV")
	if err != nil {
		return err
	}
	port, err := epsvPort(text)
	if err != nil {
		return err
	}
	data, err := net.Dial("tcp", net.JoinHostPort(l.host, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	defer data.Close()
	if _, err := io.WriteString(l.ctl, line+"\r\n"); err != nil {
		return err
	}
	var handshake error
	if l.tls != nil { // some want it before they reply
		t := tls.Client(data, l.tls)
		handshake, data = t.Handshake(), t
	}
	if _, _, err := l.text.ReadResponse(1); err != nil {
		return fmt.Errorf("%s: %w", line, errors.Join(err, handshake))
	}
	if err := errors.Join(handshake, move(data), data.Close()); err != nil {
		return err
	}
	_, _, err = l.text.ReadResponse(2)
	return err
}

// epsvPort finds the port in the text of a 229: RFC 2428 section 3.
func epsvPort(text string) (int, error) {
	_, text, _ = strings.Cut(text, "(|||")
	text, _, ok := strings.Cut(text, "|)")
	port, err := strconv.ParseUint(text, 10, 16)
	if !ok || err != nil || port == 0 {
		return 0, errors.New("no port in the reply to EPSV")
	}
	return int(port), nil
}

func (l *leanFTP) store(name string, content []byte) error {
	return l.transfer("STOR "+name, func(data net.Conn) error {
		_, err := data.Write(content)
		return err
	})
}

// retrieve gets a file and compares it with want.
func (l *leanFTP) retrieve(name string, want []byte) error {
	if l.data == nil {
		l.data = make([]byte, len(want)+1)
	}
	return l.transfer("RETR "+name, func(data net.Conn) error {
		n, err := io.ReadFull(data, l.data)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return fmt.Errorf("RETR %s, after %d bytes: %w", name, n, err)
		}
		if !bytes.Equal(l.data[:n], want) { // the buffer has room for one byte too many
			return fmt.Errorf("RETR %s: wrong content, of %d bytes", name, n)
		}
		return nil
	})
}

// list counts the files in a directory, by LIST or MLSD.
func (l *leanFTP) list(verb, dir string) (files int, err error) {
	err = l.transfer(verb+" "+dir, func(data net.Conn) error {
		for r := bufio.NewReaderSize(data, 64<<10); ; {
			line, err := r.ReadSlice('\n')
			if listsFile(verb, line) {
				files++
			}
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
	var reply *textproto.Error
	if errors.As(err, &reply) && (reply.Code == 500 || reply.Code == 502) {
		err = errNotOffered
	}
	return files, err
}

// listsFile reports whether a line of a listing is about a file: neither "total"
// nor the directory itself.
func listsFile(verb string, line []byte) bool {
	if verb == "MLSD" {
		return bytes.Contains(bytes.ToLower(line), []byte("type=file;"))
	}
	return len(line) > 0 && line[0] == '-'
}

// hangUp drops the connection.
func (l *leanFTP) hangUp() error {
	l.unbind()
	return l.ctl.Close()
}

// close says QUIT first, so that the session ends in order.
func (l *leanFTP) close() error {
	_, err := l.command(2, "QUIT")
	return errors.Join(err, l.hangUp())
}

// ftpFleet is several clients at once.
type ftpFleet []*leanFTP

// dialFTPs opens n connections, some at a time.
func dialFTPs(ctx context.Context, s *server, cfg *tls.Config, n int) (ftpFleet, error) {
	f := make(ftpFleet, n)
	err := inParallel(min(n, clients), n, func(_, i int) (err error) {
		f[i], err = dialFTP(ctx, s, cfg)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f ftpFleet) close() error { return closeAll(f) }
