package vfs

import (
	"context"
	"io/fs"
	"os"
	"strings"
)

// Route is where an operation goes: a file system and the names there.
type Route struct {
	FS   FS
	Name string
	// Target takes the place of Op.Target for OpRename and OpLink, and has no
	// meaning otherwise.
	Target string
}

// Forward is an FS that sends every operation, optional ones included, to the
// FS that Route names. It is the base of all wrappers: one that embeds it and
// replaces some methods can't forget the others, and an operation added to
// this package later passes Route like the rest. Errors come back with the
// name that was asked for.
type Forward struct {
	// Route is asked before each operation; an error ends it. Required.
	Route func(ctx context.Context, op *Op) (Route, error)
	// Wrap, if not nil, replaces each file that was opened for op.
	Wrap func(ctx context.Context, op *Op, f File) File
	// Have states the features. Required.
	Have func() Features
}

var (
	_ FS         = (*Forward)(nil)
	_ SymlinkFS  = (*Forward)(nil)
	_ LinkFS     = (*Forward)(nil)
	_ SetAttrFS  = (*Forward)(nil)
	_ AtomicFS   = (*Forward)(nil)
	_ PartialFS  = (*Forward)(nil)
	_ LeaseFS    = (*Forward)(nil)
	_ SpaceFS    = (*Forward)(nil)
	_ OwnerFS    = (*Forward)(nil)
	_ FeaturesFS = (*Forward)(nil)
)

// ask routes op and checks the names on the way.
func (w *Forward) ask(ctx context.Context, op *Op) (Route, error) {
	if !validName(op.Name) {
		return Route{}, fs.ErrInvalid
	}
	if (op.Kind == OpRename || op.Kind == OpLink) && !validName(op.Target) {
		return Route{}, fs.ErrInvalid
	}
	return w.Route(ctx, op)
}

// validName is fs.ValidPath without the NUL that it lets pass.
func validName(name string) bool { return fs.ValidPath(name) && strings.IndexByte(name, 0) < 0 }

// do runs an operation that returns only an error.
func (w *Forward) do(ctx context.Context, verb string, op *Op, call func(r Route) error) error {
	r, err := w.ask(ctx, op)
	if err == nil {
		err = call(r)
	}
	return PathError(verb, op.Name, err)
}

// get runs an operation that returns a value.
func get[T any](ctx context.Context, w *Forward, verb string, op *Op, call func(r Route) (T, error)) (T, error) {
	var got T
	err := w.do(ctx, verb, op, func(r Route) (err error) {
		got, err = call(r)
		return err
	})
	return got, err
}

// open runs an operation that returns a file, and wraps that.
func (w *Forward) open(ctx context.Context, verb string, op *Op, call func(r Route) (File, error)) (File, error) {
	var inner string
	f, err := get(ctx, w, verb, op, func(r Route) (File, error) {
		inner = r.Name
		return call(r)
	})
	if err != nil {
		return nil, err
	}
	if inner != op.Name {
		f = namedFile{ForwardFile{f}, op.Name}
	}
	if w.Wrap != nil {
		f = w.Wrap(ctx, op, f)
	}
	return f, nil
}

func (w *Forward) Features() Features { return w.Have() }

func (w *Forward) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	return get(ctx, w, "stat", &Op{Kind: OpStat, Name: name}, func(r Route) (fs.FileInfo, error) {
		return r.FS.Stat(ctx, r.Name)
	})
}

func (w *Forward) Lstat(ctx context.Context, name string) (fs.FileInfo, error) {
	return get(ctx, w, "lstat", &Op{Kind: OpStat, Name: name}, func(r Route) (fs.FileInfo, error) {
		return Lstat(ctx, r.FS, r.Name)
	})
}

func (w *Forward) OpenFile(ctx context.Context, name string, flag int, perm fs.FileMode) (File, error) {
	if !ValidOpenFlag(flag) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return w.open(ctx, "open", &Op{Kind: OpOpen, Name: name, Flag: flag}, func(r Route) (File, error) {
		return r.FS.OpenFile(ctx, r.Name, flag, perm)
	})
}

func (w *Forward) OpenDir(ctx context.Context, name string) (Dir, error) {
	return get(ctx, w, "readdir", &Op{Kind: OpList, Name: name}, func(r Route) (Dir, error) {
		d, err := r.FS.OpenDir(ctx, r.Name)
		if err == nil && r.Name != name {
			d = namedDir{d, name}
		}
		return d, err
	})
}

func (w *Forward) Mkdir(ctx context.Context, name string, perm fs.FileMode) error {
	return w.do(ctx, "mkdir", &Op{Kind: OpMkdir, Name: name}, func(r Route) error {
		return r.FS.Mkdir(ctx, r.Name, perm)
	})
}

func (w *Forward) Remove(ctx context.Context, name string) error {
	return w.do(ctx, "remove", &Op{Kind: OpRemove, Name: name}, func(r Route) error {
		return r.FS.Remove(ctx, r.Name)
	})
}

