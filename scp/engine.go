package scp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
)

// maxDepth bounds directories in directories.
const maxDepth = 64

// engine is one side of one scp, over any stream and any file system: the
// protocol is the same for a server and for a client.
type engine struct {
	options
	ctx         context.Context
	in          *bufio.Reader // of maxLine bytes
	out         io.Writer
	fsys        vfs.FS
	cwd         string // where relative paths begin
	ignoreAttrs bool
	maxSize     int64 // of a file; 0: no limit
	silent      bool  // a source on the other side may not confirm what it sent
	emit        func(*quaymaster.Event)
	spare       *sync.Pool
	log         *slog.Logger

	line   []byte // scratch for what is sent
	failed error  // the first thing that did not work
}

// peerError is what the other side says did not work.
type peerError struct {
	text  string
	fatal bool // the other side has ended
}

func (e *peerError) Error() string { return "scp: the other side: " + e.text }

func (e *engine) write(p []byte) error {
	_, err := e.out.Write(p)
	return err
}

// ack says that the last record was carried out.
func (e *engine) ack() error {
	e.line = append(e.line[:0], replyOK)
	return e.write(e.line)
}

// fail notes an error, which makes the exit status, and goes on.
func (e *engine) fail(err error) {
	if e.failed == nil {
		e.failed = err
	}
}

// warn tells the other side that path, as it knows it, did not work.
func (e *engine) warn(path string, err error) error {
	text, known := sshd.ErrorText(err)
	var told *toldError
	if errors.As(err, &told) {
		text, known = told.text, true
	}
	if known {
		e.log.Debug("not copied", "path", path, "error", err)
	} else {
		e.log.Error("not copied", "path", path, "error", err)
	}
	e.fail(err)
	e.line = append(e.line[:0], replyWarning)
	e.line = fmt.Appendf(e.line, "scp: %s: %s\n", sshd.Printable(path), text)
	return e.write(e.line)
}

// toldError is an error whose text is for the other side as it is.
type toldError struct{ text string }

func (e *toldError) Error() string { return e.text }

// response waits for the other side's reply. An error for which isRefusal is
// true means that the last record, and only that, did not work.
func (e *engine) response() error {
	kind, err := e.in.ReadByte()
	if err != nil {
		return e.lost(err)
	}
	switch kind {
	case replyOK:
		return nil
	case replyWarning, replyFatal:
		err := e.complaint(kind)
		e.fail(err)
		return err
	}
	return malformed("unexpected reply")
}

// complaint reads the line after kind.
func (e *engine) complaint(kind byte) error {
	text, err := e.readLine()
	if err != nil {
		return err
	}
	told := &peerError{sshd.Printable(string(text)), kind == replyFatal}
	e.log.Info("complaint of the other side", "text", told.text)
	return told
}

// readLine returns a line without its newline, valid until the next read.
func (e *engine) readLine() ([]byte, error) {
	line, err := e.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, malformed("line too long")
	case err != nil:
		return nil, e.lost(err)
	}
	return line[:len(line)-1], nil
}

// lost explains the end of the stream where there must be more.
func (e *engine) lost(err error) error {
	if e.ctx.Err() != nil {
		return context.Cause(e.ctx)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("scp: %w", quaymaster.ErrConnLost)
	}
	return err
}

// isRefusal tells whether err is the other side's, and only concerns the last
// record.
func isRefusal(err error) bool {
	var told *peerError
	return errors.As(err, &told) && !told.fatal
}

// unlessRefusal drops the refusal of one record, which was noted.
func unlessRefusal(err error) error {
	if isRefusal(err) {
		return nil
	}
	return err
}
