package sftp

import (
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/vfs"
)

// open opens a file. Of the attributes only the permissions of a new file
// count.
func (s *server) open(r *request) []byte {
	flag, err := openFlag(r.flags)
	if err != nil {
		return s.status(r, err)
	}
	if err := s.handles.reserve(); err != nil {
		return s.status(r, err)
	}
	perm := fs.FileMode(0o666)
	if r.attr.Mask&vfs.AttrMode != 0 {
		perm = r.attr.Mode
	}
	f, err := s.fsys.OpenFile(s.ctx, r.name, flag, perm)
	if err != nil {
		s.handles.unreserve()
		return s.status(r, err)
	}
	h := &handle{name: r.name, file: f, append: r.flags&flagAppend != 0, upload: flag != os.O_RDONLY}
	if flag == os.O_RDONLY {
		_, h.local = vfs.OSFile(f)
	}
	s.handles.add(h)
	return handleReply(r, h)
}

func handleReply(r *request, h *handle) []byte {
	b := appendUint32(beginPacket(r.out, fxpHandle, r.id), 8)
	return endPacket(appendUint64(b, h.id))
}

// openFlag translates the flags of section 6.3. EXCL means nothing without
// CREAT; without READ and WRITE a file is opened for reading.
func openFlag(pflags uint32) (int, error) {
	var flag int
	switch pflags & (flagRead | flagWrite) {
	case flagWrite:
		flag = os.O_WRONLY
	case flagRead | flagWrite:
		flag = os.O_RDWR
	}
	if pflags&flagCreat != 0 {
		flag |= os.O_CREATE
		if pflags&flagExcl != 0 {
			flag |= os.O_EXCL
		}
	}
	if pflags&flagTrunc != 0 {
		flag |= os.O_TRUNC
	}
	if pflags&(flagTrunc|flagAppend) != 0 && pflags&flagWrite == 0 {
		return 0, &StatusError{CodeBadMessage, "Truncating or appending needs write access"}
	}
	return flag, nil
}

func (s *server) close(r *request) []byte {
	if r.h == nil {
		return s.status(r, errHandle)
	}
	err := r.h.close()
	s.resume(s.handles.remove(r.h)) // before who comes after this request
	return s.status(r, err)
}

// readFile answers READ straight into the packet. It never sends an empty
// DATA, with which some clients would loop.
func (s *server) readFile(r *request) []byte {
	f, err := r.h.asFile()
	if err != nil {
		return s.status(r, err)
	}
	const header = 4 + 1 + 4 + 4
	r.room = s.handler.lend()
	// The data lie in their page as they do in the file: copying to an address
	// a little further on is several times slower on many processors.
	start := (alignment - header + int(r.off%alignment)) % alignment
	b := beginPacket((*r.room)[start:start], fxpData, r.id)
	data := b[header : header+int(r.size)]
	n, err := f.ReadAt(data, r.off)
	if n == 0 {
		if err == nil { // nothing was asked for
			err = io.EOF
		}
		return s.status(r, err)
	}
	b = appendUint32(b, uint32(n))
	return endPacket(b[:header+n])
}

// alignment is the size of a page.
const alignment = 4096

// writeFile writes, at the end when the file was opened for appending.
func (s *server) writeFile(r *request) []byte {
	f, err := r.h.asFile()
	if err != nil {
		return s.status(r, err)
	}
	off := r.off
	if r.h.append {
		fi, err := f.Stat()
		if err != nil {
			return s.status(r, err)
		}
		off = fi.Size()
	}
	_, err = f.WriteAt(r.data, off)
	return s.status(r, err)
}

func (s *server) fstat(r *request) []byte {
	fi, err := r.h.stat(s.ctx, s.fsys)
	return s.attrs(r, fi, err)
}

func (s *server) fsetstat(r *request) []byte {
	if r.h != nil && !r.h.closed && r.h.dir != nil {
		return s.status(r, s.eachAttr(r.attr, func(a *vfs.Attr) error {
			return vfs.SetAttr(s.ctx, s.fsys, r.h.name, a)
		}))
	}
	f, err := r.h.asFile()
	if err != nil {
		return s.status(r, err)
	}
	return s.status(r, s.eachAttr(r.attr, func(a *vfs.Attr) error { return vfs.SetFileAttr(f, a) }))
}

func (s *server) fsync(r *request) []byte {
	f, err := r.h.asFile()
	if err != nil {
		return s.status(r, err)
	}
	return s.status(r, vfs.PathError("fsync", r.h.name, vfs.Sync(f)))
}

func decodeCopyData(s *server, r *request, p *parser) {
	r.h2 = s.handles.find(p.bytes())
	r.off2 = r.offset(p)
	r.size = r.offset(p)
	r.h = s.handles.find(p.bytes())
	r.off = r.offset(p)
}

// copyData copies from r.h2 to r.h within the server: draft-ietf-secsh-
// filexfer-extensions-00 section 7. Length 0 means up to the end.
func (s *server) copyData(r *request) []byte {
	dst, err := r.h.asFile()
	if err != nil {
		return s.status(r, err)
	}
	src, err := r.h2.asFile()
	if err != nil {
		return s.status(r, err)
	}
	if r.h.append {
		return s.status(r, &StatusError{CodeFailure, "Target is open for appending"})
	}
	if err := differ(r.h, dst, r.h2, src); err != nil {
		return s.status(r, err)
	}
	n := r.size
	if n == 0 {
		n = -1
	}
	start := time.Now()
	n, err = vfs.CopyRange(s.ctx, dst, r.off, src, r.off2, n)
	s.sess.Emit(&quaymaster.Event{
		Kind: quaymaster.KindCopy, Path: vfs.Wire(r.h2.name), Target: vfs.Wire(r.h.name),
		Offset: r.off, Bytes: n, Elapsed: time.Since(start), Err: err,
	})
	return s.status(r, err)
}

// differ refuses to copy a file onto itself, under whatever names: growing
// while it is read, it would never end.
func differ(dh *handle, dst vfs.File, sh *handle, src vfs.File) error {
	same := dh == sh || dh.name == sh.name
	if !same {
		a, err := dst.Stat()
		if err != nil {
			return err
		}
		b, err := src.Stat()
		if err != nil {
			return err
		}
		same = vfs.SameFile(a, b)
	}
	if same {
		return &StatusError{CodeFailure, "Source and target are the same file"}
	}
	return nil
}
