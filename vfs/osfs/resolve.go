package osfs

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/quaymaster/quaymaster/vfs"
)

const (
	// maxHops is how many symbolic links one name may lead through.
	maxHops = 40
	// maxRaces is how often an operation starts again because names changed
	// under it.
	maxRaces = 16
)

// place is an entry, which need not exist, in an open directory.
type place struct {
	dir  *dir
	base string
	name string // from the root; links in the middle are not resolved
}

func (p place) close() { p.dir.close() }

// locate opens the directory of name.
func (f *FS) locate(name string) (place, error) {
	p := place{base: path.Base(name), name: name}
	parent := path.Dir(name)
	if parent == "." {
		p.dir = f.top.retain()
		if p.dir == nil {
			return p, fs.ErrClosed
		}
		return p, nil
	}
	var err error
	p.dir, err = f.directory(parent)
	return p, err
}

// directory opens the directory at name, following links.
func (f *FS) directory(name string) (*dir, error) {
	if d := openBeneath(f.top, name); d != nil {
		return d, nil
	}
	return f.directoryByRoot(name)
}

func (f *FS) directoryByRoot(name string) (*dir, error) {
	return inside(f, name, true, func(name string) (*dir, error) { return openDirIn(f.root, name) })
}

// follow is locate for what name leads to when it is a symbolic link. The info
// is nil when nothing is there.
func (f *FS) follow(name string) (place, *info, error) {
	for range maxRaces {
		p, err := f.locate(name)
		if err != nil {
			return p, nil, err
		}
		fi, err := p.dir.lstat(p.base)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return p, nil, nil
		case err != nil:
			p.close()
			return p, nil, err
		case fi.mode&fs.ModeSymlink == 0:
			return p, fi, nil
		}
		p.close()
		if name, err = f.resolve(name, true); err != nil {
			return p, nil, err
		}
		if vfs.IsReserved(name) {
			return p, nil, fs.ErrPermission
		}
	}
	return place{}, nil, vfs.ErrLoop
}

// inside runs op on name, and when os.Root refuses that because of a link, on
// the name without links. op must go through os.Root both times.
func inside[T any](f *FS, name string, last bool, op func(name string) (T, error)) (T, error) {
	got, err := op(name)
	if err == nil || !f.isEscape(err) && !errors.Is(mapErr(err), vfs.ErrLoop) {
		return got, err
	}
	real, err := f.resolve(name, last)
	if err != nil {
		return got, err
	}
	return op(real)
}

// resolve returns name without symbolic links, the last element only if last
// says so. What does not exist is left as it is. The answer is a hint that may
// be outdated at once: it must be given to os.Root again.
func (f *FS) resolve(name string, last bool) (string, error) {
	todo := strings.Split(name, "/")
	done := []string{}
	for hops := 0; len(todo) > 0; {
		elem := todo[0]
		todo = todo[1:]
		if elem == "" || elem == "." {
			continue
		}
		if elem == ".." {
			if len(done) == 0 {
				return "", vfs.ErrEscape
			}
			done = done[:len(done)-1]
			continue
		}
		done = append(done, elem)
		link, err := f.linkAt(strings.Join(done, "/"), len(todo) > 0 || last)
		if errors.Is(err, fs.ErrNotExist) {
			return missing(done, todo)
		}
		if err != nil {
			return "", err
		}
		if link == nil {
			continue
		}
		if hops++; hops > maxHops {
			return "", vfs.ErrLoop
		}
		if done = done[:len(done)-1]; link.absolute {
			done = done[:0]
		}
		todo = append(link.path, todo...)
	}
	if len(done) == 0 {
		return ".", nil
	}
	return strings.Join(done, "/"), nil
}

// missing joins what resolve found and what it could not look at.
func missing(done, todo []string) (string, error) {
	name := path.Join(append(done, todo...)...)
	for _, elem := range todo {
		if elem == ".." { // through something that does not exist
			return "", fs.ErrNotExist
		}
	}
	return name, nil
}

// link is the target of a symbolic link: from the root, or from its directory.
type link struct {
	path     []string
	absolute bool
}

// linkAt reads the link at name; nil when it is none or not to be followed.
func (f *FS) linkAt(name string, follow bool) (*link, error) {
	fi, err := f.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if fi.Mode()&fs.ModeSymlink == 0 || !follow {
		return nil, nil
	}
	text, err := f.root.Readlink(name)
	if err != nil {
		return nil, err
	}
	if filepath.IsAbs(text) {
		rel, err := f.fromHost(text)
		return &link{path: strings.Split(rel, "/"), absolute: true}, err
	}
	return &link{path: strings.Split(filepath.ToSlash(text), "/")}, nil
}

// fromHost turns an absolute path of the host into a name. It is only a
// translation: os.Root decides about the name.
func (f *FS) fromHost(abs string) (string, error) {
	for _, base := range f.bases {
		rel, err := filepath.Rel(base, abs)
		if err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel), nil
		}
	}
	return "", vfs.ErrEscape
}
