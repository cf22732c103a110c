package sftp

import (
	"errors"
	"io/fs"

	"github.com/quaymaster/quaymaster/vfs"
)

func (s *server) stat(r *request) []byte {
	fi, err := s.fsys.Stat(s.ctx, r.name)
	return s.attrs(r, fi, err)
}

func (s *server) lstat(r *request) []byte {
	fi, err := vfs.Lstat(s.ctx, s.fsys, r.name)
	return s.attrs(r, fi, err)
}

func (s *server) attrs(r *request, fi fs.FileInfo, err error) []byte {
	if err != nil {
		return s.status(r, err)
	}
	return endPacket(appendAttrs(beginPacket(r.out, fxpAttrs, r.id), fi))
}

// setstat changes each field by itself: one that can't be set does not keep
// the others from being set. The first failure is the answer.
func (s *server) setstat(r *request) []byte {
	return s.status(r, s.eachAttr(r.attr, func(a *vfs.Attr) error {
		return vfs.SetAttr(s.ctx, s.fsys, r.name, a)
	}))
}

func (s *server) lsetstat(r *request) []byte {
	return s.status(r, s.eachAttr(r.attr, func(a *vfs.Attr) error {
		return vfs.LsetAttr(s.ctx, s.fsys, r.name, a)
	}))
}

func (s *server) eachAttr(a *vfs.Attr, set func(*vfs.Attr) error) error {
	var first error
	for _, mask := range []vfs.AttrMask{vfs.AttrSize, vfs.AttrOwner, vfs.AttrMode, vfs.AttrAtime | vfs.AttrMtime} {
		one := *a
		if one.Mask &= mask; one.Mask == 0 {
			continue
		}
		err := set(&one)
		if mask != vfs.AttrSize && s.handler.IgnoreAttrs && (errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported)) {
			err = nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

func (s *server) mkdir(r *request) []byte {
	perm := fs.FileMode(0o777)
	if r.attr.Mask&vfs.AttrMode != 0 {
		perm = r.attr.Mode
	}
	return s.status(r, s.fsys.Mkdir(s.ctx, r.name, perm))
}

func (s *server) rmdir(r *request) []byte  { return s.status(r, s.fsys.Rmdir(s.ctx, r.name)) }
func (s *server) remove(r *request) []byte { return s.status(r, s.fsys.Remove(s.ctx, r.name)) }

// rename does not replace: section 6.5 of the draft.
func (s *server) rename(r *request) []byte {
	return s.status(r, s.fsys.Rename(s.ctx, r.name, r.target, vfs.RenameNoReplace))
}

func (s *server) posixRename(r *request) []byte {
	return s.status(r, s.fsys.Rename(s.ctx, r.name, r.target, vfs.RenameReplace))
}

func (s *server) symlink(r *request) []byte {
	return s.status(r, vfs.Symlink(s.ctx, s.fsys, r.text, r.name))
}

func (s *server) hardlink(r *request) []byte {
	return s.status(r, vfs.Link(s.ctx, s.fsys, r.name, r.target))
}

func (s *server) readlink(r *request) []byte {
	target, err := vfs.Readlink(s.ctx, s.fsys, r.name)
	if err != nil {
		return s.status(r, err)
	}
	return nameReply(r, target)
}

// realpath makes a path absolute and canonical, by its text alone, so that it
// tells nothing about what exists.
func (s *server) realpath(r *request) []byte { return nameReply(r, vfs.Wire(r.name)) }

// nameReply is a NAME packet with one name and no attributes.
func nameReply(r *request, name string) []byte {
	b := appendUint32(beginPacket(r.out, fxpName, r.id), 1)
	return endPacket(appendUint32(appendString(appendString(b, name), name), 0))
}

func (s *server) statvfs(r *request) []byte {
	return s.space(r, r.name)
}

func (s *server) fstatvfs(r *request) []byte {
	if _, err := r.h.stat(s.ctx, s.fsys); err != nil {
		return s.status(r, err)
	}
	return s.space(r, r.h.name)
}

// space is the reply of OpenSSH PROTOCOL section 4.4.
func (s *server) space(r *request, name string) []byte {
	sp, err := vfs.SpaceOf(s.ctx, s.fsys, name)
	if err != nil {
		return s.status(r, err)
	}
	b := beginPacket(r.out, fxpExtendedReply, r.id)
	for _, v := range []uint64{
		sp.BlockSize, sp.FragmentSize, sp.Total, sp.Free, sp.Available,
		sp.Files, sp.FilesFree, sp.FilesAvailable, sp.ID, sp.Flags, sp.NameMax,
	} {
		b = appendUint64(b, v)
	}
	return endPacket(b)
}

// spaceAvailable is the reply of draft-ietf-secsh-filexfer-09 section 9.2.
func (s *server) spaceAvailable(r *request) []byte {
	sp, err := vfs.SpaceOf(s.ctx, s.fsys, r.name)
	if err != nil {
		return s.status(r, err)
	}
	b := beginPacket(r.out, fxpExtendedReply, r.id)
	for _, fragments := range []uint64{sp.Total, sp.Free, sp.Total, sp.Available} {
		b = appendUint64(b, fragments*sp.FragmentSize)
	}
	return endPacket(appendUint32(b, uint32(sp.BlockSize)))
}

// expandPath knows "~" and "~/": the user's own folder is the root of what it
// sees. OpenSSH PROTOCOL section 4.9.
func decodeExpandPath(s *server, r *request, p *parser) {
	wire := p.string()
	switch {
	case wire == "~" || wire == "~"+s.sess.Identity().User:
		wire = ""
	case len(wire) > 1 && wire[:2] == "~/":
		wire = wire[2:]
	case len(wire) > 0 && wire[0] == '~':
		r.err = &StatusError{CodeNoSuchFile, "No such user, or not yours to ask for"}
		return
	}
	r.name, r.err = vfs.Clean(s.cwd, wire)
}

func decodeUser(_ *server, r *request, p *parser) { r.text = p.string() }

// homeDirectory tells a user's own home only.
func (s *server) homeDirectory(r *request) []byte {
	if r.text != "" && r.text != s.sess.Identity().User {
		return s.status(r, &StatusError{CodeNoSuchFile, "No such user, or not yours to ask for"})
	}
	return nameReply(r, vfs.Wire(s.cwd))
}

func decodeIDs(_ *server, r *request, p *parser) {
	r.data = p.bytes()
	r.off = int64(len(r.data)) // where the second list begins
	r.data = append(r.data[:len(r.data):len(r.data)], p.bytes()...)
	if r.off%4 != 0 || len(r.data)%4 != 0 {
		r.err = errShort
	}
}

// usersGroups is the reply of OpenSSH PROTOCOL section 4.12: a name for each
// number, empty where there is none.
func (s *server) usersGroups(r *request) []byte {
	uids, gids := numbers(r.data[:r.off]), numbers(r.data[r.off:])
	users, groups, err := vfs.OwnerNames(s.ctx, s.fsys, uids, gids)
	if err != nil {
		return s.status(r, err)
	}
	b := beginPacket(r.out, fxpExtendedReply, r.id)
	for _, names := range [][]string{users, groups} {
		var list []byte
		for _, n := range names {
			list = appendString(list, n)
		}
		b = appendString(b, list)
	}
	return endPacket(b)
}

func numbers(wire []byte) []uint32 {
	p := parser{b: wire}
	list := make([]uint32, 0, len(wire)/4)
	for len(p.b) > 0 {
		list = append(list, p.uint32())
	}
	return list
}
