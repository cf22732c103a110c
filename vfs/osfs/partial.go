package osfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"

	"github.com/quaymaster/quaymaster/vfs"
)

// beginPartial is what the methods of vfs.PartialFS have in common.
func (f *FS) beginPartial(ctx context.Context, name, owner string) error {
	if f.opts.KeepPartials < 0 {
		return errors.ErrUnsupported
	}
	if owner == "" {
		return fs.ErrInvalid
	}
	return f.beginRead(ctx, name)
}

// CreatePartial is CreateAtomic for an upload that can be kept for owner: Keep
// releases the file and keeps its first bytes for Options.KeepPartials. A
// newer one takes the place of an older one of the same name and owner.
// Nothing is kept where a file of that name is published, nor of no bytes.
func (f *FS) CreatePartial(ctx context.Context, name string, perm fs.FileMode, owner string) (vfs.File, error) {
	if f.opts.KeepPartials < 0 {
		return nil, fail("create", name, errors.ErrUnsupported)
	}
	if owner == "" {
		return nil, fail("create", name, fs.ErrInvalid)
	}
	s, err := f.create(ctx, name, perm, owner)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// find calls op with what owner has kept under name. The keptDir is locked
// meanwhile.
func (f *FS) find(ctx context.Context, name, owner string, op func(d *keptDir, p place, k *kept) error) error {
	if err := f.beginPartial(ctx, name, owner); err != nil {
		return err
	}
	d, err := f.keptIn(path.Dir(name), false)
	if err != nil {
		return err
	}
	if d == nil {
		return fs.ErrNotExist
	}
	defer d.mu.Unlock()
	k := d.files[keptKey{f.fold(path.Base(name)), owner}]
	if k == nil {
		return fs.ErrNotExist
	}
	return f.at(name, func(p place) error {
		if !f.visible(d, p, k) {
			return fs.ErrNotExist
		}
		return op(d, p, k)
	})
}

// OpenPartial takes up what owner has kept under name. vfs.ErrLocked when that
// is being done already.
func (f *FS) OpenPartial(ctx context.Context, name, owner string) (vfs.File, error) {
	var s *stagedFile
	err := f.find(ctx, name, owner, func(d *keptDir, p place, k *kept) error {
		if k.open {
			return vfs.ErrLocked
		}
		osf, fi, err := p.dir.open(k.stage, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			delete(d.files, k.keptKey)
		}
		if err != nil {
			return err
		}
		if lockFile(osf) == busy {
			osf.Close()
			return vfs.ErrLocked
		}
		// What was written after it was kept, by one who crashed, is not
		// known to be whole.
		if fi.size > k.size {
			err = osf.Truncate(k.size)
		} else if fi.size < k.size {
			k.size = fi.size
		}
		if err != nil {
			osf.Close()
			return err
		}
		k.open = true
		s = &stagedFile{
			fs: f, dir: p.dir.retain(), at: path.Dir(name), target: p.base,
			stage: k.stage, mode: k.mode, owner: owner, kept: k,
		}
		s.file.set(ctx, name, os.O_RDWR, osf)
		return nil
	})
	if err != nil {
		return nil, f.fail("open", name, err)
	}
	return s, nil
}

// StatPartial describes what owner has kept under name, with its present size.
func (f *FS) StatPartial(ctx context.Context, name, owner string) (fs.FileInfo, error) {
	var found *info
	err := f.find(ctx, name, owner, func(d *keptDir, p place, k *kept) (err error) {
		found, err = keptInfo(d, p.dir, k, p.base)
		return err
	})
	if err != nil {
		return nil, f.fail("stat", name, err)
	}
	return found, nil
}

// keptInfo describes k, in d which is locked, under the name base.
func keptInfo(d *keptDir, at *dir, k *kept, base string) (*info, error) {
	fi, err := at.lstat(k.stage)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && !k.open {
			delete(d.files, k.keptKey)
		}
		return nil, err
	}
	if !k.open {
		fi.size = min(fi.size, k.size)
	}
	fi.name, fi.mode = base, k.mode
	return fi, nil
}

// RemovePartial drops what owner has kept under name. vfs.ErrLocked while it
// is being written.
func (f *FS) RemovePartial(ctx context.Context, name, owner string) error {
	err := f.find(ctx, name, owner, func(d *keptDir, p place, k *kept) error {
		if f.dropKept(d, p.dir, k); d.files[k.keptKey] == k {
			return vfs.ErrLocked
		}
		return nil
	})
	return f.fail("remove", name, err)
}

