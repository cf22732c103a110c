package sftp

import (
	"encoding/binary"
	"errors"
)

// Packet types, draft-ietf-secsh-filexfer-02 section 3.
const (
	fxpInit          = 1
	fxpVersion       = 2
	fxpOpen          = 3
	fxpClose         = 4
	fxpRead          = 5
	fxpWrite         = 6
	fxpLstat         = 7
	fxpFstat         = 8
	fxpSetstat       = 9
	fxpFsetstat      = 10
	fxpOpendir       = 11
	fxpReaddir       = 12
	fxpRemove        = 13
	fxpMkdir         = 14
	fxpRmdir         = 15
	fxpRealpath      = 16
	fxpStat          = 17
	fxpRename        = 18
	fxpReadlink      = 19
	fxpSymlink       = 20
	fxpStatus        = 101
	fxpHandle        = 102
	fxpData          = 103
	fxpName          = 104
	fxpAttrs         = 105
	fxpExtended      = 200
	fxpExtendedReply = 201
)

// version is the only one that is spoken.
const version = 3

// Flags of OPEN, section 6.3.
const (
	flagRead   = 0x01
	flagWrite  = 0x02
	flagAppend = 0x04
	flagCreat  = 0x08
	flagTrunc  = 0x10
	flagExcl   = 0x20
)

const (
	// maxPacket is the longest packet that is taken, as in OpenSSH.
	maxPacket = 256 << 10
	// maxData is the most that one READ or WRITE moves, as in OpenSSH; it
	// leaves room for the rest of the packet.
	maxData = maxPacket - 1024
	// maxExtended bounds the extended attributes of one request.
	maxExtended = 64
)

var errShort = errors.New("packet too short")

// parser takes a packet apart. After the first error everything is zero.
type parser struct {
	b   []byte
	err error
}

func (p *parser) take(n uint32) []byte {
	if p.err != nil || uint64(n) > uint64(len(p.b)) {
		p.err, p.b = errShort, nil
		return nil
	}
	t := p.b[:n]
	p.b = p.b[n:]
	return t
}

func (p *parser) uint32() uint32 {
	if t := p.take(4); t != nil {
		return binary.BigEndian.Uint32(t)
	}
	return 0
}

func (p *parser) uint64() uint64 {
	if t := p.take(8); t != nil {
		return binary.BigEndian.Uint64(t)
	}
	return 0
}

// bytes returns a string of the packet, without copying it.
func (p *parser) bytes() []byte { return p.take(p.uint32()) }

func (p *parser) string() string { return string(p.bytes()) }

// Packets are built by appending to a buffer; the length comes first and is
// filled in last.

func appendUint32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }
func appendUint64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }

func appendString[T ~string | ~[]byte](b []byte, s T) []byte {
	return append(appendUint32(b, uint32(len(s))), s...)
}

// beginPacket starts a reply in b[:0].
func beginPacket(b []byte, kind byte, id uint32) []byte {
	return appendUint32(append(b[:0], 0, 0, 0, 0, kind), id)
}

// endPacket fills in the length.
func endPacket(b []byte) []byte {
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}
