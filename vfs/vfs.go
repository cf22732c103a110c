package vfs

import (
	"context"
	"io"
	"io/fs"
	"os"
	"time"
)

// FS is a file system. Every name given to it satisfies fs.ValidPath: "/"
// separated, relative to the root, no "." or ".." element; "." is the root.
// Errors are *fs.PathError whose Path is the name that was asked for, never a
// path of the host, and whose Err matches the sentinels of io/fs and of this
// package. All methods are safe for concurrent use.
//
// What an FS can do beyond these seven methods it says with the optional
// interfaces of this package, and callers reach those only through the package
// functions of the same name, as in io/fs. A method that is not there answers
// as errors.ErrUnsupported. FeaturesOf tells what to expect.
type FS interface {
	// Stat follows symbolic links.
	Stat(ctx context.Context, name string) (fs.FileInfo, error)
	// OpenFile opens a regular file. flag holds os.O_RDONLY, os.O_WRONLY or
	// os.O_RDWR with os.O_CREATE, os.O_EXCL and os.O_TRUNC; os.O_APPEND is
	// never set and any other bit is fs.ErrInvalid. perm holds permission bits
	// for a new file. A directory answers ErrIsDir; a FIFO, socket or device
	// answers ErrNotRegular, at once. ctx bounds the life of the file.
	OpenFile(ctx context.Context, name string, flag int, perm fs.FileMode) (File, error)
	// OpenDir opens a directory for reading.
	OpenDir(ctx context.Context, name string) (Dir, error)
	// Mkdir makes one directory; its parent must exist.
	Mkdir(ctx context.Context, name string, perm fs.FileMode) error
	// Remove deletes anything but a directory, for which it answers ErrIsDir.
	// It does not follow a symbolic link.
	Remove(ctx context.Context, name string) error
	// Rmdir deletes an empty directory; ErrNotEmpty or ErrNotDir otherwise.
	Rmdir(ctx context.Context, name string) error
	// Rename moves a file or directory, in one step.
	Rename(ctx context.Context, oldname, newname string, mode RenameMode) error
}

// RenameMode says what Rename does when the new name exists.
type RenameMode uint8

const (
	// RenameNoReplace fails with fs.ErrExist. It is the zero value.
	RenameNoReplace RenameMode = iota
	// RenameReplace replaces a file by a file and an empty directory by a
	// directory, as POSIX rename does.
	RenameReplace
)

// File is an open file. ReadAt and WriteAt are safe for concurrent use.
// WriteAt past the end extends the file; the gap reads as zeros. A file opened
// only for reading or only for writing answers fs.ErrPermission to the other.
// After Close every method answers fs.ErrClosed.
type File interface {
	io.ReaderAt
	io.WriterAt
	// Close commits. When it fails, the content must be taken as lost.
	io.Closer
	Stat() (fs.FileInfo, error)
}

// Dir is an open directory.
type Dir interface {
	// ReadDir returns the next entries in directory order, without "." and
	// "..", at most n of them when n > 0. At the end it returns io.EOF with n >
	// 0, and a nil error with n <= 0, as fs.ReadDirFile does. It must not hold
	// all entries at once when n > 0.
	ReadDir(n int) ([]fs.DirEntry, error)
	io.Closer
}

// Optional interfaces of a File.
type (
	// Aborter releases the file and discards what was written through it, as
	// far as that can still be undone. After CreateAtomic nothing of it stays.
	Aborter interface{ Abort(cause error) error }
	// Keeper releases a file made by CreatePartial and keeps its first size
	// bytes for OpenPartial, or nothing where a file of that name is published.
	Keeper interface{ Keep(size int64) error }
	// OSFiler gives the file of the operating system for sendfile, splice and
	// copy_file_range. It may say no at any time. The caller must not close
	// it, nor use it after the File was closed.
	OSFiler interface{ OSFile() (*os.File, bool) }
	// Truncater changes the size.
	Truncater interface{ Truncate(size int64) error }
	// Syncer flushes to stable storage.
	Syncer interface{ Sync() error }
	// AttrSetter changes the attributes of an open file.
	AttrSetter interface{ SetAttr(a *Attr) error }
	// RangeCopier copies n bytes at srcOff of src to dstOff of itself without
	// moving them through the caller. It answers errors.ErrUnsupported, before
	// it copied anything, when it can't do that with src. It may copy fewer
	// than n bytes; 0 and a nil error mean the end of src.
	RangeCopier interface {
		CopyRange(dstOff int64, src File, srcOff, n int64) (int64, error)
	}
)