// Partials lists what owner has kept in dir.
func (f *FS) Partials(ctx context.Context, dir, owner string) ([]fs.FileInfo, error) {
	found, err := f.partials(ctx, dir, owner)
	return found, f.fail("readdir", dir, err)
}

func (f *FS) partials(ctx context.Context, dir, owner string) (found []fs.FileInfo, err error) {
	if err := f.beginPartial(ctx, dir, owner); err != nil {
		return nil, err
	}
	at, err := f.openDir(dir)
	if err != nil {
		return nil, err
	}
	at.close()
	d, err := f.keptIn(dir, false)
	if d == nil {
		return nil, err
	}
	defer d.mu.Unlock()
	for key, k := range d.files {
		if key.owner != owner {
			continue
		}
		base := path.Base(k.path)
		err := f.at(path.Join(dir, base), func(p place) error {
			if !f.visible(d, p, k) {
				return nil
			}
			fi, err := keptInfo(d, p.dir, k, base)
			if err == nil {
				found = append(found, fi)
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return found, nil
}

// Keep releases the file and keeps its first size bytes. It works also when
// the context of the file has ended.
func (s *stagedFile) Keep(size int64) error {
	if s.owner == "" {
		return errors.ErrUnsupported
	}
	if size < 0 {
		return fail("keep", s.name, fs.ErrInvalid)
	}
	if !s.end() {
		return fail("keep", s.name, fs.ErrClosed)
	}
	defer s.dir.close()
	_, err := s.dir.lstat(s.target)
	if size == 0 || !errors.Is(err, fs.ErrNotExist) {
		return fail("keep", s.name, s.drop())
	}
	if err := s.keep(size); err != nil {
		s.dir.unlink(s.stage + recordSuffix)
		s.drop()
		return s.fs.fail("keep", s.name, err)
	}
	return nil
}

func (s *stagedFile) keep(size int64) error {
	fi, err := fstat(s.osf, s.base)
	if err != nil {
		return err
	}
	durable := s.fs.opts.Durability == Full
	if size = min(size, fi.size); size == 0 {
		return s.drop()
	}
	if err := s.osf.Truncate(size); err != nil {
		return err
	}
	if durable {
		if err := s.osf.Sync(); err != nil {
			return err
		}
	}
	k := &kept{
		keptKey: keptKey{s.fs.fold(s.target), s.owner}, stage: s.stage,
		size: size, mode: s.finalMode(), at: s.fs.now(), path: path.Join(s.at, s.target),
	}
	r := &record{Path: k.path, Owner: k.owner, Bytes: k.size, Mode: k.mode, Time: k.at}
	if err := s.dir.writeRecord(s.stage, r, durable); err != nil {
		return err
	}
	if err := s.fs.flush(s.dir); err != nil {
		return err
	}
	s.fs.remember(s, k)
	return nil
}

// remember releases s and puts k into the index, in place of what is there.
func (f *FS) remember(s *stagedFile, k *kept) {
	real, err := f.resolve(s.at, true)
	if err != nil {
		real = s.at
	}
	d, err := f.keptIn(real, true)
	s.osf.Close() // after loading, which would take it for another's
	if d == nil {
		f.log.Warn("osfs: kept upload will be found at next start only", "name", s.name, "err", mapErr(err))
		return
	}
	defer d.mu.Unlock()
	if old := d.files[k.keptKey]; old != nil && old.stage != k.stage {
		f.dropKept(d, s.dir, old)
	}
	d.files[k.keptKey] = k
	if real != s.at {
		f.tree.kept.alias(s.at, d)
	}
}

// forget takes s, which OpenPartial has opened, from the index, with its
// record.
func (f *FS) forget(s *stagedFile) {
	s.dir.unlink(s.stage + recordSuffix)
	d := f.tree.kept.get(s.at, false)
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files[s.kept.keptKey] == s.kept {
		delete(d.files, s.kept.keptKey)
	}
}

// published drops what is kept for the name that s was published under.
func (f *FS) published(s *stagedFile) {
	if s.kept != nil {
		f.forget(s)
	}
	d := f.tree.kept.get(s.at, false)
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, k := range d.files {
		if key.base == f.fold(s.target) {
			f.dropKept(d, s.dir, k)
		}
	}
}
