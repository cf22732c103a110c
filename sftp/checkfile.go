package sftp

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"os"
	"strings"

	"github.com/quaymaster/quaymaster/vfs"
)

const (
	// maxBlocks and minBlock bound a check-file with one hash for each block,
	// whose answer must fit into a packet.
	maxBlocks = 2048
	minBlock  = 256
	hashChunk = 256 << 10
)

// newHash returns the first algorithm of a comma-separated list that is known.
// The old ones are for integrity against accidents, as clients ask for them.
func newHash(list string) (name string, h hash.Hash) {
	for name := range strings.SplitSeq(list, ",") {
		switch name {
		case "sha256":
			return name, sha256.New()
		case "sha512":
			return name, sha512.New()
		case "sha384":
			return name, sha512.New384()
		case "sha224":
			return name, sha256.New224()
		case "sha1":
			return name, sha1.New()
		case "md5":
			return name, md5.New()
		case "crc32":
			return name, crc32.NewIEEE()
		}
	}
	return "", nil
}

// decodeCheck reads what follows the file: algorithms, start, length, block
// size.
func decodeCheck(r *request, p *parser) {
	r.text = p.string()
	r.off = r.offset(p)
	r.size = r.offset(p)
	r.flags = p.uint32()
	if p.err == nil && r.err == nil && r.flags != 0 && r.flags < minBlock {
		r.err = &StatusError{CodeBadMessage, "Block size is below 256 bytes"}
	}
}

func decodeCheckHandle(s *server, r *request, p *parser) {
	decodeHandle(s, r, p)
	decodeCheck(r, p)
}

func decodeCheckName(s *server, r *request, p *parser) {
	decodePath(s, r, p)
	decodeCheck(r, p)
}

func (s *server) checkHandle(r *request) []byte {
	f, err := r.h.asFile()
	if err != nil {
		return s.status(r, err)
	}
	return s.check(r, f)
}

func (s *server) checkName(r *request) []byte {
	f, err := s.fsys.OpenFile(s.ctx, r.name, os.O_RDONLY, 0)
	if err != nil {
		return s.status(r, err)
	}
	reply := s.check(r, f)
	if err := f.Close(); err != nil {
		return s.status(r, err)
	}
	return reply
}

// check hashes the range in blocks: draft-ietf-secsh-filexfer-extensions-00
// section 3. Length 0 means up to the end, block size 0 one block.
func (s *server) check(r *request, f vfs.File) []byte {
	name, h := newHash(r.text)
	if h == nil {
		return s.status(r, &StatusError{CodeOpUnsupported, "None of the hash algorithms is supported"})
	}
	fi, err := f.Stat()
	if err != nil {
		return s.status(r, err)
	}
	if r.off > fi.Size() {
		return s.status(r, &StatusError{CodeBadMessage, "Start lies behind the end of the file"})
	}
	length := fi.Size() - r.off
	if r.size > 0 {
		length = min(length, r.size)
	}
	block := int64(r.flags)
	if block == 0 {
		block = math.MaxInt64
	} else if (length-1)/block >= maxBlocks {
		return s.status(r, &StatusError{CodeFailure, "Too many blocks; ask for larger ones"})
	}
	b := beginPacket(r.out, fxpExtendedReply, r.id)
	b = appendString(appendString(b, "check-file"), name)
	for off, end := r.off, r.off+length; ; {
		n := min(block, end-off)
		if b, err = s.hashRange(b, h, f, off, n); err != nil {
			return s.status(r, err)
		}
		if off += n; off >= end {
			return endPacket(b)
		}
	}
}

// hashRange appends the hash of n bytes at off. It stops when the session
// ends.
func (s *server) hashRange(b []byte, h hash.Hash, f vfs.File, off, n int64) ([]byte, error) {
	h.Reset()
	buf := make([]byte, min(n, hashChunk))
	for n > 0 {
		if s.ctx.Err() != nil {
			return b, context.Cause(s.ctx)
		}
		m, err := f.ReadAt(buf[:min(n, hashChunk)], off)
		h.Write(buf[:m])
		off += int64(m)
		n -= int64(m)
		if err != nil && (n > 0 || !errors.Is(err, io.EOF)) {
			if errors.Is(err, io.EOF) {
				err = &StatusError{CodeFailure, "File became shorter while it was read"}
			}
			return b, err
		}
	}
	return h.Sum(b), nil
}
