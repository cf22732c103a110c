package session

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/vfs"
)

const writeAccess = os.O_WRONLY | os.O_RDWR

// OpenFile opens for reading as the file system does. For writing it takes the
// path's lease first, and stages the file where that is possible.
func (v *view) OpenFile(ctx context.Context, name string, flag int, perm fs.FileMode) (vfs.File, error) {
	if !vfs.ValidOpenFlag(flag) || !fs.ValidPath(name) {
		return nil, vfs.PathError("open", name, fs.ErrInvalid)
	}
	f := &file{s: v.s, conn: v.conn, name: name, start: time.Now(), kind: quaymaster.KindDownload, ctx: v.s.ctx, pacing: v.s.newPacing()}
	var err error
	if flag&(writeAccess|os.O_CREATE|os.O_TRUNC) == 0 {
		f.F, err = v.s.guarded.OpenFile(v.s.ctx, name, flag, perm)
	} else {
		f.kind = quaymaster.KindUpload
		err = v.openWrite(ctx, f, flag, perm)
	}
	if err == nil {
		if err = v.s.add(f); err != nil {
			f.discard(err)
		}
	}
	if err != nil {
		f.pacing.end(err)
		err = vfs.PathError("open", name, err)
		e := &quaymaster.Event{Kind: f.kind, Path: vfs.Wire(name), Elapsed: time.Since(f.start), Err: err}
		if f.kind == quaymaster.KindUpload {
			e.Verdict = quaymaster.Aborted
		}
		v.emit(e)
		return nil, err
	}
	return f, nil
}

// openWrite fills f.F and f.release, or neither.
func (v *view) openWrite(ctx context.Context, f *file, flag int, perm fs.FileMode) error {
	// Policy first: nothing about the path is learnt, and no lease is taken,
	// by a client that may not write it.
	if err := v.s.permit(ctx, &vfs.Op{Kind: vfs.OpOpen, Name: f.name, Flag: flag}); err != nil {
		return err
	}
	release, err := v.lease(ctx, f.name)
	if err != nil {
		return err
	}
	f.F, err = v.openStaged(ctx, f, flag, perm)
	if err != nil {
		release()
		return err
	}
	f.release = release
	return nil
}

func (v *view) lease(ctx context.Context, name string) (func(), error) {
	release, err := vfs.Lease(ctx, v.s.home, name)
	if errors.Is(err, errors.ErrUnsupported) {
		return v.s.Leases.take(v.s.Identity.User, name)
	}
	return release, err
}

// openStaged decides how the bytes get to their path.
func (v *view) openStaged(ctx context.Context, f *file, flag int, perm fs.FileMode) (vfs.File, error) {
	s := v.s
	have := vfs.FeaturesOf(s.home)
	inPlace := !have.AtomicClose || s.Partial == quaymaster.PartialInPlace
	create, truncate := flag&os.O_CREATE != 0, flag&os.O_TRUNC != 0 && flag&writeAccess != 0
	if create && truncate && flag&os.O_EXCL == 0 && !inPlace {
		return v.stage(f, perm, have) // whatever is there: not worth a look
	}
	_, err := s.home.Stat(ctx, f.name)
	published := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	switch {
	case published && create && flag&os.O_EXCL != 0:
		return nil, fs.ErrExist
	case inPlace:
		return s.guarded.OpenFile(s.ctx, f.name, flag, perm)
	case published && truncate:
		f.staged = true
		return vfs.CreateAtomic(s.ctx, s.guarded, f.name, perm)
	case published:
		f.staged = have.StagedUpdate
		return s.guarded.OpenFile(s.ctx, f.name, flag, perm)
	}
	// Nothing is published here: a kept upload can be taken up.
	keep := have.Partial && s.Partial == quaymaster.PartialKeep
	if keep && flag&(os.O_TRUNC|os.O_EXCL) == 0 {
		kept, err := vfs.OpenPartial(s.ctx, s.guarded, f.name, s.Identity.User)
		if err == nil {
			return kept, f.takeUp(kept)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if !create {
		return nil, fs.ErrNotExist
	}
	f.exclusive = flag&os.O_EXCL != 0
	return v.stage(f, perm, have)
}

// stage begins a file that takes its path on Close. Where a file is published,
// there is nothing to keep: see vfs.Keeper.
func (v *view) stage(f *file, perm fs.FileMode, have vfs.Features) (vfs.File, error) {
	s := v.s
	f.staged = true
	if have.Partial && s.Partial == quaymaster.PartialKeep {
		f.keep = true
		return vfs.CreatePartial(s.ctx, s.guarded, f.name, perm, s.Identity.User)
	}
	return vfs.CreateAtomic(s.ctx, s.guarded, f.name, perm)
}
