package vfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
)

func unsupported(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: errors.ErrUnsupported}
}

// Lstat describes name without following a final symbolic link. On an FS
// without links it is Stat.
func Lstat(ctx context.Context, fsys FS, name string) (fs.FileInfo, error) {
	if f, ok := fsys.(SymlinkFS); ok {
		return f.Lstat(ctx, name)
	}
	return fsys.Stat(ctx, name)
}

// Readlink returns the target of a symbolic link, relative to its directory.
func Readlink(ctx context.Context, fsys FS, name string) (string, error) {
	if f, ok := fsys.(SymlinkFS); ok {
		return f.Readlink(ctx, name)
	}
	return "", unsupported("readlink", name)
}

// Symlink makes name a symbolic link to target; see RelTarget.
func Symlink(ctx context.Context, fsys FS, target, name string) error {
	if f, ok := fsys.(SymlinkFS); ok {
		return f.Symlink(ctx, target, name)
	}
	return unsupported("symlink", name)
}

// Link makes newname a hard link to oldname.
func Link(ctx context.Context, fsys FS, oldname, newname string) error {
	if f, ok := fsys.(LinkFS); ok {
		return f.Link(ctx, oldname, newname)
	}
	return unsupported("link", oldname)
}

// SetAttr changes attributes of name, following symbolic links. An FS without
// SetAttrFS can still change the size through an open file.
func SetAttr(ctx context.Context, fsys FS, name string, a *Attr) error {
	if f, ok := fsys.(SetAttrFS); ok {
		return f.SetAttr(ctx, name, a)
	}
	if a.Mask != AttrSize {
		return unsupported("setattr", name)
	}
	f, err := fsys.OpenFile(ctx, name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(Truncate(f, a.Size), f.Close())
}

// LsetAttr is SetAttr on the link itself.
func LsetAttr(ctx context.Context, fsys FS, name string, a *Attr) error {
	if f, ok := fsys.(SetAttrFS); ok {
		return f.LsetAttr(ctx, name, a)
	}
	return unsupported("lsetattr", name)
}

// CreateAtomic begins a file that replaces name when it is closed; see
// AtomicFS. Use Atomic to get it on an FS that has none.
func CreateAtomic(ctx context.Context, fsys FS, name string, perm fs.FileMode) (File, error) {
	if f, ok := fsys.(AtomicFS); ok {
		return f.CreateAtomic(ctx, name, perm)
	}
	return nil, unsupported("create", name)
}

// CreatePartial is CreateAtomic for an upload that may be kept; see PartialFS.
func CreatePartial(ctx context.Context, fsys FS, name string, perm fs.FileMode, owner string) (File, error) {
	if f, ok := fsys.(PartialFS); ok {
		return f.CreatePartial(ctx, name, perm, owner)
	}
	return nil, unsupported("create", name)
}

// OpenPartial takes up an upload that was kept; see PartialFS.
func OpenPartial(ctx context.Context, fsys FS, name, owner string) (File, error) {
	if f, ok := fsys.(PartialFS); ok {
		return f.OpenPartial(ctx, name, owner)
	}
	return nil, unsupported("open", name)
}

// StatPartial describes an upload that was kept; see PartialFS.
func StatPartial(ctx context.Context, fsys FS, name, owner string) (fs.FileInfo, error) {
	if f, ok := fsys.(PartialFS); ok {
		return f.StatPartial(ctx, name, owner)
	}
	return nil, unsupported("stat", name)
}

// RemovePartial drops an upload that was kept; see PartialFS.
func RemovePartial(ctx context.Context, fsys FS, name, owner string) error {
	if f, ok := fsys.(PartialFS); ok {
		return f.RemovePartial(ctx, name, owner)
	}
	return unsupported("remove", name)
}

// Partials lists the uploads of owner that were kept in dir; see PartialFS.
func Partials(ctx context.Context, fsys FS, dir, owner string) ([]fs.FileInfo, error) {
	if f, ok := fsys.(PartialFS); ok {
		return f.Partials(ctx, dir, owner)
	}
	return nil, unsupported("readdir", dir)
}

// Lease takes the right to be the only writer of name; see LeaseFS.
func Lease(ctx context.Context, fsys FS, name string) (release func(), err error) {
	if f, ok := fsys.(LeaseFS); ok {
		return f.Lease(ctx, name)
	}
	return nil, unsupported("lease", name)
}

// SpaceOf tells the capacity of the store that holds name.
func SpaceOf(ctx context.Context, fsys FS, name string) (*Space, error) {
	if f, ok := fsys.(SpaceFS); ok {
		return f.Space(ctx, name)
	}
	return nil, unsupported("statvfs", name)
}

// OwnerNames translates numeric owners; see OwnerFS.
func OwnerNames(ctx context.Context, fsys FS, uids, gids []uint32) (users, groups []string, err error) {
	if f, ok := fsys.(OwnerFS); ok {
		return f.OwnerNames(ctx, uids, gids)
	}
	return nil, nil, unsupported("owners", ".")
}

// Abort releases f and discards what was written, as far as f can: a File
// without Aborter is closed.
func Abort(f File, cause error) error {
	if a, ok := f.(Aborter); ok {
		return a.Abort(cause)
	}
	return f.Close()
}

// Keep releases f and keeps its first size bytes for OpenPartial.
func Keep(f File, size int64) error {
	if k, ok := f.(Keeper); ok {
		return k.Keep(size)
	}
	return errors.ErrUnsupported
}

// OSFile returns the file of the operating system under f, if it gives it.
func OSFile(f File) (*os.File, bool) {
	if o, ok := f.(OSFiler); ok {
		return o.OSFile()
	}
	return nil, false
}

// Truncate changes the size of f.
func Truncate(f File, size int64) error {
	if t, ok := f.(Truncater); ok {
		return t.Truncate(size)
	}
	return errors.ErrUnsupported
}

// Sync flushes f to stable storage.
func Sync(f File) error {
	if s, ok := f.(Syncer); ok {
		return s.Sync()
	}
	return errors.ErrUnsupported
}

// SetFileAttr changes attributes of the open file f.
func SetFileAttr(f File, a *Attr) error {
	if s, ok := f.(AttrSetter); ok {
		return s.SetAttr(a)
	}
	if a.Mask == AttrSize {
		return Truncate(f, a.Size)
	}
	return errors.ErrUnsupported
}

// copyBuffer is what CopyRange moves at a time when it must do it itself.
const copyBuffer = 256 << 10

// CopyRange copies n bytes, or up to the end of src when n < 0, from srcOff of
// src to dstOff of dst, inside the store where both can, else through memory.
// It returns the number of bytes copied; fewer than n without an error means
// that src ended. It stops when ctx ends.
func CopyRange(ctx context.Context, dst File, dstOff int64, src File, srcOff, n int64) (int64, error) {
	c, direct := dst.(RangeCopier)
	var buf []byte
	var done int64
	for n < 0 || done < n {
		if err := ctx.Err(); err != nil {
			return done, context.Cause(ctx)
		}
		want := int64(64 << 20) // between two looks at ctx
		if n >= 0 {
			want = min(want, n-done)
		}
		if direct {
			m, err := c.CopyRange(dstOff+done, bare(src), srcOff+done, want)
			if errors.Is(err, errors.ErrUnsupported) && m == 0 {
				direct = false
				continue
			}
			done += m
			if err != nil || m == 0 {
				return done, err
			}
			continue
		}
		if buf == nil {
			buf = make([]byte, copyBuffer)
		}
		m, err := src.ReadAt(buf[:min(want, copyBuffer)], srcOff+done)
		if m > 0 {
			w, werr := dst.WriteAt(buf[:m], dstOff+done)
			done += int64(w)
			if werr != nil {
				return done, werr
			}
		}
		if err == io.EOF {
			return done, nil
		}
		if err != nil {
			return done, err
		}
	}
	return done, nil
}
