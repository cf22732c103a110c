package ftp

import (
	"bytes"
	"errors"
	"io"
)

const (
	defaultMaxLine = 8 << 10
	firstBuffer    = 512
)

// errLineTooLong is a command line over the limit. Its rest was discarded: it
// must not become a command.
var errLineTooLong = errors.New("command line too long")

// lineReader takes command lines off the control connection: RFC 959 section
// 5.3 with Telnet's commands removed. It holds a small buffer while it waits.
type lineReader struct {
	r     io.Reader
	limit int // bytes in one line
	buf   []byte
	from  int  // buf[from:] was not taken yet
	skip  bool // what comes is the rest of a line that is too long
}

func newLineReader(r io.Reader, limit int) *lineReader {
	return &lineReader{r: r, limit: limit}
}

// buffered tells whether more came than was taken.
func (l *lineReader) buffered() bool { return l.from < len(l.buf) }

// next returns the next line without its end, valid until the next call. After
// an error of the connection it may be called again: what came before it is
// still there.
func (l *lineReader) next() ([]byte, error) {
	for {
		rest := l.buf[l.from:]
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			if l.skip || len(rest) > l.limit {
				l.skip, l.from = true, len(l.buf)
			}
			if err := l.fill(); err != nil {
				return nil, err
			}
			continue
		}
		l.from += i + 1
		if l.skip || i > l.limit {
			l.skip = false
			return nil, errLineTooLong
		}
		return stripTelnet(bytes.TrimSuffix(rest[:i], []byte{'\r'})), nil
	}
}

// fill reads more, behind what is left.
func (l *lineReader) fill() error {
	left := l.buf[l.from:]
	switch {
	case len(left) == 0 && cap(l.buf) != firstBuffer:
		l.buf = make([]byte, 0, firstBuffer)
	case len(left) == cap(l.buf):
		l.buf = append(make([]byte, 0, 2*cap(l.buf)), left...)
	default:
		l.buf = l.buf[:copy(l.buf, left)]
	}
	l.from = 0
	n, err := l.r.Read(l.buf[len(l.buf):cap(l.buf)])
	l.buf = l.buf[:len(l.buf)+n]
	if n > 0 {
		return nil // the error comes again
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// Telnet's commands, RFC 854.
const (
	telnetSE   = 240 // the first of them
	telnetWILL = 251
	telnetDONT = 254
	telnetIAC  = 255
)

// stripTelnet removes Telnet's commands from line, in place: RFC 959 section
// 4.1.3 has clients send some before ABOR. The last byte of such a command may
// be missing, because it was sent as urgent data.
func stripTelnet(line []byte) []byte {
	i := bytes.IndexByte(line, telnetIAC)
	if i < 0 {
		return line
	}
	out := line[:i]
	for i < len(line) {
		c := line[i]
		i++
		if c != telnetIAC || i == len(line) {
			if c != telnetIAC {
				out = append(out, c)
			}
			continue
		}
		switch c = line[i]; {
		case c == telnetIAC: // the byte itself
			out = append(out, c)
			i++
		case c >= telnetWILL && c <= telnetDONT: // and an option
			i += min(2, len(line)-i)
		case c >= telnetSE:
			i++
		}
	}
	return out
}
