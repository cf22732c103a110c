package osfs

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"sync"

	"github.com/quaymaster/quaymaster/vfs"
)

// stagedFile is written beside its target and takes its place on Close.
type stagedFile struct {
	file
	fs     *FS
	dir    *dir    // of the target
	at     string  // name of dir
	target string  // entry in dir
	stage  string  // entry in dir, while it lasts
	update *update // nil: not a copy of the target

	owner string // of CreatePartial
	kept  *kept  // taken up by OpenPartial

	attrMu                sync.Mutex  // guards below
	mode                  fs.FileMode // permission bits once published
	modeSet, ownershipSet bool        // by SetAttr, not to be taken from the target
}

var (
	_ vfs.File       = (*stagedFile)(nil)
	_ vfs.Aborter    = (*stagedFile)(nil)
	_ vfs.Keeper     = (*stagedFile)(nil)
	_ vfs.AttrSetter = (*stagedFile)(nil)
)

// CreateAtomic begins a file that replaces name, or what name leads to when it
// is a symbolic link, on Close. The new file gets perm, or owner, group and
// mode of the file it replaces as far as the process may set them; nobody else
// can read it before. Close fails with ErrIsDir or ErrNotRegular when
// something else has come in its place, and with the cause of ctx when that
// has ended; then nothing of the file stays.
func (f *FS) CreateAtomic(ctx context.Context, name string, perm fs.FileMode) (vfs.File, error) {
	s, err := f.create(ctx, name, perm, "")
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (f *FS) create(ctx context.Context, name string, perm fs.FileMode, owner string) (*stagedFile, error) {
	if err := f.beginWrite(ctx, name); err != nil {
		return nil, fail("create", name, err)
	}
	p, fi, err := f.follow(name)
	if err != nil {
		return nil, f.fail("create", name, err)
	}
	defer p.close()
	perm = f.perm(perm)
	if fi != nil {
		if err := regularOnly(fi.mode); err != nil {
			return nil, fail("create", name, err)
		}
		if err := mayWrite(p); err != nil {
			return nil, f.fail("create", name, err)
		}
		perm &= fi.mode // nobody may read more than before, not even for a moment
	}
	s, err := f.newStaged(ctx, p, name, os.O_RDWR, perm)
	if err != nil {
		return nil, f.fail("create", name, err)
	}
	if s.owner = owner; fi != nil {
		s.mode = fi.mode.Perm()
	}
	return s, nil
}

// mayWrite asks whether the process may write the file that is to be replaced:
// a mode that protects it from being written protects it from this, too.
func mayWrite(p place) error {
	old, _, err := p.dir.open(p.base, os.O_WRONLY, 0)
	if err == nil {
		return old.Close()
	}
	if errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil // a program that runs, say, can't be written but replaced
}

// newStaged makes the file beside p, with perm less the umask as the mode it
// will have.
func (f *FS) newStaged(ctx context.Context, p place, name string, flag int, perm fs.FileMode) (*stagedFile, error) {
	if err := f.note(path.Dir(p.name)); err != nil {
		return nil, err
	}
	for range maxRaces {
		base := reservedBase()
		osf, err := p.dir.create(base, os.O_RDWR, perm)
		if err != nil {
			return nil, err
		}
		result := lockFile(osf)
		fi, err := fstat(osf, base)
		if result == busy || err == nil && fi.sys.Links == 0 { // taken for an orphan, this moment
			osf.Close()
			continue
		}
		if err == nil {
			err = hide(osf, fi.mode)
		}
		if err != nil {
			osf.Close()
			return nil, cmp.Or(err, p.dir.unlink(base))
		}
		s := &stagedFile{
			fs: f, dir: p.dir.retain(), at: path.Dir(p.name), target: p.base,
			stage: base, mode: fi.mode.Perm(),
		}
		s.file.set(ctx, name, flag, osf)
		return s, nil
	}
	return nil, vfs.ErrLocked
}

// Stat describes the file as it will be published.
func (s *stagedFile) Stat() (fs.FileInfo, error) {
	fi, err := s.stat()
	if err != nil {
		return nil, err
	}
	fi.mode = s.finalMode()
	return fi, nil
}

func (s *stagedFile) finalMode() fs.FileMode {
	s.attrMu.Lock()
	defer s.attrMu.Unlock()
	return s.mode
}

// SetAttr changes what the file will be published with.
func (s *stagedFile) SetAttr(a *vfs.Attr) error {
	rest := *a
	if s.fs.tree.can.SetMode {
		rest.Mask &^= vfs.AttrMode // others must not read it yet
	}
	if err := s.file.SetAttr(&rest); err != nil {
		return err
	}
	s.attrMu.Lock()
	defer s.attrMu.Unlock()
	s.dirty.Store(true)
	if a.Mask&vfs.AttrOwner != 0 {
		s.ownershipSet = true
	}
	if a.Mask&vfs.AttrMode != 0 {
		s.mode, s.modeSet = a.Mode.Perm(), true
	}
	return nil
}

// Close publishes the file.
func (s *stagedFile) Close() error {
	if !s.end() {
		return fail("close", s.name, fs.ErrClosed)
	}
	defer s.dir.close()
	if s.update != nil {
		return s.fs.fail("close", s.name, s.closeUpdate())
	}
	err := s.prepare()
	if err == nil {
		err = s.dir.rename(s.stage, s.dir, s.target)
	}
	if err != nil {
		s.drop()
		return s.fs.fail("close", s.name, err)
	}
	return s.fs.fail("close", s.name, s.settle())
}

// settle does what is left to do after the rename.
func (s *stagedFile) settle() error {
	s.fs.published(s)
	var err error
	if !closeToRename {
		err = s.osf.Close()
	}
	return cmp.Or(err, s.fs.flush(s.dir))
}

// prepare does all that can fail before the rename.
func (s *stagedFile) prepare() error {
	if err := s.dress(); err != nil {
		return err
	}
	if s.fs.opts.Durability == Full {
		if err := s.osf.Sync(); err != nil {
			return err
		}
	}
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	if closeToRename {
		return s.osf.Close()
	}
	return nil
}

// dress gives the file the attributes that it is published with.
func (s *stagedFile) dress() error {
	s.attrMu.Lock()
	defer s.attrMu.Unlock()
	old, err := s.dir.lstat(s.target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return unhide(s.osf, s.mode)
	case err != nil:
		return err
	}
	if old.mode&fs.ModeSymlink == 0 { // a link that came since is replaced
		if err := regularOnly(old.mode); err != nil {
			return err
		}
		if !s.ownershipSet {
			inherit(s.osf, old)
		}
		if !s.modeSet {
			s.mode = old.mode.Perm()
		}
	}
	return unhide(s.osf, s.mode)
}

// Abort drops the file. The target stays as it is.
func (s *stagedFile) Abort(error) error {
	if !s.end() {
		return fail("abort", s.name, fs.ErrClosed)
	}
	defer s.dir.close()
	if s.update != nil {
		defer s.leave()
	}
	return fail("abort", s.name, s.drop())
}

// drop removes the staged file and its record.
func (s *stagedFile) drop() error {
	if closeToRename {
		s.osf.Close()
	} else {
		defer s.osf.Close() // locked until it has no name
	}
	if s.kept != nil {
		s.fs.forget(s)
	}
	err := s.dir.unlink(s.stage)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return err
}

// flush makes the names in d durable.
func (f *FS) flush(d *dir) error {
	if f.opts.Durability != Full {
		return nil
	}
	id, err := d.key()
	if err != nil {
		return err
	}
	return f.tree.flushes.do(id, d.sync)
}
