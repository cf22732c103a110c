package ftp

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/internal/serve"
	"github.com/quaymaster/quaymaster/internal/session"
	"github.com/quaymaster/quaymaster/vfs"
)

var (
	// errTruncated is an upload over TLS that ended without close_notify.
	errTruncated = errors.New("TLS ended without close_notify")
	// errUnproven is an upload without TLS that is not what ALLO announced.
	errUnproven = &ReplyError{int(codeAborted), "Not the size that ALLO announced: the file is not published."}
)

// stor is STOR, after REST from there on.
func (c *conn) stor(ctx context.Context, arg string) *reply {
	name, refusal := c.path(arg)
	if refusal != nil {
		return refusal
	}
	flag := os.O_WRONLY | os.O_CREATE
	if c.next.restart == 0 {
		flag |= os.O_TRUNC
	}
	return c.upload(ctx, name, flag, c.next.restart, "")
}

// appe is APPE: at the end of the file, whatever REST said.
func (c *conn) appe(ctx context.Context, arg string) *reply {
	name, refusal := c.path(arg)
	if refusal != nil {
		return refusal
	}
	return c.upload(ctx, name, os.O_WRONLY|os.O_CREATE, -1, "")
}

// stou is STOU: under a name that nobody uses, which the reply tells as RFC 1123
// section 4.1.2.9 has it.
func (c *conn) stou(ctx context.Context, _ string) *reply {
	var raw [8]byte
	rand.Read(raw[:])
	base := fmt.Sprintf("upload-%x", raw)
	return c.upload(ctx, path.Join(c.cwd, base), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0, "FILE: "+base)
}

// upload opens the file, takes its data and publishes it. off < 0 is the end of
// the file.
func (c *conn) upload(ctx context.Context, name string, flag int, off int64, opening string) *reply {
	announced := c.next.allocate
	c.next.allocate = -1
	if refusal := c.asciiRefused(); refusal != nil {
		return refusal
	}
	if refusal := c.noEndpoint(); refusal != nil {
		return refusal
	}
	if !c.private && c.srv.PlainUpload == PlainRequireSize && announced < 0 {
		return say(codeSequence, "ALLO first: without TLS an upload has to announce its size.")
	}
	f, err := c.fsys.OpenFile(ctx, name, flag, 0o666)
	if err != nil {
		return c.refuse(err)
	}
	fi, err := f.Stat()
	if err == nil && off > fi.Size() {
		err = &ReplyError{int(codeRestart), "Restart position is behind the end of the file."}
	}
	if err != nil {
		return c.refuse(errors.Join(err, vfs.Abort(f, err)))
	}
	if off < 0 {
		off = fi.Size()
	}
	if opening == "" {
		opening = c.opening(-1)
	}
	u := &upload{c: c, f: f, from: off, off: off, announced: announced}
	u.t = &transfer{what: "Receiving a file", upload: true}
	r := c.run(ctx, u.t, opening, u.receive)
	if !u.ended { // nothing came of the data connection
		u.abort(cmp.Or(u.t.err, quaymaster.ErrConnLost))
	}
	return r
}

// upload is a file on its way in.
type upload struct {
	c         *conn
	f         vfs.File
	t         *transfer
	from, off int64 // where it began, and came to
	announced int64 // by ALLO; -1: not
	ended     bool
}

func (u *upload) abort(cause error) {
	u.ended = true
	if err := vfs.Abort(u.f, cause); err != nil && !errors.Is(err, fs.ErrClosed) {
		u.c.log.Warn("abort an upload", "error", err)
	}
}

// receive takes the data, gives the verdict and publishes the file: only then
// comes the 226.
func (u *upload) receive(ctx context.Context, d *dataConn) error {
	err := u.copy(d)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = u.verdict(ctx, d)
	}
	if err != nil {
		u.abort(err)
		return err
	}
	u.ended = true
	return u.f.Close()
}

// Without TLS the end of an upload waits for news of the client: when one dies,
// the system ends its connections one after the other, and the data connection
// may well be the first. The wait is a small part of what the upload took, so
// that many small files lose nothing by it.
const (
	plainGracePart = 10
	minPlainGrace  = time.Millisecond // less is not worth it
	maxPlainGrace  = 10 * time.Millisecond
)

