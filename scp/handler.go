package scp

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/quaymaster/quaymaster/sshd"
)

// Handler is the scp command: put it into sshd.Server.Commands under "scp".
// The zero value serves everything that the session's file system allows. Its
// fields must not change once it is in use, and it must not be copied; it
// serves any number of channels at the same time.
type Handler struct {
	// StartDir is the directory in which relative paths begin, as a name for
	// vfs; empty means the root.
	StartDir string
	// IgnoreAttrs takes an upload for complete when the file system can't or
	// may not give it the mode and times that the client asked for with -p.
	IgnoreAttrs bool

	spare sync.Pool // of *buffer
}

var _ sshd.Handler = (*Handler)(nil)

// errNotServed is the answer to a user who types scp by hand.
var errNotServed = errors.New("only the options -t and -f, which another scp sends, are served; use scp or sftp on your side")

// ServeSSH serves one command line until it is done. What could not be copied
// makes an exit status of 1.
func (h *Handler) ServeSSH(ctx context.Context, s *sshd.Session) error {
	args, err := s.Args()
	if err != nil {
		return refuse(s, err)
	}
	o, args, err := parseOptions(args)
	if err != nil {
		return refuse(s, err)
	}
	fsys, err := s.FS(ctx)
	if err != nil {
		// Clients show this; why it is so is for the log.
		fmt.Fprintln(s.Stderr(), "Your folder is not available.")
		return err
	}
	e := &engine{
		ctx: ctx, in: bufio.NewReaderSize(s.Input(), maxLine), out: s, fsys: fsys, cwd: cmp.Or(h.StartDir, "."),
		options: o, ignoreAttrs: h.IgnoreAttrs, maxSize: s.Identity().Limits.MaxFileSize,
		silent: isLibssh2(s.Conn().Client), emit: s.Emit, spare: &h.spare, log: s.Logger(),
	}
	return e.run(args)
}

// isLibssh2 knows the library of curl, PHP and others. It leaves the last byte
// of an upload to programs, and these don't send it.
func isLibssh2(client string) bool { return strings.HasPrefix(client, "SSH-2.0-libssh2") }

// refuse tells the user why a command line is not served.
func refuse(s *sshd.Session, err error) error {
	if _, werr := fmt.Fprintf(s.Stderr(), "scp: %s\n", sshd.Printable(err.Error())); werr != nil {
		return werr
	}
	return err
}

// run does what the command line says.
func (e *engine) run(args []sshd.Word) error {
	var err error
	if e.source {
		err = e.sendAll(args)
	} else {
		err = e.receive(args)
	}
	var broken *protocolError
	if errors.As(err, &broken) {
		// Whether it arrives makes no difference any more.
		_ = e.write(append(append([]byte{replyFatal}, "scp: "...), sshd.Printable(broken.why)+"\n"...))
	}
	if err == nil && e.failed != nil { // it went on to the end
		err = &sshd.ExitError{Code: 1, Err: e.failed}
	}
	return err
}
