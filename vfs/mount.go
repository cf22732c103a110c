package vfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// Mount returns an FS that shows root, and instead of what root holds there
// each FS of mounts at its name. Mounts may lie within one another. A
// directory on the way to a mount that root does not have appears as an empty
// read-only one. A mount point and the directories above it can't be removed,
// renamed or replaced, and nothing can be renamed or linked from one mount to
// another: that answers ErrCrossDevice. root may be nil. The map is copied.
func Mount(root FS, mounts map[string]FS) (FS, error) {
	m := &mountFS{root: root, start: time.Now()}
	for name, fsys := range mounts {
		if name == "." || !fs.ValidPath(name) || fsys == nil || IsReserved(name) {
			return nil, &fs.PathError{Op: "mount", Path: name, Err: fs.ErrInvalid}
		}
		m.points = append(m.points, mountPoint{name, fsys})
	}
	// Longest first, so that the innermost mount is found first.
	slices.SortFunc(m.points, func(a, b mountPoint) int {
		if d := len(b.name) - len(a.name); d != 0 {
			return d
		}
		return strings.Compare(a.name, b.name)
	})
	m.Forward = Forward{Route: m.route, Have: m.features}
	return m, nil
}

type mountPoint struct {
	name string
	fsys FS
}

type mountFS struct {
	Forward
	root   FS
	points []mountPoint
	start  time.Time // modification time of the directories that we make up
}

// within tells whether name is dir or lies below it, by whole elements.
func within(name, dir string) bool {
	return dir == "." || name == dir || strings.HasPrefix(name, dir+"/")
}

// find returns the FS that holds name, its number, and the name there.
func (m *mountFS) find(name string) (fsys FS, index int, inner string) {
	for i, p := range m.points {
		if name == p.name {
			return p.fsys, i, "."
		}
		if within(name, p.name) {
			return p.fsys, i, name[len(p.name)+1:]
		}
	}
	return m.root, -1, name
}

// fixed tells whether name is a mount point or a directory above one.
func (m *mountFS) fixed(name string) bool {
	return slices.ContainsFunc(m.points, func(p mountPoint) bool { return within(p.name, name) })
}

func (m *mountFS) route(_ context.Context, op *Op) (Route, error) {
	fsys, index, inner := m.find(op.Name)
	switch op.Kind {
	case OpRemove, OpRmdir, OpRename, OpLink:
		if m.fixed(op.Name) {
			return Route{}, fs.ErrPermission
		}
	case OpMkdir, OpSymlink:
		if m.fixed(op.Name) {
			return Route{}, fs.ErrExist
		}
	case OpOpen: // else root would get a file where the way to a mount shows
		if m.fixed(op.Name) {
			return Route{}, ErrIsDir
		}
	}
	r := Route{FS: fsys, Name: inner}
	if op.Kind == OpRename || op.Kind == OpLink {
		if m.fixed(op.Target) {
			return Route{}, fs.ErrPermission
		}
		_, other, target := m.find(op.Target)
		if other != index {
			return Route{}, ErrCrossDevice
		}
		r.Target = target
	}
	if r.FS == nil {
		if op.Writes() {
			return Route{}, ErrReadOnly
		}
		return Route{}, fs.ErrNotExist
	}
	return r, nil
}

func (m *mountFS) features() Features {
	var f Features
	first := true
	add := func(fsys FS) {
		if first {
			f, first = FeaturesOf(fsys), false
			return
		}
		f = f.And(FeaturesOf(fsys))
	}
	if m.root != nil {
		add(m.root)
	}
	for _, p := range m.points {
		add(p.fsys)
	}
	return f
}

// madeUp describes name when only what is mounted below makes it a directory:
// root has nothing there, or something else.
func (m *mountFS) madeUp(name string, fi fs.FileInfo, err error) (fs.FileInfo, error) {
	if !m.fixed(name) || (err == nil && fi.IsDir()) {
		return fi, err
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotDir) {
		return madeUpDir{path.Base(name), m.start}, nil
	}
	return nil, err
}

func (m *mountFS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	fi, err := m.Forward.Stat(ctx, name)
	if fi, err = m.madeUp(name, fi, err); err != nil {
		return nil, err
	}
	return m.named(name, fi), nil
}