// verdict tells whether the end of the data is the end of the file.
func (u *upload) verdict(ctx context.Context, d *dataConn) error {
	c := u.c
	if d.secure != nil {
		if d.raw.ended.Load() && !c.srv.LenientEOF {
			return errTruncated
		}
		return nil
	}
	proven := u.announced >= 0 && (u.announced == u.off || u.announced == u.off-u.from)
	grace := min(time.Since(u.t.started)/plainGracePart, maxPlainGrace)
	if !proven && grace >= minPlainGrace {
		select { // the watch reads on
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(grace):
		}
	}
	if controlLost(c.nc.Conn) {
		return fmt.Errorf("%w at the end of an upload", quaymaster.ErrConnLost)
	}
	if c.srv.PlainUpload != PlainPublish && !proven {
		return errUnproven
	}
	return nil
}

// copy writes what comes to the file, up to the end of the data.
func (u *upload) copy(d *dataConn) error {
	c := u.c
	if d.secure == nil && !c.converts() && !c.deflate {
		if err := u.byKernel(d); !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	in, out := c.decoder(d.Conn)
	buf := c.lend()
	n, err := readFull(in, *buf)
	u.t.moved.Add(int64(n))
	if err == nil { // there is more
		err = u.overlap(in, out, buf)
	} else {
		werr := u.write(out.convert((*buf)[:n]))
		c.giveBack(buf)
		if werr != nil {
			return werr
		}
	}
	switch {
	case err == io.EOF:
		return u.write(out.rest())
	case err == io.ErrUnexpectedEOF && d.secure != nil:
		return errTruncated
	}
	return err
}

// piece is a buffer with n bytes of an upload.
type piece struct {
	buf *[]byte
	n   int
}

// overlap writes what comes on a goroutine of its own, beginning with a full
// buffer, while the next piece is received and decrypted. It ends with io.EOF, or
// with what went wrong.
func (u *upload) overlap(in io.Reader, out *converter, buf *[]byte) error {
	pieces, written := make(chan piece, 1), make(chan error, 1)
	go func() {
		var err error
		if broken := serve.Fence(u.c.log, func() { err = u.writeAll(pieces, out) }); broken != nil {
			err = broken
		}
		if err != nil {
			u.t.cancel(err) // nothing more need come
		}
		for p := range pieces {
			u.c.giveBack(p.buf)
		}
		written <- err
	}()
	n, err := len(*buf), error(nil)
	for {
		pieces <- piece{buf, n}
		if err != nil {
			break
		}
		buf = u.c.lend()
		n, err = readFull(in, *buf)
		u.t.moved.Add(int64(n))
	}
	close(pieces)
	return cmp.Or(<-written, err)
}

// writeAll writes pieces until there are no more, or one can't be written.
func (u *upload) writeAll(pieces <-chan piece, out *converter) error {
	for p := range pieces {
		err := u.write(out.convert((*p.buf)[:p.n]))
		u.c.giveBack(p.buf)
		if err != nil {
			return err
		}
	}
	return nil
}

func (u *upload) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	n, err := u.f.WriteAt(p, u.off)
	u.off += int64(n)
	return err
}

// readFull fills p as far as the data go; io.EOF comes with the last bytes.
func readFull(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err
}

// byKernel is splice(2), in pieces.
func (u *upload) byKernel(d *dataConn) error {
	chunk := int64(minKernelChunk)
	for {
		began := time.Now()
		n, err := d.moving.move(func() (int64, error) { return session.ReceiveFile(u.f, u.off, d.sock, chunk) })
		u.off += n
		u.t.moved.Add(n)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		chunk = nextChunk(chunk, time.Since(began))
	}
}

// allo is ALLO: a chance to refuse what can't be stored, and an announcement.
// RFC 959 allows "R" and the size of a record behind it.
func (c *conn) allo(ctx context.Context, arg string) *reply {
	size, ok := parseALLO(arg)
	if !ok {
		return say(codeArgument, "ALLO takes a number of bytes.")
	}
	if c.session != nil {
		if limit := c.session.Identity.Limits.MaxFileSize; limit > 0 && size > limit {
			return say(codeQuota, "Quota exceeded.")
		}
	}
	space, err := vfs.SpaceOf(ctx, c.fsys, c.cwd)
	if err == nil && space.Total > 0 && uint64(size)/max(space.FragmentSize, 1) > space.Available {
		return say(codeNoSpace, "No space left on the server.")
	}
	c.next.allocate = size
	return say(codeOK, "Noted.")
}
