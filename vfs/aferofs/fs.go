package aferofs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/spf13/afero"

	"github.com/quaymaster/quaymaster/vfs"
)

// New serves afs.
func New(afs afero.Fs) vfs.FS {
	a := &adapter{afs: afs}
	if _, based := afs.(*afero.BasePathFs); !based {
		a.links, _ = afs.(afero.Symlinker)
	}
	return a
}

type adapter struct {
	afs   afero.Fs
	links afero.Symlinker // nil: no symbolic links

	mu sync.RWMutex // held for writing from a check to its act
}

var (
	_ vfs.FS         = (*adapter)(nil)
	_ vfs.SymlinkFS  = (*adapter)(nil)
	_ vfs.SetAttrFS  = (*adapter)(nil)
	_ vfs.FeaturesFS = (*adapter)(nil)
)

func (a *adapter) Features() vfs.Features {
	return vfs.Features{
		Write: true, RandomWrite: true, Symlink: a.links != nil,
		SetSize: true, SetMode: true, SetTimes: true, Sync: true,
	}
}

// maxName is the most bytes in one element of a name; MemMapFs has no limit.
const maxName = 255

// begin checks what every operation checks first.
func begin(ctx context.Context, name string) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !fs.ValidPath(name) || strings.ContainsRune(name, 0):
		return fs.ErrInvalid
	}
	for elem := range strings.SplitSeq(name, "/") {
		if len(elem) > maxName {
			return vfs.ErrNameTooLong
		}
	}
	return nil
}

// wire turns a name into a path of the afero.Fs.
func wire(name string) string {
	if name == "." {
		return "/"
	}
	return "/" + name
}

func pathError(op, name string, err error) error {
	return vfs.PathError(op, name, sentinel(err))
}

func (a *adapter) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	if err := begin(ctx, name); err != nil {
		return nil, pathError("stat", name, err)
	}
	fi, err := a.stat(name)
	return fi, pathError("stat", name, err)
}

func (a *adapter) Lstat(ctx context.Context, name string) (fs.FileInfo, error) {
	if err := begin(ctx, name); err != nil {
		return nil, pathError("lstat", name, err)
	}
	fi, err := a.lstat(name)
	return fi, pathError("lstat", name, err)
}

func (a *adapter) stat(name string) (fs.FileInfo, error) {
	fi, err := a.afs.Stat(wire(name))
	if err != nil {
		return nil, sentinel(err)
	}
	return snapshot(path.Base(name), fi), nil
}

func (a *adapter) lstat(name string) (fs.FileInfo, error) {
	l, ok := a.afs.(afero.Lstater)
	if !ok {
		return a.stat(name)
	}
	fi, _, err := l.LstatIfPossible(wire(name))
	if err != nil {
		return nil, sentinel(err)
	}
	return snapshot(path.Base(name), fi), nil
}

// info is a copy of attributes: those of MemMapFs change under their reader.
type info struct {
	name  string
	size  int64
	mode  fs.FileMode
	mtime time.Time
}

func snapshot(name string, fi fs.FileInfo) fs.FileInfo {
	i := &info{name: name, size: fi.Size(), mode: fi.Mode(), mtime: fi.ModTime()}
	if fi.IsDir() {
		i.mode |= fs.ModeDir // MemMapFs may know it only here
	}
	return i
}

func (i *info) Name() string       { return i.name }
func (i *info) Size() int64        { return i.size }
func (i *info) Mode() fs.FileMode  { return i.mode }
func (i *info) ModTime() time.Time { return i.mtime }
func (i *info) IsDir() bool        { return i.mode.IsDir() }
func (i *info) Sys() any           { return nil }

// parent checks that the directory of name is one: MemMapFs would make it.
func (a *adapter) parent(name string) error {
	fi, err := a.stat(path.Dir(name))
	if err == nil && !fi.IsDir() {
		err = vfs.ErrNotDir
	}
	return err
}

