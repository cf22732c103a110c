package osfs

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"

	"github.com/quaymaster/quaymaster/vfs"
)

// update is what a staged copy knows about the file that it is a copy of.
type update struct {
	src   *os.File // keeps the file from being taken for a new one
	id    fileID   // of src
	group *updateGroup
}

// updates knows the files of which staged copies are open. Two copies of one
// file can't both take its place: the second to close would undo the first.
// The zero value is ready for use.
type updates struct {
	mu    sync.Mutex // guards all below
	files map[fileID]*updateGroup
}

// updateGroup is one file.
type updateGroup struct {
	copies int
	now    fileID // what the first copy that closed has made of it
}

func (u *updates) join(id fileID) *updateGroup {
	u.mu.Lock()
	defer u.mu.Unlock()
	g := u.files[id]
	if g == nil {
		g = new(updateGroup)
		if u.files == nil {
			u.files = make(map[fileID]*updateGroup)
		}
		u.files[id] = g
	}
	g.copies++
	return g
}

func (u *updates) leave(id fileID, g *updateGroup) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if g.copies--; g.copies == 0 && u.files[id] == g {
		delete(u.files, id)
	}
}

// stageUpdate opens a copy of p that shares its blocks. fi describes p. It
// returns nil when the store can't do that here.
func (f *FS) stageUpdate(ctx context.Context, p place, name string, flag int, fi *info) (*stagedFile, error) {
	src, now, err := p.dir.open(p.base, os.O_RDONLY, 0)
	if err != nil {
		return nil, nil
	}
	if now.id() != fi.id() {
		src.Close()
		return nil, errRaced
	}
	s, err := f.newStaged(ctx, p, name, flag, fi.mode.Perm())
	if err != nil {
		src.Close()
		return nil, err
	}
	err = clone(s.osf, src)
	if err == nil { // what is not written to keeps its times
		err = setFileAttr(s.osf, &vfs.Attr{
			Mask: vfs.AttrAtime | vfs.AttrMtime, Atime: fi.sys.Atime, Mtime: fi.mtime,
		})
	}
	if err != nil {
		s.drop()
		s.dir.close()
		src.Close()
		return nil, nil
	}
	s.update = &update{src: src, id: fi.id(), group: f.tree.updates.join(fi.id())}
	s.mode = fi.mode.Perm()
	return s, nil
}

// closeUpdate is Close for a staged copy. As with a file that is changed in
// place, what was written is gone when the file was removed or replaced
// meanwhile. vfs.ErrLocked when another copy has taken its place.
func (s *stagedFile) closeUpdate() error {
	defer s.leave()
	if !s.dirty.Load() {
		return s.drop()
	}
	if err := s.prepare(); err != nil {
		s.drop()
		return err
	}
	mine, err := fstat(s.osf, s.base)
	if err != nil {
		s.drop()
		return err
	}
	u := &s.fs.tree.updates
	u.mu.Lock() // no other copy may close between the look and the rename
	now, err := s.dir.lstat(s.target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
	case now.id() == s.update.id:
		if err = s.dir.rename(s.stage, s.dir, s.target); err == nil {
			s.update.group.now = mine.id()
			u.mu.Unlock()
			return s.settle()
		}
	case now.id() == s.update.group.now:
		err = vfs.ErrLocked
	}
	u.mu.Unlock()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return cmp.Or(err, s.drop())
}

func (s *stagedFile) leave() {
	s.fs.tree.updates.leave(s.update.id, s.update.group)
	s.update.src.Close()
}