// Optional interfaces of an FS.
type (
	// SymlinkFS has symbolic links. A link's target is slash-separated text,
	// relative to the directory of the link; see RelTarget. Links are followed
	// only inside the FS.
	SymlinkFS interface {
		Lstat(ctx context.Context, name string) (fs.FileInfo, error)
		Readlink(ctx context.Context, name string) (string, error)
		Symlink(ctx context.Context, target, name string) error
	}
	// LinkFS has hard links. Link never follows oldname.
	LinkFS interface {
		Link(ctx context.Context, oldname, newname string) error
	}
	// SetAttrFS changes attributes by name. SetAttr follows symbolic links,
	// LsetAttr does not. Fields are applied in the order size, owner, mode,
	// times; the first failure ends it.
	SetAttrFS interface {
		SetAttr(ctx context.Context, name string, a *Attr) error
		LsetAttr(ctx context.Context, name string, a *Attr) error
	}
	// AtomicFS creates or replaces a file so that the old content, or its
	// absence, stays visible until Close, which publishes the new content in
	// one step and durably. The File also has Aborter, and can be read.
	AtomicFS interface {
		CreateAtomic(ctx context.Context, name string, perm fs.FileMode) (File, error)
	}
	// PartialFS keeps interrupted uploads, each for its owner, where no file
	// of that name is published. owner is an opaque, non-empty text.
	PartialFS interface {
		// CreatePartial is CreateAtomic whose File also has Keeper.
		CreatePartial(ctx context.Context, name string, perm fs.FileMode, owner string) (File, error)
		// OpenPartial takes up what was kept: the File is as from
		// CreatePartial, already holding the kept bytes. fs.ErrNotExist when
		// there is none, or when a file of that name is published.
		OpenPartial(ctx context.Context, name, owner string) (File, error)
		// StatPartial describes what was kept, under its name.
		StatPartial(ctx context.Context, name, owner string) (fs.FileInfo, error)
		// RemovePartial drops what was kept.
		RemovePartial(ctx context.Context, name, owner string) error
		// Partials lists what was kept in the directory, in no order.
		Partials(ctx context.Context, dir, owner string) ([]fs.FileInfo, error)
	}
	// LeaseFS gives the right to be the only writer of a name. ErrLocked when
	// another holds it. Two names of one file may count as one.
	LeaseFS interface {
		Lease(ctx context.Context, name string) (release func(), err error)
	}
	// SpaceFS tells the capacity of the store that holds name.
	SpaceFS interface {
		Space(ctx context.Context, name string) (*Space, error)
	}
	// OwnerFS translates numeric owners: one name for each id, "" for one that
	// is unknown.
	OwnerFS interface {
		OwnerNames(ctx context.Context, uids, gids []uint32) (users, groups []string, err error)
	}
	// FeaturesFS states its features; it must do so when it wraps another FS.
	FeaturesFS interface{ Features() Features }
)

// AttrMask selects fields of an Attr.
type AttrMask uint8

const (
	AttrSize AttrMask = 1 << iota
	AttrOwner
	AttrMode
	AttrAtime
	AttrMtime
)

// Attr holds the attributes to change; Mask says which.
type Attr struct {
	Mask         AttrMask
	Size         int64
	UID, GID     uint32
	Mode         fs.FileMode // permission bits; others are ignored
	Atime, Mtime time.Time
}

// Space is the capacity of a store, as statvfs(3) tells it. Zero fields are
// unknown. Sizes count fragments of FragmentSize bytes.
type Space struct {
	BlockSize, FragmentSize          uint64 // bytes
	Total, Free, Available           uint64 // fragments
	Files, FilesFree, FilesAvailable uint64
	ID, Flags, NameMax               uint64
}

// Sys is what FileInfo.Sys returns, as a pointer, when the back end knows more
// than io/fs asks for. SysOf finds it.
type Sys struct {
	UID, GID uint32
	HasOwner bool // UID and GID are known
	Atime    time.Time
	Links    uint64 // number of hard links, 0: unknown
	// Dev and Ino identify the file within the FS; both 0: unknown. Two
	// names with the same pair are the same file.
	Dev, Ino uint64
}

// SysOf returns what fi knows beyond io/fs, or the zero Sys.
func SysOf(fi fs.FileInfo) Sys {
	if s, ok := fi.Sys().(*Sys); ok && s != nil {
		return *s
	}
	return Sys{}
}

// SameFile tells whether both describe one file; false when that is unknown.
func SameFile(a, b fs.FileInfo) bool {
	x, y := SysOf(a), SysOf(b)
	return (x.Dev != 0 || x.Ino != 0) && x.Dev == y.Dev && x.Ino == y.Ino
}