// free checks that name can be made.
func (a *adapter) free(name string) error {
	if err := a.parent(name); err != nil {
		return err
	}
	_, err := a.lstat(name)
	switch {
	case err == nil:
		return fs.ErrExist
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}

func (a *adapter) OpenFile(ctx context.Context, name string, flag int, perm fs.FileMode) (vfs.File, error) {
	err := begin(ctx, name)
	if err == nil && !vfs.ValidOpenFlag(flag) {
		err = fs.ErrInvalid
	}
	if err != nil {
		return nil, pathError("open", name, err)
	}
	if flag&os.O_CREATE != 0 {
		a.mu.Lock()
		defer a.mu.Unlock()
	} else {
		a.mu.RLock()
		defer a.mu.RUnlock()
	}
	if err := a.mayOpen(name, flag); err != nil {
		return nil, pathError("open", name, err)
	}
	// O_EXCL was looked at, and not every afero.Fs does so.
	f, err := a.afs.OpenFile(wire(name), flag&^os.O_EXCL, perm.Perm())
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return newFile(a, name, flag, f), nil
}

// mayOpen checks what is at name against flag.
func (a *adapter) mayOpen(name string, flag int) error {
	if flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0 {
		return a.free(name)
	}
	fi, err := a.stat(name)
	switch {
	case err == nil && fi.IsDir():
		return vfs.ErrIsDir
	case err == nil && !fi.Mode().IsRegular():
		return vfs.ErrNotRegular
	case errors.Is(err, fs.ErrNotExist) && flag&os.O_CREATE != 0:
		return a.parent(name)
	}
	return err
}

func (a *adapter) Mkdir(ctx context.Context, name string, perm fs.FileMode) error {
	return pathError("mkdir", name, a.change(ctx, name, func() error {
		if err := a.free(name); err != nil {
			return err
		}
		return a.afs.Mkdir(wire(name), perm.Perm())
	}))
}

// change runs an operation that changes the tree.
func (a *adapter) change(ctx context.Context, name string, do func() error) error {
	if err := begin(ctx, name); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return do()
}

func (a *adapter) Remove(ctx context.Context, name string) error {
	return pathError("remove", name, a.change(ctx, name, func() error {
		fi, err := a.lstat(name)
		switch {
		case err != nil:
			return err
		case fi.IsDir():
			return vfs.ErrIsDir
		}
		return a.afs.Remove(wire(name))
	}))
}

func (a *adapter) Rmdir(ctx context.Context, name string) error {
	return pathError("rmdir", name, a.change(ctx, name, func() error {
		fi, err := a.lstat(name)
		switch {
		case err != nil:
			return err
		case name == ".":
			return fs.ErrPermission
		case !fi.IsDir():
			return vfs.ErrNotDir
		}
		if err := a.empty(name); err != nil {
			return err
		}
		return a.afs.Remove(wire(name))
	}))
}

// empty checks that a directory holds nothing: MemMapFs removes it with all.
func (a *adapter) empty(name string) error {
	d, err := a.afs.Open(wire(name))
	if err != nil {
		return err
	}
	defer d.Close()
	if names, _ := d.Readdirnames(1); len(names) > 0 {
		return vfs.ErrNotEmpty
	}
	return nil
}

func (a *adapter) Rename(ctx context.Context, oldname, newname string, mode vfs.RenameMode) error {
	err := begin(ctx, newname)
	if err == nil && mode > vfs.RenameReplace {
		err = fs.ErrInvalid
	}
	if err == nil {
		err = a.change(ctx, oldname, func() error { return a.rename(oldname, newname, mode) })
	}
	return pathError("rename", oldname, err)
}

func (a *adapter) rename(oldname, newname string, mode vfs.RenameMode) error {
	if oldname == "." || newname == "." {
		return fs.ErrPermission
	}
	from, err := a.lstat(oldname)
	if err != nil {
		return err
	}
	err = a.free(newname)
	switch {
	case errors.Is(err, fs.ErrExist) && mode == vfs.RenameReplace:
		if a.sameFile(oldname, newname) {
			return nil
		}
		err = a.replaceable(from, oldname, newname)
	case err == nil && from.IsDir() && a.inside(newname, oldname):
		err = fs.ErrInvalid
	}
	if err != nil {
		return err
	}
	err = a.afs.Rename(wire(oldname), wire(newname))
	if errors.Is(err, fs.ErrExist) && from.IsDir() && mode == vfs.RenameReplace {
		// os.Rename refuses any existing directory.
		if err = a.afs.Remove(wire(newname)); err == nil {
			err = a.afs.Rename(wire(oldname), wire(newname))
		}
	}
	return err
}

// inside tells whether name lies below dir, with no link between that leads
// elsewhere.
func (a *adapter) inside(name, dir string) bool {
	rest, below := strings.CutPrefix(name, dir+"/")
	for below {
		elem, more, deeper := strings.Cut(rest, "/")
		if !deeper {
			return true
		}
		dir, rest = dir+"/"+elem, more
		if fi, err := a.lstat(dir); err == nil && fi.Mode()&fs.ModeSymlink != 0 {
			return false
		}
	}
	return false
}

// sameFile tells whether both names lead to one file, as far as that is known.
func (a *adapter) sameFile(one, two string) bool {
	if one == two {
		return true
	}
	l, ok := a.afs.(afero.Lstater)
	if !ok {
		return false
	}
	x, _, err := l.LstatIfPossible(wire(one))
	if err != nil {
		return false
	}
	y, _, err := l.LstatIfPossible(wire(two))
	return err == nil && (os.SameFile(x, y) || vfs.SameFile(x, y))
}

// replaceable checks that from may take the place of newname, which exists.
func (a *adapter) replaceable(from fs.FileInfo, oldname, newname string) error {
	to, err := a.lstat(newname)
	switch {
	case err != nil:
		return err
	case to.IsDir() && strings.HasPrefix(oldname, newname+"/"): // a link may lead there
		return vfs.ErrNotEmpty
	case from.IsDir() && !to.IsDir():
		return vfs.ErrNotDir
	case !from.IsDir() && to.IsDir():
		return vfs.ErrIsDir
	case !to.IsDir():
		return nil
	case a.inside(newname, oldname):
		return fs.ErrInvalid
	}
	return a.empty(newname)
}
