package ftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/quaymaster/quaymaster"
)

var (
	// errAborted is the client's ABOR.
	errAborted = errors.New("aborted by the client")
	// errStalled ends a transfer that moves nothing.
	errStalled = errors.New("data connection stalled")
)

// maxQueue bounds the commands that wait for a transfer to end, and their bytes.
const (
	maxQueue      = 64
	maxQueueBytes = 32 << 10
)

// transfer is what uses one data connection, from 150 to 226. The watch and the
// transfer share it.
type transfer struct {
	what    string // for STAT
	started time.Time
	moved   atomic.Int64
	cancel  context.CancelCauseFunc
	aborted atomic.Bool
	dropped int   // commands in front of ABOR that were not obeyed
	err     error // what became of it, once run has come back
	// upload is ended when the control connection is lost: without TLS the loss
	// of the client looks like the end of the file.
	upload bool
}

// run opens the data connection, which noEndpoint has found possible, and has
// work use it; the control connection is
// watched meanwhile. work's error is what became of the transfer; for nil the
// reply is done.
func (c *conn) run(ctx context.Context, t *transfer, opening string, work func(ctx context.Context, d *dataConn) error) *reply {
	c.busy.Store(true)
	defer c.busy.Store(false)
	ctx, t.cancel = context.WithCancelCause(ctx)
	defer t.cancel(nil)
	t.started = time.Now()
	if err := c.send(say(codeOpening, "%s", opening)); err != nil {
		return nil // the next command finds the same
	}
	unwatch := c.watch(t)
	t.err = c.work(ctx, t, work)
	unwatch()
	r := c.outcome(t.err)
	if !t.aborted.Load() {
		return r
	}
	for range t.dropped {
		if err := c.send(r); err != nil {
			return nil
		}
		r = say(codeAborted, "Not done: ABOR came behind it.")
	}
	if err := c.send(r); err != nil {
		return nil
	}
	return say(codeClosing, "ABOR obeyed.")
}

// work opens the data connection, uses it and closes it.
func (c *conn) work(ctx context.Context, t *transfer, work func(ctx context.Context, d *dataConn) error) error {
	d, err := c.openData(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &dataError{err}
	}
	// A transfer that is to end is woken by the end of its socket.
	stop := context.AfterFunc(ctx, func() { d.sock.Close() })
	defer stop()
	err = work(ctx, d)
	if err != nil {
		d.sock.Close()
	} else if err = c.finish(d); err != nil && t.upload {
		c.log.Debug("end of the data connection", "error", err) // the file is published
		err = nil
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errStalled
	}
	return err
}

// dataError is a data connection that did not come about.
type dataError struct{ err error }

func (e *dataError) Error() string { return e.err.Error() }
func (e *dataError) Unwrap() error { return e.err }

// outcome is the last reply of a transfer.
func (c *conn) outcome(err error) *reply {
	var data *dataError
	var network *net.OpError
	switch {
	case err == nil:
		return say(codeClosing, "Transfer complete.")
	case errors.Is(err, errNoReuse):
		return say(codeBadProtocol, "TLS session of the control connection must be reused.")
	case errors.As(err, &data):
		c.log.Info("no data connection", "error", err)
		return say(codeNoData, "Can't open the data connection.")
	case errors.Is(err, errAborted):
		return say(codeAborted, "Transfer aborted.")
	case errors.Is(err, errStalled):
		return say(codeAborted, "Data connection timed out, transfer aborted.")
	case errors.Is(err, errTruncated):
		return say(codeAborted, "TLS was not closed properly: the file may be cut short and is not published.")
	case errors.Is(err, quaymaster.ErrConnLost), errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF):
		c.log.Info("transfer failed", "error", err)
		return say(codeAborted, "Data connection lost, transfer aborted.")
	}
	return c.refuse(err)
}

// watchDelay spares short transfers a second goroutine.
const watchDelay = 2 * time.Millisecond

// watch has the control connection read during a transfer. The function that it
// returns ends that.
func (c *conn) watch(t *transfer) (stop func()) {
	if err := c.nc.SetReadDeadline(time.Time{}); err != nil {
		return func() {}
	}
	var over atomic.Bool
	done := make(chan struct{})
	timer := time.AfterFunc(watchDelay, func() {
		defer close(done)
		c.attend(t, &over)
	})
	return func() {
		if timer.Stop() {
			return // it never began
		}
		over.Store(true)
		// A deadline in the past wakes the reader; nothing is lost.
		if err := c.nc.SetReadDeadline(time.Unix(1, 0)); err != nil {
			c.log.Debug("wake the reader", "error", err)
		}
		<-done
	}
}

// attend obeys ABOR, STAT and NOOP at once, and keeps the rest for later.
func (c *conn) attend(t *transfer, over *atomic.Bool) {
	size := 0
	for _, line := range c.queue {
		size += len(line)
	}
	for !over.Load() && len(c.queue) < maxQueue && size < maxQueueBytes && !t.aborted.Load() {
		line, err := c.in.next()
		switch {
		case errors.Is(err, errLineTooLong):
			c.queue = append(c.queue, "\x00") // malformed when its turn comes
			continue
		case errors.Is(err, os.ErrDeadlineExceeded):
			return
		case err != nil:
			if t.upload {
				t.cancel(fmt.Errorf("%w during an upload", quaymaster.ErrConnLost))
			}
			return
		}
		if !c.meanwhile(t, parseCommand(string(line))) {
			c.queue = append(c.queue, string(line))
			size += len(line)
		}
	}
}

// meanwhile obeys what can be obeyed during a transfer; false for the rest.
func (c *conn) meanwhile(t *transfer, cmd command) bool {
	var r *reply
	switch {
	case len(c.queue) > 0: // in order: something else waits already
		if cmd.verb != "ABOR" {
			return false
		}
		fallthrough
	case cmd.verb == "ABOR":
		t.dropped, c.queue = len(c.queue), nil
		t.aborted.Store(true)
		t.cancel(errAborted)
		return true
	case cmd.verb == "NOOP":
		r = say(codeOK, "Still at it.")
	case cmd.verb == "STAT" && cmd.arg == "":
		r = say(codeSystem, "%s: %d bytes in %s.", t.what, t.moved.Load(), time.Since(t.started).Round(time.Second))
	default:
		return false
	}
	if err := c.send(r); err != nil {
		t.cancel(quaymaster.ErrConnLost)
	}
	return true
}

// abor is ABOR while nothing is transferred.
func (c *conn) abor(context.Context, string) *reply {
	if c.data != (endpoint{}) {
		c.data.close()
		return say(codeDataOpen, "Nothing is transferred; the data port is closed.")
	}
	return say(codeClosing, "Nothing is transferred.")
}
