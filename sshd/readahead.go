package sshd

import (
	"net"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/crypto/ssh"
)

// x/crypto/ssh 0.58 reads ahead into a queue of 16 packets. When a packet ends
// the connection and more than fit are behind it, its reader waits for room that
// nobody makes any more: two goroutines stay for ever, for anybody who can
// connect. The two halves of the cure are here, each for the time in which the
// other one can't do it: leash keeps the queue short until the service request
// is answered, and drain empties it after the connection is closed.

const (
	// leashLength is what a client may send between NEWKEYS and the answer to
	// its service request, which takes 64 bytes at most: fewer packets, of 26
	// bytes at least, than the queue holds.
	leashLength = 400
	// leashPause is how long more than that waits. RFC 4253 section 11.2 lets a
	// client send any amount of SSH_MSG_IGNORE first.
	leashPause = time.Second
)

// leash is the connection below x/crypto/ssh.
type leash struct {
	net.Conn
	state atomic.Int32 // slack, tight or off
	left  int          // the reader's own
	free  chan struct{}
	once  sync.Once
}

const (
	slack int32 = iota // packets are in the clear, and taken one by one
	tight
	off
)

func newLeash(nc net.Conn) *leash {
	return &leash{Conn: nc, left: leashLength, free: make(chan struct{})}
}

func (l *leash) Read(p []byte) (int, error) {
	if l.state.Load() != tight {
		return l.Conn.Read(p)
	}
	if l.left == 0 {
		t := time.NewTimer(leashPause)
		select {
		case <-l.free:
		case <-t.C:
		}
		t.Stop()
		l.left = leashLength
	}
	n, err := l.Conn.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// Write tightens the leash with our first NEWKEYS: x/crypto/ssh has read nothing
// then that was encrypted.
func (l *leash) Write(p []byte) (int, error) {
	const length, newKeys = 16, 21 // the whole packet; the message's number
	if l.state.Load() == slack && len(p) == length && p[5] == newKeys {
		l.state.CompareAndSwap(slack, tight)
	}
	return l.Conn.Write(p)
}

// release lets the client send what it likes.
func (l *leash) release() {
	l.state.Store(off)
	l.once.Do(func() { close(l.free) })
}

func (l *leash) Close() error {
	defer l.release() // a reader that waits must find a closed connection
	return l.Conn.Close()
}

// incoming finds the queue behind meta, which x/crypto/ssh does not export. It
// is nil when x/crypto/ssh keeps it elsewhere; TestPacketsBehindTheLast fails
// then.
func incoming(meta ssh.ConnMetadata) chan []byte {
	v := reflect.ValueOf(meta)
	for _, name := range []string{"transport", "incoming"} {
		for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return nil
		}
		v = v.FieldByName(name)
	}
	if !v.CanAddr() || v.Type() != reflect.TypeFor[chan []byte]() {
		return nil
	}
	return *(*chan []byte)(unsafe.Pointer(v.UnsafeAddr()))
}

// drain takes packets until x/crypto/ssh closes queue, which it does as soon as
// it sees that the connection is closed.
func drain(queue chan []byte) {
	if queue == nil {
		return
	}
	for range queue { // what ended the connection said why
	}
}
