package session

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/vfs"
)

// view is the file system that the protocol sees.
type view struct {
	vfs.Forward
	s    *Session
	conn *quaymaster.Conn
}

func newView(s *Session, conn *quaymaster.Conn) *view {
	v := &view{s: s, conn: conn}
	v.Forward = vfs.Forward{
		Route: func(_ context.Context, op *vfs.Op) (vfs.Route, error) {
			return vfs.Route{FS: s.guarded, Name: op.Name, Target: op.Target}, nil
		},
		Have: func() vfs.Features { return vfs.FeaturesOf(s.guarded) },
	}
	return v
}

func (v *view) emit(e *quaymaster.Event) { v.s.Emit(v.conn, e) }

// tell emits the event of an operation that changes something.
func (v *view) tell(kind quaymaster.Kind, name, target string, start time.Time, err error) error {
	e := &quaymaster.Event{Kind: kind, Path: vfs.Wire(name), Elapsed: time.Since(start), Err: err}
	if target != "" {
		e.Target = vfs.Wire(target)
	}
	v.emit(e)
	return err
}

// refused emits an event when policy, not the state of the files, said no to
// an operation that is otherwise too common to report.
func (v *view) refused(name string, err error) {
	if errors.Is(err, fs.ErrPermission) {
		v.emit(&quaymaster.Event{Kind: quaymaster.KindDenied, Path: vfs.Wire(name), Err: err})
	}
}

// describe asks stat, and puts what this session is writing in the place of
// the file that it will be: to a client, what it wrote is there.
func (v *view) describe(ctx context.Context, name string, stat func(context.Context, vfs.FS, string) (fs.FileInfo, error)) (fs.FileInfo, error) {
	var mine fs.FileInfo
	if f := v.s.stagedUpload(name); f != nil {
		mine, _ = f.Stat()
	}
	fi, err := stat(ctx, v.s.guarded, name)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		v.refused(name, err)
		return nil, err
	case mine != nil && (err != nil || fi.Mode().IsRegular()): // not the link that leads to it
		return namedInfo{mine, path.Base(name)}, nil
	case err != nil: // its owner sees what was left unfinished
		if fi, perr := vfs.StatPartial(ctx, v.s.guarded, name, v.s.Identity.User); perr == nil {
			return fi, nil
		}
	}
	return fi, err
}

func (v *view) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	return v.describe(ctx, name, func(ctx context.Context, fsys vfs.FS, name string) (fs.FileInfo, error) {
		return fsys.Stat(ctx, name)
	})
}

func (v *view) Lstat(ctx context.Context, name string) (fs.FileInfo, error) {
	return v.describe(ctx, name, vfs.Lstat)
}

func (v *view) OpenDir(ctx context.Context, name string) (vfs.Dir, error) {
	start := time.Now()
	d, err := v.s.guarded.OpenDir(ctx, name)
	v.tell(quaymaster.KindList, name, "", start, err)
	if err != nil {
		return nil, err
	}
	partials, err := vfs.Partials(ctx, v.s.guarded, name, v.s.Identity.User)
	if err != nil || len(partials) == 0 { // no such feature is no reason to hide the rest
		return d, nil
	}
	return &listing{Dir: d, extra: partials}, nil
}

func (v *view) Mkdir(ctx context.Context, name string, perm fs.FileMode) error {
	start := time.Now()
	return v.tell(quaymaster.KindMkdir, name, "", start, v.s.guarded.Mkdir(ctx, name, perm))
}

func (v *view) Rmdir(ctx context.Context, name string) error {
	start := time.Now()
	return v.tell(quaymaster.KindRmdir, name, "", start, v.s.guarded.Rmdir(ctx, name))
}

func (v *view) Remove(ctx context.Context, name string) error {
	start := time.Now()
	err := v.s.guarded.Remove(ctx, name)
	if errors.Is(err, fs.ErrNotExist) && vfs.RemovePartial(ctx, v.s.guarded, name, v.s.Identity.User) == nil {
		err = nil
	}
	return v.tell(quaymaster.KindRemove, name, "", start, err)
}

func (v *view) Rename(ctx context.Context, oldname, newname string, mode vfs.RenameMode) error {
	start := time.Now()
	return v.tell(quaymaster.KindRename, oldname, newname, start, v.s.guarded.Rename(ctx, oldname, newname, mode))
}

func (v *view) Symlink(ctx context.Context, target, name string) error {
	start := time.Now()
	err := vfs.Symlink(ctx, v.s.guarded, target, name)
	v.emit(&quaymaster.Event{Kind: quaymaster.KindSymlink, Path: vfs.Wire(name), Target: target, Elapsed: time.Since(start), Err: err})
	return err
}

func (v *view) Link(ctx context.Context, oldname, newname string) error {
	start := time.Now()
	return v.tell(quaymaster.KindLink, newname, oldname, start, vfs.Link(ctx, v.s.guarded, oldname, newname))
}

func (v *view) SetAttr(ctx context.Context, name string, a *vfs.Attr) error {
	return v.setAttr(ctx, name, a, v.s.stagedUpload(name), vfs.SetAttr)
}

func (v *view) LsetAttr(ctx context.Context, name string, a *vfs.Attr) error {
	mine := v.s.stagedUpload(name)
	if mine != nil {
		if fi, err := vfs.Lstat(ctx, v.s.home, name); err == nil && !fi.Mode().IsRegular() {
			mine = nil // the link that leads to it
		}
	}
	return v.setAttr(ctx, name, a, mine, vfs.LsetAttr)
}

// setAttr changes the published file, and mine, the session's own upload that
// is to take its place, which would undo that. The size is that of the upload
// alone: published bytes stay until then.
func (v *view) setAttr(ctx context.Context, name string, a *vfs.Attr, mine *file, set func(context.Context, vfs.FS, string, *vfs.Attr) error) error {
	if mine != nil && a.Mask&vfs.AttrSize != 0 {
		return mine.SetAttr(a)
	}
	start := time.Now()
	err := set(ctx, v.s.guarded, name, a)
	if mine != nil && (err == nil || errors.Is(err, fs.ErrNotExist)) {
		return mine.SetAttr(a)
	}
	return v.tell(quaymaster.KindSetAttr, name, "", start, err)
}

// CreateAtomic is how protocols without flags upload: it is an OpenFile.
func (v *view) CreateAtomic(ctx context.Context, name string, perm fs.FileMode) (vfs.File, error) {
	return v.OpenFile(ctx, name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, perm)
}

type namedInfo struct {
	fs.FileInfo
	name string
}

func (n namedInfo) Name() string { return n.name }
