package sshd

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quaymaster/quaymaster"
)

// watchedConn notes when the peer was last heard, counts what it sends before
// the login, and runs functions when it is closed.
type watchedConn struct {
	net.Conn
	heard atomic.Int64 // Unix nanoseconds

	counting atomic.Bool
	left     atomic.Int64 // bytes that may still come while counting
	spent    func()       // called when more came

	mu     sync.Mutex // guards the fields below
	closed bool
	ending []func()
}

func watch(nc net.Conn) *watchedConn {
	w := &watchedConn{Conn: nc}
	w.heard.Store(time.Now().UnixNano())
	return w
}

func (w *watchedConn) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.heard.Store(time.Now().UnixNano())
		if w.counting.Load() && w.left.Add(-int64(n)) < 0 {
			w.spent()
		}
	}
	return n, err
}

// count calls spent when the peer has sent more than limit bytes from now on,
// until stop is called. It must be called before anybody reads.
func (w *watchedConn) count(limit int64, spent func()) (stop func()) {
	w.spent = spent
	w.left.Store(limit)
	w.counting.Store(true)
	return func() { w.counting.Store(false) }
}

func (w *watchedConn) Close() error {
	w.mu.Lock()
	ending := w.ending
	w.closed, w.ending = true, nil
	w.mu.Unlock()
	for _, f := range ending {
		f()
	}
	return w.Conn.Close()
}

// onClose runs f when the connection is closed, at once if it is already.
func (w *watchedConn) onClose(f func()) {
	w.mu.Lock()
	closed := w.closed
	if !closed {
		w.ending = append(w.ending, f)
	}
	w.mu.Unlock()
	if closed {
		f()
	}
}

// every runs f each time that f's own answer has passed, until the connection
// is closed or f answers 0 or less. It costs no goroutine while it waits.
func (w *watchedConn) every(first time.Duration, f func() time.Duration) {
	var mu sync.Mutex
	var timer *time.Timer
	stopped := false
	mu.Lock()
	timer = time.AfterFunc(first, func() {
		next := f()
		mu.Lock()
		defer mu.Unlock()
		if next > 0 && !stopped {
			timer.Reset(next)
		}
	})
	mu.Unlock()
	w.onClose(func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		timer.Stop()
	})
}

// watchIdle ends the connection when its channels moved nothing for limit: the
// client asks for nothing, or does not take what it asked for. A handler that
// is at work without either, such as on a long copy, is not idle.
func (c *conn) watchIdle(limit time.Duration) {
	if limit <= 0 {
		return
	}
	c.sock.every(limit, func() time.Duration {
		left := limit - time.Since(time.Unix(0, c.lastActive.Load()))
		if left > 0 {
			return left
		}
		if c.running.Load() > 0 && c.writing.Load() == 0 {
			return limit
		}
		c.nc.End(quaymaster.ErrIdle)
		return 0
	})
}

// unanswered is how many signs of life a peer may miss.
const unanswered = 3

// watchPeer asks a silent peer for a sign of life, and drops it when it gives
// none. Any byte from it is one.
func (c *conn) watchPeer(interval time.Duration) {
	if interval <= 0 {
		return
	}
	var asking atomic.Bool
	c.sock.every(interval, func() time.Duration {
		silent := time.Since(time.Unix(0, c.sock.heard.Load()))
		if silent < interval {
			return interval - silent
		}
		if silent >= (unanswered+1)*interval {
			c.nc.End(quaymaster.ErrConnLost)
			return 0
		}
		if !asking.Swap(true) {
			go func() {
				defer asking.Store(false)
				// The reply, even a refusal, counts as being heard; a failure
				// shows as silence.
				_, _, _ = c.ssh.SendRequest("keepalive@openssh.com", true, nil)
			}()
		}
		return interval
	})
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

// isDisconnect tells whether err is the peer's SSH_MSG_DISCONNECT with reason
// 11, by application, which is how clients say goodbye. x/crypto/ssh does not
// export the type, so its text has to do.
func isDisconnect(err error) bool {
	return err != nil && strings.Contains(err.Error(), "disconnect, reason 11")
}