func (w *Forward) Rmdir(ctx context.Context, name string) error {
	return w.do(ctx, "rmdir", &Op{Kind: OpRmdir, Name: name}, func(r Route) error {
		return r.FS.Rmdir(ctx, r.Name)
	})
}

func (w *Forward) Rename(ctx context.Context, oldname, newname string, mode RenameMode) error {
	op := &Op{Kind: OpRename, Name: oldname, Target: newname, Flag: int(mode)}
	return w.do(ctx, "rename", op, func(r Route) error {
		return r.FS.Rename(ctx, r.Name, r.Target, mode)
	})
}

func (w *Forward) Readlink(ctx context.Context, name string) (string, error) {
	return get(ctx, w, "readlink", &Op{Kind: OpReadlink, Name: name}, func(r Route) (string, error) {
		return Readlink(ctx, r.FS, r.Name)
	})
}

func (w *Forward) Symlink(ctx context.Context, target, name string) error {
	return w.do(ctx, "symlink", &Op{Kind: OpSymlink, Name: name, Target: target}, func(r Route) error {
		return Symlink(ctx, r.FS, target, r.Name)
	})
}

func (w *Forward) Link(ctx context.Context, oldname, newname string) error {
	return w.do(ctx, "link", &Op{Kind: OpLink, Name: oldname, Target: newname}, func(r Route) error {
		return Link(ctx, r.FS, r.Name, r.Target)
	})
}

func (w *Forward) SetAttr(ctx context.Context, name string, a *Attr) error {
	return w.do(ctx, "setattr", &Op{Kind: OpSetAttr, Name: name, Attr: a}, func(r Route) error {
		return SetAttr(ctx, r.FS, r.Name, a)
	})
}

func (w *Forward) LsetAttr(ctx context.Context, name string, a *Attr) error {
	return w.do(ctx, "lsetattr", &Op{Kind: OpSetAttr, Name: name, Attr: a}, func(r Route) error {
		return LsetAttr(ctx, r.FS, r.Name, a)
	})
}

const createFlags = os.O_RDWR | os.O_CREATE | os.O_TRUNC

func (w *Forward) CreateAtomic(ctx context.Context, name string, perm fs.FileMode) (File, error) {
	return w.open(ctx, "create", &Op{Kind: OpOpen, Name: name, Flag: createFlags}, func(r Route) (File, error) {
		return CreateAtomic(ctx, r.FS, r.Name, perm)
	})
}

func (w *Forward) CreatePartial(ctx context.Context, name string, perm fs.FileMode, owner string) (File, error) {
	return w.open(ctx, "create", &Op{Kind: OpOpen, Name: name, Flag: createFlags}, func(r Route) (File, error) {
		return CreatePartial(ctx, r.FS, r.Name, perm, owner)
	})
}

func (w *Forward) OpenPartial(ctx context.Context, name, owner string) (File, error) {
	op := &Op{Kind: OpOpen, Name: name, Flag: os.O_RDWR | os.O_CREATE}
	return w.open(ctx, "open", op, func(r Route) (File, error) {
		return OpenPartial(ctx, r.FS, r.Name, owner)
	})
}

func (w *Forward) StatPartial(ctx context.Context, name, owner string) (fs.FileInfo, error) {
	return get(ctx, w, "stat", &Op{Kind: OpStat, Name: name}, func(r Route) (fs.FileInfo, error) {
		return StatPartial(ctx, r.FS, r.Name, owner)
	})
}

func (w *Forward) RemovePartial(ctx context.Context, name, owner string) error {
	return w.do(ctx, "remove", &Op{Kind: OpRemove, Name: name}, func(r Route) error {
		return RemovePartial(ctx, r.FS, r.Name, owner)
	})
}

func (w *Forward) Partials(ctx context.Context, dir, owner string) ([]fs.FileInfo, error) {
	return get(ctx, w, "readdir", &Op{Kind: OpList, Name: dir}, func(r Route) ([]fs.FileInfo, error) {
		return Partials(ctx, r.FS, r.Name, owner)
	})
}

func (w *Forward) Lease(ctx context.Context, name string) (func(), error) {
	return get(ctx, w, "open", &Op{Kind: OpOpen, Name: name, Flag: os.O_WRONLY}, func(r Route) (func(), error) {
		return Lease(ctx, r.FS, r.Name)
	})
}

func (w *Forward) Space(ctx context.Context, name string) (*Space, error) {
	return get(ctx, w, "statvfs", &Op{Kind: OpSpace, Name: name}, func(r Route) (*Space, error) {
		return SpaceOf(ctx, r.FS, r.Name)
	})
}

func (w *Forward) OwnerNames(ctx context.Context, uids, gids []uint32) (users, groups []string, err error) {
	err = w.do(ctx, "owners", &Op{Kind: OpOwners, Name: "."}, func(r Route) (err error) {
		users, groups, err = OwnerNames(ctx, r.FS, uids, gids)
		return err
	})
	return users, groups, err
}
