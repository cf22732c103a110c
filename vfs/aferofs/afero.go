package aferofs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/spf13/afero"

	"github.com/quaymaster/quaymaster/vfs"
)

// Afero shows fsys as an afero.Fs. Paths are absolute or relative to the root,
// with the separators of the operating system, and ".." stops at the root.
// O_APPEND starts each Write at the end of the file as it then is, which other
// writers can disturb. Rename replaces, as os.Rename does. The result is an
// afero.Symlinker. Every operation runs with ctx, because afero has none.
func Afero(ctx context.Context, fsys vfs.FS) afero.Fs { return &shown{ctx, fsys} }

// shown keeps a context: afero leaves no other way in.
type shown struct {
	ctx  context.Context
	fsys vfs.FS
}

var (
	_ afero.Fs        = (*shown)(nil)
	_ afero.Symlinker = (*shown)(nil)
)

// name turns a path into a name.
func name(p string) string {
	p = path.Clean("/" + filepath.ToSlash(p))
	if p == "/" {
		return "."
	}
	return p[1:]
}

func (s *shown) Name() string { return "vfs" }

func (s *shown) Create(p string) (afero.File, error) {
	return s.OpenFile(p, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

func (s *shown) Open(p string) (afero.File, error) { return s.OpenFile(p, os.O_RDONLY, 0) }

func (s *shown) OpenFile(p string, flag int, perm fs.FileMode) (afero.File, error) {
	n := name(p)
	f, err := s.fsys.OpenFile(s.ctx, n, flag&^(os.O_APPEND|os.O_SYNC), perm.Perm())
	if err == nil {
		return &handle{path: p, name: n, fs: s, file: f, appends: flag&os.O_APPEND != 0}, nil
	}
	if !errors.Is(err, vfs.ErrIsDir) || flag&(os.O_WRONLY|os.O_RDWR|os.O_TRUNC) != 0 {
		return nil, vfs.PathError("open", p, err)
	}
	d, err := s.fsys.OpenDir(s.ctx, n)
	if err != nil {
		return nil, vfs.PathError("open", p, err)
	}
	return &handle{path: p, name: n, fs: s, dir: d}, nil
}

func (s *shown) Mkdir(p string, perm fs.FileMode) error {
	return vfs.PathError("mkdir", p, s.fsys.Mkdir(s.ctx, name(p), perm.Perm()))
}

func (s *shown) MkdirAll(p string, perm fs.FileMode) error {
	return vfs.PathError("mkdir", p, s.mkdirAll(name(p), perm))
}

func (s *shown) mkdirAll(n string, perm fs.FileMode) error {
	fi, err := s.fsys.Stat(s.ctx, n)
	switch {
	case err == nil && fi.IsDir():
		return nil
	case err == nil:
		return vfs.ErrNotDir
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := s.mkdirAll(path.Dir(n), perm); err != nil {
		return err
	}
	err = s.fsys.Mkdir(s.ctx, n, perm.Perm())
	if errors.Is(err, fs.ErrExist) { // another was faster
		if fi, serr := s.fsys.Stat(s.ctx, n); serr == nil && fi.IsDir() {
			return nil
		}
	}
	return err
}

func (s *shown) Remove(p string) error { return vfs.PathError("remove", p, s.remove(name(p))) }

// remove deletes a file or an empty directory.
func (s *shown) remove(n string) error {
	err := s.fsys.Remove(s.ctx, n)
	if errors.Is(err, vfs.ErrIsDir) {
		return s.fsys.Rmdir(s.ctx, n)
	}
	return err
}

func (s *shown) RemoveAll(p string) error {
	err := s.removeAll(name(p))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return vfs.PathError("remove", p, err)
}

// removeAll begins a directory anew after each page, so that it does not
// matter what removing does to one that is being read.
func (s *shown) removeAll(n string) error {
	err := s.remove(n)
	for errors.Is(err, vfs.ErrNotEmpty) || n == "." && err != nil {
		names, lerr := s.firstNames(n)
		if lerr != nil || len(names) == 0 {
			return errors.Join(lerr, err)
		}
		for _, child := range names {
			if cerr := s.removeAll(path.Join(n, child)); cerr != nil && !errors.Is(cerr, fs.ErrNotExist) {
				return cerr
			}
		}
		err = s.remove(n)
	}
	return err
}

func (s *shown) firstNames(n string) ([]string, error) {
	d, err := s.fsys.OpenDir(s.ctx, n)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	page, err := d.ReadDir(256)
	if err == io.EOF {
		err = nil
	}
	names := make([]string, len(page))
	for i, e := range page {
		names[i] = e.Name()
	}
	return names, err
}

func (s *shown) Rename(oldpath, newpath string) error {
	err := s.fsys.Rename(s.ctx, name(oldpath), name(newpath), vfs.RenameReplace)
	return vfs.PathError("rename", oldpath, err)
}

func (s *shown) Stat(p string) (fs.FileInfo, error) {
	fi, err := s.fsys.Stat(s.ctx, name(p))
	return fi, vfs.PathError("stat", p, err)
}

func (s *shown) Chmod(p string, mode fs.FileMode) error {
	err := vfs.SetAttr(s.ctx, s.fsys, name(p), &vfs.Attr{Mask: vfs.AttrMode, Mode: mode.Perm()})
	return vfs.PathError("chmod", p, err)
}

// Chown keeps an id that is -1, as os.Chown does.
func (s *shown) Chown(p string, uid, gid int) error {
	a := &vfs.Attr{Mask: vfs.AttrOwner, UID: uint32(uid), GID: uint32(gid)}
	if uid < 0 || gid < 0 {
		fi, err := s.fsys.Stat(s.ctx, name(p))
		if err != nil {
			return vfs.PathError("chown", p, err)
		}
		now := vfs.SysOf(fi)
		if !now.HasOwner {
			return vfs.PathError("chown", p, errors.ErrUnsupported)
		}
		if uid < 0 {
			a.UID = now.UID
		}
		if gid < 0 {
			a.GID = now.GID
		}
	}
	return vfs.PathError("chown", p, vfs.SetAttr(s.ctx, s.fsys, name(p), a))
}

// Chtimes leaves a time alone that is zero, as os.Chtimes does.
func (s *shown) Chtimes(p string, atime, mtime time.Time) error {
	a := &vfs.Attr{Atime: atime, Mtime: mtime}
	if !atime.IsZero() {
		a.Mask |= vfs.AttrAtime
	}
	if !mtime.IsZero() {
		a.Mask |= vfs.AttrMtime
	}
	return vfs.PathError("chtimes", p, vfs.SetAttr(s.ctx, s.fsys, name(p), a))
}

// LstatIfPossible is Lstat where fsys has symbolic links, and else Stat.
func (s *shown) LstatIfPossible(p string) (fs.FileInfo, bool, error) {
	fi, err := vfs.Lstat(s.ctx, s.fsys, name(p))
	return fi, vfs.FeaturesOf(s.fsys).Symlink, vfs.PathError("lstat", p, err)
}

// SymlinkIfPossible takes an absolute target from the root of fsys.
func (s *shown) SymlinkIfPossible(target, p string) error {
	rel, err := vfs.RelTarget(name(p), filepath.ToSlash(target))
	if err == nil {
		err = vfs.Symlink(s.ctx, s.fsys, rel, name(p))
	}
	if errors.Is(err, errors.ErrUnsupported) {
		err = afero.ErrNoSymlink
	}
	return vfs.PathError("symlink", p, err)
}

func (s *shown) ReadlinkIfPossible(p string) (string, error) {
	target, err := vfs.Readlink(s.ctx, s.fsys, name(p))
	if errors.Is(err, errors.ErrUnsupported) {
		err = afero.ErrNoReadlink
	}
	return target, vfs.PathError("readlink", p, err)
}