func (m *mountFS) Lstat(ctx context.Context, name string) (fs.FileInfo, error) {
	fi, err := m.Forward.Lstat(ctx, name)
	if fi, err = m.madeUp(name, fi, err); err != nil {
		return nil, err
	}
	return m.named(name, fi), nil
}

// named gives the root of a mount the name of its mount point.
func (m *mountFS) named(name string, fi fs.FileInfo) fs.FileInfo {
	if _, _, inner := m.find(name); inner == "." {
		return renamedInfo{fi, path.Base(name)}
	}
	return fi
}

func (m *mountFS) OpenDir(ctx context.Context, name string) (Dir, error) {
	d, err := m.Forward.OpenDir(ctx, name)
	if err != nil {
		if _, err := m.madeUp(name, nil, err); err != nil {
			return nil, err
		}
	}
	extra := m.children(ctx, name)
	if d != nil && len(extra) == 0 {
		return d, nil
	}
	return &mountDir{under: d, extra: extra}, nil
}

// OwnerNames asks root, or without one the first mount that knows owners.
func (m *mountFS) OwnerNames(ctx context.Context, uids, gids []uint32) (users, groups []string, err error) {
	if m.root != nil {
		return m.Forward.OwnerNames(ctx, uids, gids)
	}
	err = unsupported("owners", ".")
	for _, p := range m.points {
		users, groups, err = OwnerNames(ctx, p.fsys, uids, gids)
		if err == nil {
			break
		}
	}
	return users, groups, PathError("owners", ".", err)
}

// children lists the mount points, and ways to them, right below dir.
func (m *mountFS) children(ctx context.Context, dir string) []fs.DirEntry {
	var names []string
	for _, p := range m.points {
		if p.name == dir || !within(p.name, dir) {
			continue
		}
		rest := p.name
		if dir != "." {
			rest = p.name[len(dir)+1:]
		}
		first, _, _ := strings.Cut(rest, "/")
		names = append(names, first)
	}
	slices.Sort(names)
	var entries []fs.DirEntry
	for _, n := range slices.Compact(names) {
		fi, err := m.Stat(ctx, path.Join(dir, n))
		if err != nil { // a mount that is down still shows
			fi = madeUpDir{n, m.start}
		}
		entries = append(entries, fs.FileInfoToDirEntry(fi))
	}
	return entries
}

// mountDir lists the mount points first, then what lies under them.
type mountDir struct {
	under Dir // nil: nothing
	extra []fs.DirEntry
	shown int
}

func (d *mountDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if left := d.extra[d.shown:]; len(left) > 0 {
		if n > 0 {
			left = left[:min(n, len(left))]
			d.shown += len(left)
			return left, nil
		}
		d.shown = len(d.extra)
		rest, err := d.read(n)
		return append(slices.Clone(left), rest...), err
	}
	return d.read(n)
}

// read returns the next entries of the directory below that no mount hides.
func (d *mountDir) read(n int) ([]fs.DirEntry, error) {
	if d.under == nil {
		if n > 0 {
			return nil, io.EOF
		}
		return nil, nil
	}
	for {
		entries, err := d.under.ReadDir(n)
		entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
			return slices.ContainsFunc(d.extra, func(x fs.DirEntry) bool { return x.Name() == e.Name() })
		})
		if err != nil || n <= 0 || len(entries) > 0 {
			return entries, err
		}
	}
}

func (d *mountDir) Close() error {
	if d.under == nil {
		return nil
	}
	return d.under.Close()
}

// madeUpDir is a directory on the way to a mount point.
type madeUpDir struct {
	name string
	at   time.Time
}

func (d madeUpDir) Name() string       { return d.name }
func (d madeUpDir) Size() int64        { return 0 }
func (d madeUpDir) Mode() fs.FileMode  { return fs.ModeDir | 0o555 }
func (d madeUpDir) ModTime() time.Time { return d.at }
func (d madeUpDir) IsDir() bool        { return true }
func (d madeUpDir) Sys() any           { return nil }

type renamedInfo struct {
	fs.FileInfo
	name string
}

func (r renamedInfo) Name() string { return r.name }
