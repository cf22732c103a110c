package sftp

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"path"
	"time"

	"github.com/quaymaster/quaymaster/internal/lsl"
	"github.com/quaymaster/quaymaster/vfs"
)

const (
	// pageEntries and pageBytes bound one NAME packet: some clients can't take
	// packets over 32 KiB.
	pageEntries = 256
	pageBytes   = 32000
)

// dirReader is an open directory with what was read but not yet sent.
type dirReader struct {
	d     vfs.Dir
	dots  []string // "." and ".." to begin with
	ahead []fs.DirEntry
}

func (s *server) opendir(r *request) []byte {
	if err := s.handles.reserve(); err != nil {
		return s.status(r, err)
	}
	d, err := s.fsys.OpenDir(s.ctx, r.name)
	if err != nil {
		s.handles.unreserve()
		return s.status(r, err)
	}
	h := &handle{name: r.name, dir: &dirReader{d: d, dots: []string{".", ".."}}}
	s.handles.add(h)
	return handleReply(r, h)
}

// readdir sends the next page.
func (s *server) readdir(r *request) []byte {
	d, err := r.h.asDir()
	if err != nil {
		return s.status(r, err)
	}
	b := appendUint32(beginPacket(r.out, fxpName, r.id), 0)
	countAt := len(b) - 4
	count := uint32(0)
	now := time.Now()
	add := func(name string, fi fs.FileInfo) {
		user, group := s.owners.Of(s.ctx, vfs.SysOf(fi))
		b = appendString(b, name)
		at := len(b)
		b = lsl.Append(appendUint32(b, 0), fi, name, user, group, now)
		binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
		b = appendAttrs(b, fi)
		count++
	}
	for _, dot := range d.dots {
		// Names stop at the root, and so does "..".
		if fi, err := s.fsys.Stat(s.ctx, path.Join(r.h.name, dot)); err == nil || dot == "." {
			if err != nil {
				return s.status(r, err)
			}
			add(dot, fi)
		} else if fi, err := s.fsys.Stat(s.ctx, "."); err == nil {
			add(dot, fi)
		}
	}
	d.dots = nil
	for count < pageEntries && len(b) < pageBytes-1024 {
		e, err := d.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return s.status(r, err)
		}
		fi, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) { // removed since it was read
			continue
		}
		if err != nil {
			s.log.Warn("entry left out of a listing", "path", vfs.Wire(path.Join(r.h.name, e.Name())), "error", err)
			continue
		}
		add(e.Name(), fi)
	}
	r.out = b
	if count == 0 {
		return s.status(r, io.EOF)
	}
	copy(b[countAt:], appendUint32(nil, count))
	return endPacket(b)
}

// next returns the next entry.
func (d *dirReader) next() (fs.DirEntry, error) {
	if len(d.ahead) == 0 {
		entries, err := d.d.ReadDir(pageEntries)
		if len(entries) == 0 {
			if err == nil {
				err = io.EOF
			}
			return nil, err
		}
		d.ahead = entries
	}
	e := d.ahead[0]
	d.ahead[0] = nil
	d.ahead = d.ahead[1:]
	return e, nil
}
