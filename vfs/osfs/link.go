package osfs

import (
	"context"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/quaymaster/quaymaster/vfs"
)

// Link makes newname a hard link to oldname, which must not be a directory
// and is not followed.
func (f *FS) Link(ctx context.Context, oldname, newname string) error {
	err := f.beginRead(ctx, oldname)
	if err == nil {
		err = f.beginWrite(ctx, newname)
	}
	if err == nil {
		err = f.at(oldname, func(from place) error {
			fi, err := from.dir.lstat(from.base)
			if err != nil {
				return err
			}
			if fi.IsDir() {
				return vfs.ErrIsDir
			}
			return f.at(newname, func(to place) error { return from.dir.link(from.base, to.dir, to.base) })
		})
	}
	return f.fail("link", oldname, err)
}

// Symlink makes name a link to target, which must be relative and must not
// lead out of the root.
func (f *FS) Symlink(ctx context.Context, target, name string) error {
	err := f.beginWrite(ctx, name)
	if err == nil {
		err = f.checkTarget(target, name)
	}
	if err == nil {
		err = f.at(name, func(p place) error { return p.dir.symlink(filepath.FromSlash(target), p.base) })
	}
	return f.fail("symlink", name, err)
}

// checkTarget refuses links that would lead a program of the host, which no
// root confines, out of the tree.
func (f *FS) checkTarget(target, name string) error {
	if path.IsAbs(target) || filepath.IsAbs(target) || filepath.VolumeName(target) != "" {
		return vfs.ErrEscape
	}
	if _, err := vfs.RelTarget(name, target); err != nil {
		return err
	}
	for elem := range strings.SplitSeq(target, "/") {
		if elem == "" || elem == "." || elem == ".." {
			continue
		}
		if err := checkName(elem); err != nil {
			return err
		}
	}
	// The directory may itself lie behind a link, and nearer to the root.
	parent, err := f.resolve(path.Dir(name), true)
	if err != nil {
		return err
	}
	_, err = vfs.RelTarget(path.Join(parent, path.Base(name)), target)
	return err
}

// Readlink returns the target of a link relative to its directory. That of a
// link which leads out of the root stays secret: vfs.ErrEscape.
func (f *FS) Readlink(ctx context.Context, name string) (string, error) {
	if err := f.beginRead(ctx, name); err != nil {
		return "", fail("readlink", name, err)
	}
	text, err := inside(f, name, false, f.root.Readlink)
	if err == nil {
		text, err = f.inwards(name, text)
	}
	if err != nil {
		return "", f.fail("readlink", name, err)
	}
	return text, nil
}

// inwards checks and translates the text of the link at name.
func (f *FS) inwards(name, text string) (string, error) {
	if filepath.IsAbs(text) {
		target, err := f.fromHost(text)
		if err != nil {
			return "", err
		}
		return vfs.RelTarget(name, "/"+target)
	}
	text = filepath.ToSlash(text)
	elems := strings.Split(text, "/")
	if !slices.Contains(elems, "..") {
		return text, nil
	}
	// What it leads to depends on where the directory really is.
	parent, err := f.resolve(path.Dir(name), true)
	if err != nil {
		return "", err
	}
	if _, err := vfs.RelTarget(path.Join(parent, "link"), text); err != nil {
		return "", vfs.ErrEscape
	}
	if parent == path.Dir(name) {
		return text, nil
	}
	target := path.Join(parent, text)
	if !fs.ValidPath(target) {
		return "", vfs.ErrEscape
	}
	return vfs.RelTarget(name, "/"+target)
}
