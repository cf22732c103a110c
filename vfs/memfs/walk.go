package memfs

import (
	"context"
	"io/fs"
	"strings"

	"github.com/quaymaster/quaymaster/vfs"
)

const (
	maxName = 255 // bytes in one element
	maxHops = 40  // symbolic links followed for one name, as on Linux
)

// place is where a name leads. dirs is the way there: the root, and each
// directory down to the one that holds the name.
type place struct {
	dirs []*node
	base string // in the last of dirs; "" when the way ended at a directory itself
	node *node  // nil: nothing is there
}

func (p place) parent() *node { return p.dirs[len(p.dirs)-1] }

// begin checks what every operation checks first.
func (f *FS) begin(ctx context.Context, name string, writes bool) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !fs.ValidPath(name) || strings.ContainsRune(name, 0):
		return fs.ErrInvalid
	case f.bare || !vfs.IsReserved(name):
		return nil
	case writes:
		return fs.ErrPermission
	}
	return fs.ErrNotExist
}

// key is what the names of a directory are compared by.
func (f *FS) key(name string) string {
	if f.opts.CaseFold {
		// Both ways, because some letters have several forms in one case.
		return strings.ToLower(strings.ToUpper(name))
	}
	return name
}

func (f *FS) child(dir *node, name string) *node {
	e, _ := dir.entries.get(f.key(name))
	return e.node
}

// walk finds name. It follows symbolic links on the way, and the last one when
// follow is set; ".." occurs only in their targets. A name that is missing
// from an existing directory is no error. The caller holds mu.
func (f *FS) walk(name string, follow bool) (place, error) {
	p := place{dirs: []*node{f.root}}
	rest := strings.Split(name, "/")
	for hops := 0; len(rest) > 0; {
		elem := rest[0]
		rest = rest[1:]
		switch {
		case elem == "." || elem == "":
			continue
		case elem == "..":
			if len(p.dirs) == 1 {
				return p, vfs.ErrEscape
			}
			p.dirs = p.dirs[:len(p.dirs)-1]
			continue
		case len(elem) > maxName:
			return p, vfs.ErrNameTooLong
		}
		next, last := f.child(p.parent(), elem), len(rest) == 0
		switch {
		case next == nil && !last:
			return p, fs.ErrNotExist
		case next != nil && next.isLink() && (follow || !last):
			if hops++; hops > maxHops {
				return p, vfs.ErrLoop
			}
			rest = append(strings.Split(next.target, "/"), rest...)
		case last:
			p.base, p.node = elem, next
			return p, nil
		case !next.isDir():
			return p, vfs.ErrNotDir
		default:
			p.dirs = append(p.dirs, next)
		}
	}
	p.node = p.parent()
	return p, nil
}

// existing is walk for a name that must exist.
func (f *FS) existing(name string, follow bool) (place, error) {
	p, err := f.walk(name, follow)
	if err == nil && p.node == nil {
		err = fs.ErrNotExist
	}
	return p, err
}

// attach puts n where p leads, which is free. The caller holds mu.
func (f *FS) attach(p place, n *node) {
	dir := p.parent()
	dir.entries.put(entry{key: f.key(p.base), name: p.base, node: n})
	n.mu.Lock()
	n.links++
	n.mu.Unlock()
	dir.mu.Lock()
	dir.mtime = f.now()
	if n.isDir() {
		dir.subdirs++
	}
	dir.mu.Unlock()
}

// detach takes away the name that p leads to. The caller holds mu.
func (f *FS) detach(p place) {
	dir, n := p.parent(), p.node
	dir.entries.remove(f.key(p.base))
	dir.mu.Lock()
	dir.mtime = f.now()
	if n.isDir() {
		dir.subdirs--
	}
	dir.mu.Unlock()
	n.mu.Lock()
	n.links--
	f.freeUnused(n)
	n.mu.Unlock()
}

// freeUnused gives back the space of a file without a name or a handle. The
// caller holds n.mu.
func (f *FS) freeUnused(n *node) {
	if n.links <= 0 && n.opens == 0 {
		f.used.Add(-n.data.stored)
		n.data = content{}
	}
}
