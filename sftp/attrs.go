package sftp

import (
	"io/fs"
	"math"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
)

// Attribute flags, draft-ietf-secsh-filexfer-02 section 5.
const (
	attrSize     = 0x00000001
	attrUIDGID   = 0x00000002
	attrPerm     = 0x00000004
	attrTimes    = 0x00000008
	attrExtended = 0x80000000
)

// attrs reads an ATTRS structure. Set-user-ID, set-group-ID and sticky bits
// never come from the wire.
func (p *parser) attrs() *vfs.Attr {
	a := new(vfs.Attr)
	flags := p.uint32()
	if flags&attrSize != 0 {
		size := p.uint64()
		if size > math.MaxInt64 {
			p.err = fs.ErrInvalid
		}
		a.Mask |= vfs.AttrSize
		a.Size = int64(size)
	}
	if flags&attrUIDGID != 0 {
		a.Mask |= vfs.AttrOwner
		a.UID, a.GID = p.uint32(), p.uint32()
	}
	if flags&attrPerm != 0 {
		a.Mask |= vfs.AttrMode
		a.Mode = fs.FileMode(p.uint32()) & fs.ModePerm
	}
	if flags&attrTimes != 0 {
		a.Mask |= vfs.AttrAtime | vfs.AttrMtime
		a.Atime = time.Unix(int64(p.uint32()), 0)
		a.Mtime = time.Unix(int64(p.uint32()), 0)
	}
	if flags&attrExtended != 0 {
		count := p.uint32()
		if count > maxExtended {
			p.err = errShort
			return a
		}
		for range count { // nothing is known that could be done with them
			p.bytes()
			p.bytes()
		}
	}
	return a
}

// appendAttrs writes what is known of a file. The permissions carry the file
// type, without which some clients can't tell files from directories.
func appendAttrs(b []byte, fi fs.FileInfo) []byte {
	sys := vfs.SysOf(fi)
	flags := uint32(attrSize | attrPerm | attrTimes)
	if sys.HasOwner {
		flags |= attrUIDGID
	}
	b = appendUint32(b, flags)
	b = appendUint64(b, uint64(max(fi.Size(), 0)))
	if sys.HasOwner {
		b = appendUint32(appendUint32(b, sys.UID), sys.GID)
	}
	b = appendUint32(b, wireMode(fi.Mode()))
	atime := sys.Atime
	if atime.IsZero() {
		atime = fi.ModTime()
	}
	return appendUint32(appendUint32(b, wireTime(atime)), wireTime(fi.ModTime()))
}

// wireTime clamps to what 32 bits of seconds hold.
func wireTime(t time.Time) uint32 {
	return uint32(min(max(t.Unix(), 0), math.MaxUint32))
}

// wireMode turns a mode into the st_mode of POSIX.
func wireMode(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	switch m.Type() {
	case 0:
		mode |= 0o100000
	case fs.ModeDir:
		mode |= 0o040000
	case fs.ModeSymlink:
		mode |= 0o120000
	case fs.ModeNamedPipe:
		mode |= 0o010000
	case fs.ModeSocket:
		mode |= 0o140000
	case fs.ModeDevice:
		mode |= 0o060000
	case fs.ModeDevice | fs.ModeCharDevice:
		mode |= 0o020000
	}
	if m&fs.ModeSetuid != 0 {
		mode |= 0o4000
	}
	if m&fs.ModeSetgid != 0 {
		mode |= 0o2000
	}
	if m&fs.ModeSticky != 0 {
		mode |= 0o1000
	}
	return mode
}
