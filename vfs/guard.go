package vfs

import (
	"context"
	"io/fs"
	"os"
)

// Guard returns fsys behind check, which sees every operation before it
// happens, those on open files included, and also the kinds that later
// versions add. Nothing reaches around it.
func Guard(fsys FS, check Check) FS {
	g := &Forward{
		Route: func(ctx context.Context, op *Op) (Route, error) {
			if err := check(ctx, op); err != nil {
				return Route{}, err
			}
			return Route{FS: fsys, Name: op.Name, Target: op.Target}, nil
		},
		Have: func() Features { return FeaturesOf(fsys) },
	}
	g.Wrap = func(ctx context.Context, op *Op, f File) File {
		return &guardFile{ForwardFile: ForwardFile{f}, ctx: ctx, name: op.Name, check: check}
	}
	return g
}

// guardFile asks about what can still be refused on an open file. It keeps
// the context of the open, which bounds the life of the file.
type guardFile struct {
	ForwardFile
	ctx   context.Context
	name  string
	check Check
}

func (f *guardFile) below() File { return f.F }

func (f *guardFile) Truncate(size int64) error {
	a := &Attr{Mask: AttrSize, Size: size}
	if err := f.check(f.ctx, &Op{Kind: OpSetAttr, Name: f.name, Attr: a}); err != nil {
		return PathError("truncate", f.name, err)
	}
	return f.ForwardFile.Truncate(size)
}

func (f *guardFile) SetAttr(a *Attr) error {
	if err := f.check(f.ctx, &Op{Kind: OpSetAttr, Name: f.name, Attr: a}); err != nil {
		return PathError("setattr", f.name, err)
	}
	return f.ForwardFile.SetAttr(a)
}

func (f *guardFile) OSFile() (*os.File, bool) {
	if f.check(f.ctx, &Op{Kind: OpOSFile, Name: f.name}) != nil {
		return nil, false
	}
	return f.ForwardFile.OSFile()
}

// ReadOnly returns fsys with every operation that can change anything refused
// with ErrReadOnly.
func ReadOnly(fsys FS) FS {
	g := Guard(fsys, func(_ context.Context, op *Op) error {
		if op.Writes() {
			return ErrReadOnly
		}
		return nil
	}).(*Forward)
	g.Have = func() Features { return FeaturesOf(fsys).ReadOnly() }
	return g
}

// Sub returns the tree below dir as an FS of its own. Confinement is that of
// fsys: a symbolic link below dir may lead out of dir, but not out of fsys, so
// Sub alone does not jail a client that can reach such links; give it a file
// system rooted at dir for that.
func Sub(fsys FS, dir string) (FS, error) {
	if !fs.ValidPath(dir) {
		return nil, &fs.PathError{Op: "sub", Path: dir, Err: fs.ErrInvalid}
	}
	if dir == "." {
		return fsys, nil
	}
	under := func(name string) string {
		if name == "." {
			return dir
		}
		return dir + "/" + name
	}
	return &Forward{
		Route: func(_ context.Context, op *Op) (Route, error) {
			r := Route{FS: fsys, Name: under(op.Name)}
			if op.Kind == OpRename || op.Kind == OpLink {
				r.Target = under(op.Target)
			}
			if op.Name == "." && (op.Kind == OpRename || op.Kind == OpRmdir || op.Kind == OpRemove) {
				return Route{}, fs.ErrPermission // the root of a view stays where it is
			}
			return r, nil
		},
		Have: func() Features { return FeaturesOf(fsys) },
	}, nil
}
