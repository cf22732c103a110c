package ftp

import (
	"compress/zlib"
	"errors"
	"io"

	"github.com/quaymaster/quaymaster/vfs"
)

// lineEnds converts the ends of lines in a stream: RFC 959 section 3.1.1.1. The
// zero value is at the beginning of one.
type lineEnds struct{ cr bool } // the last byte was CR

// toNet appends src with LF as CR LF. What is CR LF already stays.
func (l *lineEnds) toNet(dst, src []byte) []byte {
	for _, b := range src {
		if b == '\n' && !l.cr {
			dst = append(dst, '\r')
		}
		dst = append(dst, b)
		l.cr = b == '\r'
	}
	return dst
}

// fromNet appends src with CR LF as LF. Another CR stays.
func (l *lineEnds) fromNet(dst, src []byte) []byte {
	for _, b := range src {
		if l.cr && b != '\n' {
			dst = append(dst, '\r')
		}
		if l.cr = b == '\r'; !l.cr {
			dst = append(dst, b)
		}
	}
	return dst
}

// asciiWriter converts what is written to the ends of lines of the network.
type asciiWriter struct {
	w    io.Writer
	ends lineEnds
	buf  []byte
}

func (a *asciiWriter) Write(p []byte) (int, error) {
	a.buf = a.ends.toNet(a.buf[:0], p)
	if _, err := a.w.Write(a.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

// converts tells whether files are converted.
func (c *conn) converts() bool { return c.ascii && c.srv.ASCII == ASCIIConvert }

// stack is a writer with all that must be closed above the connection.
type stack struct {
	io.Writer
	close func() error
}

func (s stack) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

// encoder is how files and listings get onto a data connection. Close ends the
// encoding, not the connection.
func (c *conn) encoder(w io.Writer) io.WriteCloser {
	out := stack{Writer: w}
	if c.deflate {
		level := c.level
		if level == 0 {
			level = zlib.DefaultCompression
		}
		z, err := zlib.NewWriterLevel(w, level)
		if err == nil { // the level was checked by OPTS
			out = stack{z, z.Close}
		}
	}
	if c.converts() {
		out.Writer = &asciiWriter{w: out.Writer}
	}
	return out
}

// converter is what happens to bytes before they are stored.
type converter struct {
	ends *lineEnds // nil: nothing
	buf  []byte
}

func (v *converter) convert(p []byte) []byte {
	if v.ends == nil {
		return p
	}
	v.buf = v.ends.fromNet(v.buf[:0], p)
	return v.buf
}

// rest is what was held back at the end.
func (v *converter) rest() []byte {
	if v.ends != nil && v.ends.cr {
		return []byte{'\r'}
	}
	return nil
}

// decoder is how files get off a data connection.
func (c *conn) decoder(r io.Reader) (io.Reader, *converter) {
	v := &converter{}
	if c.converts() {
		v.ends = &lineEnds{}
	}
	if c.deflate {
		r = &inflater{in: r, limit: bombSize}
	}
	return r, v
}

// inflater reads zlib's format, as long as it does not look like a bomb.
type inflater struct {
	in       io.Reader
	limit    int64 // bytes that may come of nothing
	z        io.ReadCloser
	inflated int64
	counted  countingReader
}

// A bomb is more than bombSize bytes with more than bombRatio from each byte:
// zlib's own limit is 1032.
const (
	bombSize  = 64 << 20
	bombRatio = 500
)

type countingReader struct {
	r io.Reader
	n int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.n += int64(n)
	return n, err
}

var errBadZlib = &ReplyError{int(codeLocalError), "The compressed data are damaged."}

func (i *inflater) Read(p []byte) (int, error) {
	if i.z == nil {
		i.counted.r = i.in
		z, err := zlib.NewReader(&i.counted)
		if err != nil {
			return 0, i.failure(err)
		}
		i.z = z
	}
	n, err := i.z.Read(p)
	if i.inflated += int64(n); i.inflated > i.limit && i.inflated/bombRatio > i.counted.n {
		return 0, vfs.ErrQuota
	}
	if err == io.EOF { // the end of the connection is what counts
		if extra, rerr := i.counted.Read(make([]byte, 1)); extra > 0 {
			return n, errBadZlib
		} else if rerr != nil && rerr != io.EOF {
			return n, rerr
		}
		return n, err
	}
	if err != nil {
		return n, i.failure(err)
	}
	return n, nil
}

// failure tells damage from a lost connection.
func (i *inflater) failure(err error) error {
	if errors.Is(err, zlib.ErrHeader) || errors.Is(err, zlib.ErrChecksum) {
		return errBadZlib
	}
	return err
}
