package sshd_test

import (
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/internal/rawssh"
	"github.com/quaymaster/quaymaster/sshd"
)

// pipeListener hands out the server's ends of pipes.
type pipeListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (l *pipeListener) dial() (net.Conn, error) {
	near, far := net.Pipe()
	l.conns <- near
	return far, nil
}

// serveOne runs f against a server behind l, and requires that everything is
// over soon after f hung up.
func serveOne(t *testing.T, key ssh.Signer, l net.Listener, dial func() (net.Conn, error), f func(nc net.Conn)) {
	t.Helper()
	srv := &sshd.Server{
		Auth: passwordAuth, HostKeys: []ssh.Signer{key}, Logger: slog.New(slog.DiscardHandler),
		HandshakeTimeout: 10 * time.Second, KeepAlive: -1,
		Subsystems: sftpOnly, Commands: map[string]sshd.Handler{"hello": hello},
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		srv.Serve(l) // ends with Close
	}()
	nc, err := dial()
	require.NoError(t, err)
	f(nc)
	nc.Close()
	over := make(chan struct{})
	go func() {
		defer close(over)
		srv.Shutdown(t.Context()) // waits for the connection, which has to end by itself
		srv.Close()
		<-ended
	}()
	select {
	case <-over:
	case <-time.After(20 * time.Second):
		t.Fatal("the connection did not end with its peer")
	}
}

// FuzzServer sends arbitrary bytes after the version.
func FuzzServer(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 12, 10, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte("\x00\x04\x00\x00\x04\x14"))
	f.Add([]byte("\xff\xff\xff\xff\xff\x14"))
	kexInit := ssh.Marshal(rawssh.NewKexInit())
	padding := 8 - (len(kexInit)+5)%8 + 4
	size := 1 + len(kexInit) + padding
	packet := append([]byte{0, 0, byte(size >> 8), byte(size), byte(padding)}, kexInit...)
	packet = append(packet, make([]byte, padding)...)
	f.Add(packet)
	f.Add(append(packet, packet...))
	key := newKey(f)
	f.Fuzz(func(t *testing.T, sent []byte) {
		l := newPipeListener()
		serveOne(t, key, l, l.dial, func(nc net.Conn) {
			nc.SetDeadline(time.Now().Add(10 * time.Second))
			read := make(chan struct{})
			go func() {
				defer close(read)
				io.Copy(io.Discard, nc) // until it is closed
			}()
			io.WriteString(nc, "SSH-2.0-fuzz\r\n")
			nc.Write(sent)
			nc.Close()
			<-read
		})
	})
}

// FuzzMessages logs in and sends arbitrary messages: each begins with its
// length in one byte.
func FuzzMessages(f *testing.F) {
	open := ssh.Marshal(&rawssh.ChannelOpen{Type: "session", ID: 1, Window: window, MaxPacket: maxPacket})
	request := func(kind, name string) []byte {
		return ssh.Marshal(&rawssh.ChannelRequest{Type: kind, Reply: true, Payload: ssh.Marshal(struct{ S string }{name})})
	}
	join := func(messages ...[]byte) (all []byte) {
		for _, m := range messages {
			all = append(append(all, byte(len(m))), m...)
		}
		return all
	}
	closed := []byte{rawssh.MsgChannelClose, 0, 0, 0, 0}
	f.Add(join(open, request("subsystem", "echo"), ssh.Marshal(&rawssh.ChannelData{Data: []byte("x")}), closed, closed))
	f.Add(join(open, request("subsystem", "sftp"), ssh.Marshal(&rawssh.ChannelData{Data: sftpPacket(1, []byte{0, 0, 0, 3})})))
	f.Add(join(open, open, request("exec", "hello"), request("env", "LANG"), []byte{rawssh.MsgChannelEOF, 0, 0, 0, 0}))
	f.Add(join(ssh.Marshal(&rawssh.GlobalRequest{Type: "hostkeys-prove-00@openssh.com", Reply: true, Payload: []byte{0, 0, 0, 1, 0}})))
	f.Add(join(open, ssh.Marshal(&rawssh.WindowAdjust{Add: 1<<32 - 1}), []byte{rawssh.MsgPing, 0, 0, 0, 0}, []byte{1, 0, 0, 0, 11}))
	f.Add(join([]byte{rawssh.MsgKexInit}, []byte{rawssh.MsgNewKeys}, []byte{3, 0, 0, 0, 0}))
	key := newKey(f)
	f.Fuzz(func(t *testing.T, script []byte) {
		// Not a pipe: both sides write before they read.
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		dial := func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }
		serveOne(t, key, l, dial, func(nc net.Conn) {
			c, err := rawssh.New(nc, rawssh.Version)
			require.NoError(t, err)
			require.NoError(t, c.Login("u", "p"))
			read := make(chan struct{})
			go func() {
				defer close(read)
				io.Copy(io.Discard, nc) // until it is closed
			}()
			for len(script) > 0 {
				n := min(int(script[0]), len(script)-1)
				if n > 0 && c.Send(script[1:1+n]) != nil {
					break
				}
				script = script[1+n:]
			}
			nc.Close()
			<-read
		})
	})
}
