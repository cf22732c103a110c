package osfs

import (
	"context"
	"errors"
	"io/fs"

	"github.com/quaymaster/quaymaster/vfs"
)

// Rename moves oldname to newname. A final symbolic link is moved itself. The
// root can't be moved: fs.ErrPermission. On a file system that folds case a
// name can be changed in case only, in either mode.
func (f *FS) Rename(ctx context.Context, oldname, newname string, mode vfs.RenameMode) error {
	err := f.beginRead(ctx, oldname)
	if err == nil {
		err = f.beginWrite(ctx, newname)
	}
	if err == nil && (oldname == "." || newname == ".") {
		err = fs.ErrPermission
	}
	if err == nil && mode != vfs.RenameNoReplace && mode != vfs.RenameReplace {
		err = fs.ErrInvalid
	}
	if err == nil {
		err = f.rename(oldname, newname, mode)
	}
	return f.fail("rename", oldname, err)
}

func (f *FS) rename(oldname, newname string, mode vfs.RenameMode) error {
	from, err := f.locate(oldname)
	if err != nil {
		return err
	}
	defer from.close()
	to, err := f.locate(newname)
	if err != nil {
		return err
	}
	defer to.close()
	if mode == vfs.RenameNoReplace {
		err = from.dir.renameNoReplace(from.base, to.dir, to.base)
		if errors.Is(err, fs.ErrExist) {
			err = f.renameTwin(from, to)
		}
	} else {
		err = from.dir.rename(from.base, to.dir, to.base)
		if mapErr(err) == vfs.ErrNotEmpty && f.purge(to.dir, to.base) == nil {
			err = from.dir.rename(from.base, to.dir, to.base)
		}
	}
	if err != nil {
		return err
	}
	f.moved(from, to)
	return nil
}

// renameTwin is for a new name that exists: it may be the old one in other
// case.
func (f *FS) renameTwin(from, to place) error {
	a, err := from.dir.key()
	if err != nil {
		return err
	}
	b, err := to.dir.key()
	if err != nil {
		return err
	}
	if a != b || f.fold(from.base) != f.fold(to.base) {
		return fs.ErrExist
	}
	if from.base == to.base {
		return fs.ErrExist
	}
	return from.dir.rename(from.base, to.dir, to.base)
}

// moved tells the journal and the index of kept uploads when what they know
// lies below a directory that has moved.
func (f *FS) moved(from, to place) {
	t := f.tree
	if t.journal.empty() && t.kept.empty() {
		return
	}
	if fi, err := to.dir.lstat(to.base); err != nil || !fi.IsDir() {
		return
	}
	// What was resolved is the new place; the old one has the same form up to
	// its parent.
	oldname, err := f.resolve(from.name, false)
	if err != nil {
		return
	}
	newname, err := f.resolve(to.name, false)
	if err != nil {
		return
	}
	t.kept.moved(oldname, newname)
	if err := t.journal.moved(oldname, newname); err != nil {
		f.log.Warn("osfs: journal", "err", mapErr(err))
	}
}
