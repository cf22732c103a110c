package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Types of packets and flags of draft-ietf-secsh-filexfer-02, as far as the
// cases use them; not those of package sftp, whose mistakes this client must not
// share.
const (
	fxpInit    = 1
	fxpVersion = 2
	fxpOpen    = 3
	fxpClose   = 4
	fxpRead    = 5
	fxpWrite   = 6
	fxpOpendir = 11
	fxpReaddir = 12
	fxpRemove  = 13
	fxpStat    = 17
	fxpStatus  = 101
	fxpHandle  = 102
	fxpData    = 103
	fxpName    = 104
	fxpAttrs   = 105

	statusOK  = 0
	statusEOF = 1

	attrSize  = 1
	attrOwner = 2
	attrMode  = 4
	attrTimes = 8
	attrMore  = 1 << 31

	openRead     = 1
	openWrite    = 2
	openCreate   = 8
	openTruncate = 16
)

const maxReply = 1 << 20 // bytes; more than any server sends

// statusError is a STATUS that was not asked for.
type statusError struct {
	code uint32
	text string
}

func (e *statusError) Error() string { return fmt.Sprintf("SFTP status %d: %s", e.code, e.text) }

var errReply = errors.New("reply makes no sense")

func (l *lean) begin(kind byte, id uint32) {
	l.out = append(l.out[:0], 0, 0, 0, 0, kind)
	l.out = binary.BigEndian.AppendUint32(l.out, id)
}

func (l *lean) addU32(v uint32)    { l.out = binary.BigEndian.AppendUint32(l.out, v) }
func (l *lean) addU64(v uint64)    { l.out = binary.BigEndian.AppendUint64(l.out, v) }
func (l *lean) addString(s string) { l.addU32(uint32(len(s))); l.out = append(l.out, s...) }

// exchange sends the request and reads a packet into l.in.
func (l *lean) exchange() error {
	binary.BigEndian.PutUint32(l.out, uint32(len(l.out)-4))
	if _, err := l.ch.Write(l.out); err != nil {
		return err
	}
	head, err := l.r.Peek(4)
	if err != nil {
		return fmt.Errorf("read reply: %w", err)
	}
	n := binary.BigEndian.Uint32(head)
	if n < 5 || n > maxReply {
		return errReply
	}
	l.r.Discard(4) // was peeked
	if cap(l.in) < int(n) {
		l.in = make([]byte, n)
	}
	l.in = l.in[:n]
	_, err = io.ReadFull(l.r, l.in)
	return err
}

// ask sends a request and returns the body of the reply, which must be of type
// want. A STATUS that says OK has no body.
func (l *lean) ask(want byte) (fields, error) {
	if err := l.exchange(); err != nil {
		return fields{}, err
	}
	kind, f := l.in[0], fields{rest: l.in[1:]}
	if f.u32() != l.id {
		return f, errReply
	}
	if kind == fxpStatus {
		code, text := f.u32(), f.bytes()
		if code != statusOK || want != fxpStatus {
			return f, &statusError{code, string(text)}
		}
		return f, f.err
	}
	if kind != want {
		return f, errReply
	}
	return f, nil
}

func (l *lean) next(kind byte) {
	l.id++
	l.begin(kind, l.id)
}

func (l *lean) path(kind byte, name string) {
	l.next(kind)
	l.addString(name)
}

func (l *lean) handle(want byte) (string, error) {
	f, err := l.ask(want)
	if err != nil {
		return "", err
	}
	return string(f.bytes()), f.err
}

func (l *lean) open(name string, flags uint32) (string, error) {
	l.path(fxpOpen, name)
	l.addU32(flags)
	l.addU32(0) // no attributes
	return l.handle(fxpHandle)
}

func (l *lean) opendir(name string) (string, error) {
	l.path(fxpOpendir, name)
	return l.handle(fxpHandle)
}

func (l *lean) closeHandle(h string) error {
	l.path(fxpClose, h)
	_, err := l.ask(fxpStatus)
	return err
}

func (l *lean) remove(name string) error {
	l.path(fxpRemove, name)
	_, err := l.ask(fxpStatus)
	return err
}

// read returns bytes that the next request overwrites.
func (l *lean) read(h string, off uint64, n uint32) ([]byte, error) {
	l.path(fxpRead, h)
	l.addU64(off)
	l.addU32(n)
	f, err := l.ask(fxpData)
	if err != nil {
		return nil, err
	}
	return f.bytes(), f.err
}

func (l *lean) write(h string, off uint64, p []byte) error {
	l.path(fxpWrite, h)
	l.addU64(off)
	l.addU32(uint32(len(p)))
	l.out = append(l.out, p...)
	_, err := l.ask(fxpStatus)
	return err
}

// stat returns the size.
func (l *lean) stat(name string) (int64, error) {
	l.path(fxpStat, name)
	f, err := l.ask(fxpAttrs)
	if err != nil {
		return 0, err
	}
	return f.attrs(), f.err
}

// readdir returns how many entries came, besides "." and ".."; io.EOF after the
// last.
func (l *lean) readdir(h string) (int, error) {
	l.path(fxpReaddir, h)
	f, err := l.ask(fxpName)
	if e, ok := errors.AsType[*statusError](err); ok && e.code == statusEOF {
		return 0, io.EOF
	}
	if err != nil {
		return 0, err
	}
	n := 0
	for range f.u32() {
		if name := f.bytes(); string(name) != "." && string(name) != ".." {
			n++
		}
		f.bytes() // long name
		f.attrs()
		if f.err != nil {
			break
		}
	}
	return n, f.err
}

// fields reads a packet. After the first error everything is zero.
type fields struct {
	rest []byte
	err  error
}

func (f *fields) take(n uint32) []byte {
	if uint64(n) > uint64(len(f.rest)) {
		f.rest, f.err = nil, errReply
		return nil
	}
	p := f.rest[:n]
	f.rest = f.rest[n:]
	return p
}

func (f *fields) u32() uint32 {
	if p := f.take(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (f *fields) bytes() []byte { return f.take(f.u32()) }

// attrs skips an ATTRS structure and returns the size in it, or -1.
func (f *fields) attrs() int64 {
	size := int64(-1)
	flags := f.u32()
	if flags&attrSize != 0 {
		if p := f.take(8); p != nil {
			size = int64(binary.BigEndian.Uint64(p))
		}
	}
	for _, field := range []struct{ flag, length uint32 }{{attrOwner, 8}, {attrMode, 4}, {attrTimes, 8}} {
		if flags&field.flag != 0 {
			f.take(field.length)
		}
	}
	if flags&attrMore != 0 {
		for n := f.u32(); n > 0 && f.err == nil; n-- {
			f.bytes()
			f.bytes()
		}
	}
	return size
}
