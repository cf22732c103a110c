package sftp

import (
	"errors"
	"math"

	"github.com/quaymaster/quaymaster/vfs"
)

// request is one packet of the client, decoded by the reader and run by a
// worker. Its buffers are used again.
type request struct {
	kind   byte
	id     uint32
	buf    []byte // room for packet
	packet []byte // type, id and the rest, without the length
	fields parser // of packet
	out    []byte // room for the reply
	verb   verb
	err    error // found while decoding: the answer

	name, target string  // as vfs names
	text         string  // what is not a name: the text of a link, a user, ...
	h, h2        *handle // nil: not open
	flags        uint32
	attr         *vfs.Attr
	off, off2    int64
	size         int64
	data         []byte  // part of packet
	room         *[]byte // lent for the reply to READ; nil: none

	claims  [4]claim
	claimed int
	missing int // claims not yet at the head; guarded by the order
}

// commonReply is what most replies fit into, but for data and lists.
const commonReply = 256

// lead is what lies before packet, so that the data of a WRITE begin at a cache
// line: see alignment.
const lead = 64 - (1 + 4 + 4 + 8 + 8 + 4)

// grow makes packet n bytes long.
func (r *request) grow(n int) {
	if cap(r.buf) < lead+n {
		// Full-sized writes come in streams: leave room for the next.
		size := 512
		for size < n {
			size *= 2
		}
		r.buf = make([]byte, lead+size)
	}
	r.packet = r.buf[lead : lead+n]
}

// reads tells whether r is a READ of an open file.
func (r *request) reads() bool { return r.kind == fxpRead && r.h != nil }

// verb is what is known about a kind of request.
type verb struct {
	name   string // as sftp-server -Q prints it
	claims claims
	decode func(s *server, r *request, p *parser)
	run    func(s *server, r *request) []byte
}

// long tells whether v may take so much time that nothing else should wait for
// it.
func (v *verb) long() bool {
	return v.name == "copy-data" || v.name == "check-file" || v.name == "fsync"
}

var errDenied = &StatusError{CodePermissionDenied, "Request is not allowed on this server"}

// inTurn tells whether the answers to v come in the order of the requests, for
// each handle: paramiko waits for ever for a WRITE that was answered after a
// later one, and takes a READDIR for the next.
func (v *verb) inTurn() bool { return v.claims.handle == alone && v.claims.tree == none }

// lookup finds the verb of r; for an unknown or denied one it sets r.err.
func (s *server) lookup(r *request, p *parser) (verb, bool) {
	v, ok := verbOf(r.kind)
	if r.kind == fxpExtended {
		var e extension
		e, ok = extensionOf(p.string())
		v = e.verb
	}
	switch {
	case p.err != nil:
		r.err = p.err
		return verb{name: "extended"}, false
	case !ok:
		r.err = errors.ErrUnsupported
		return verb{name: "unknown"}, false
	case !s.handler.allowed(v.name):
		r.err = errDenied
		return v, false
	}
	return v, true
}

// verbOf returns the verb of a packet type of the draft. What changes the tree
// of names runs alone in it; what concerns one path shares the tree.
func verbOf(kind byte) (verb, bool) {
	tree := claims{tree: alone}
	look := claims{tree: shared, path: shared}
	touch := claims{tree: shared, path: alone}
	switch kind {
	case fxpOpen:
		return verb{"open", touch, decodeOpen, (*server).open}, true
	case fxpClose:
		return verb{"close", claims{tree: shared, path: alone, handle: alone}, decodeClose, (*server).close}, true
	case fxpRead:
		return verb{"read", claims{handle: shared}, decodeRead, (*server).readFile}, true
	case fxpWrite:
		return verb{"write", claims{handle: alone}, decodeWrite, (*server).writeFile}, true
	case fxpLstat:
		return verb{"lstat", look, decodePath, (*server).lstat}, true
	case fxpFstat:
		return verb{"fstat", claims{handle: shared}, decodeHandle, (*server).fstat}, true
	case fxpSetstat:
		return verb{"setstat", touch, decodePathAttrs, (*server).setstat}, true
	case fxpFsetstat:
		return verb{"fsetstat", claims{handle: alone}, decodeHandleAttrs, (*server).fsetstat}, true
	case fxpOpendir:
		return verb{"opendir", look, decodePath, (*server).opendir}, true
	case fxpReaddir:
		return verb{"readdir", claims{handle: alone}, decodeHandle, (*server).readdir}, true
	case fxpRemove:
		return verb{"remove", tree, decodePath, (*server).remove}, true
	case fxpMkdir:
		return verb{"mkdir", tree, decodePathAttrs, (*server).mkdir}, true
	case fxpRmdir:
		return verb{"rmdir", tree, decodePath, (*server).rmdir}, true
	case fxpRealpath:
		return verb{"realpath", claims{}, decodePath, (*server).realpath}, true
	case fxpStat:
		return verb{"stat", look, decodePath, (*server).stat}, true
	case fxpRename:
		return verb{"rename", tree, decodeTwoPaths, (*server).rename}, true
	case fxpReadlink:
		return verb{"readlink", look, decodePath, (*server).readlink}, true
	case fxpSymlink:
		return verb{"symlink", tree, decodeSymlink, (*server).symlink}, true
	}
	return verb{}, false
}

// path reads a path and turns it into a name.
func (s *server) path(r *request, p *parser) string {
	wire := p.string()
	if p.err != nil {
		return ""
	}
	name, err := vfs.Clean(s.cwd, wire)
	if err != nil && r.err == nil {
		r.err = err
	}
	return name
}

func decodePath(s *server, r *request, p *parser) { r.name = s.path(r, p) }

func decodePathAttrs(s *server, r *request, p *parser) {
	r.name = s.path(r, p)
	r.attr = p.attrs()
}

func decodeTwoPaths(s *server, r *request, p *parser) {
	r.name = s.path(r, p)
	r.target = s.path(r, p)
}

func decodeOpen(s *server, r *request, p *parser) {
	r.name = s.path(r, p)
	r.flags = p.uint32()
	r.attr = p.attrs()
}

func decodeHandle(s *server, r *request, p *parser) { r.h = s.handles.find(p.bytes()) }

func decodeClose(s *server, r *request, p *parser) {
	decodeHandle(s, r, p)
	if r.h != nil {
		r.name = r.h.name
	} else {
		r.name = "."
	}
}

func decodeHandleAttrs(s *server, r *request, p *parser) {
	decodeHandle(s, r, p)
	r.attr = p.attrs()
}

func decodeRead(s *server, r *request, p *parser) {
	decodeHandle(s, r, p)
	r.off = r.offset(p)
	r.size = int64(min(p.uint32(), maxData))
}

func decodeWrite(s *server, r *request, p *parser) {
	decodeHandle(s, r, p)
	r.off = r.offset(p)
	r.data = p.bytes()
}

// offset reads an offset or a length, which must fit into 63 bits.
func (r *request) offset(p *parser) int64 {
	v := p.uint64()
	if v > math.MaxInt64 {
		if r.err == nil {
			r.err = &StatusError{CodeBadMessage, "Offset or length out of range"}
		}
		return 0
	}
	return int64(v)
}

func decodeSymlink(s *server, r *request, p *parser) {
	first, second := p.string(), p.string()
	if p.err == nil {
		s.decodeLink(r, first, second)
	}
}
