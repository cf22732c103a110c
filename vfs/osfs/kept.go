package osfs

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"
)

// kept is an upload that waits to be taken up.
type kept struct {
	keptKey
	stage string
	size  int64
	mode  fs.FileMode
	at    time.Time
	path  string // when it was kept
	open  bool   // by OpenPartial
}

// keptKey is what identifies one in a directory.
type keptKey struct{ base, owner string }

// keptIndex knows the kept uploads of a tree, so that a question about a
// directory without any costs no system call. What it says is checked against
// the directory before it is used.
type keptIndex struct {
	lazy bool // a directory it does not know must be read; else it has none

	mu   sync.Mutex          // guards dirs
	dirs map[string]*keptDir // by name; a directory behind links has several
}

// keptDir is one directory.
type keptDir struct {
	mu     sync.Mutex // guards all below
	loaded bool
	files  map[keptKey]*kept
}

// get returns what is known about dir, which may have to be loaded. Without
// create it returns nil when there is nothing.
func (x *keptIndex) get(dir string, create bool) *keptDir {
	x.mu.Lock()
	defer x.mu.Unlock()
	d := x.dirs[dir]
	if d == nil && (create || x.lazy) {
		d = &keptDir{loaded: !x.lazy, files: make(map[keptKey]*kept)}
		x.set(dir, d)
	}
	return d
}

// set must be called with mu held.
func (x *keptIndex) set(dir string, d *keptDir) {
	if x.dirs == nil {
		x.dirs = make(map[string]*keptDir)
	}
	x.dirs[dir] = d
}

// pending makes dir one that is to be read when it is asked for.
func (x *keptIndex) pending(dir string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.set(dir, &keptDir{files: make(map[keptKey]*kept)})
}

// alias makes dir another name of d.
func (x *keptIndex) alias(dir string, d *keptDir) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.set(dir, d)
}

func (x *keptIndex) delete(dir string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.dirs, dir)
}

func (x *keptIndex) empty() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.dirs) == 0
}

// moved renames the directories at and below oldname.
func (x *keptIndex) moved(oldname, newname string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	found := make(map[string]*keptDir)
	for name, d := range x.dirs {
		if now, ok := movedName(name, oldname, newname); ok {
			found[now] = d
			delete(x.dirs, name)
		}
	}
	for name, d := range found {
		x.dirs[name] = d
	}
}

// movedName tells what name is called after oldname became newname.
func movedName(name, oldname, newname string) (string, bool) {
	rest, ok := strings.CutPrefix(name, oldname)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return newname + rest, true
}

// keptIn returns what is kept in dir, locked; nil when that is nothing.
func (f *FS) keptIn(dir string, create bool) (*keptDir, error) {
	d := f.tree.kept.get(dir, create)
	if d == nil {
		return nil, nil
	}
	d.mu.Lock()
	if d.loaded {
		return d, nil
	}
	open, err := f.openDir(dir)
	if err != nil {
		d.mu.Unlock()
		f.tree.kept.delete(dir)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return nil, err
	}
	defer open.close()
	found, _, err := f.sweepDir(open, false)
	if err != nil {
		d.mu.Unlock()
		return nil, err
	}
	d.loaded = true
	f.addKept(dir, d, found)
	return d, nil
}

// addKept puts found into d, of which dir is a name; d must be locked.
func (f *FS) addKept(dir string, d *keptDir, found []*kept) {
	for _, k := range found {
		if old := d.files[k.keptKey]; old == nil || old.at.Before(k.at) {
			d.files[k.keptKey] = k
		}
		// The name it was uploaded to may lead here through a link.
		if parent := path.Dir(k.path); parent != dir {
			if real, err := f.resolve(parent, true); err == nil && real == dir {
				f.tree.kept.alias(parent, d)
			}
		}
	}
}

// expired tells whether k is past its time.
func (f *FS) expired(k *kept) bool {
	return f.opts.KeepPartials < 0 || f.now().Sub(k.at) >= f.opts.KeepPartials
}

// visible tells whether k, in d which is locked, can be taken up, and drops it
// when it can't any more.
func (f *FS) visible(d *keptDir, p place, k *kept) bool {
	_, err := p.dir.lstat(p.base)
	published := !errors.Is(err, fs.ErrNotExist)
	if !published && (k.open || !f.expired(k)) {
		return true
	}
	f.dropKept(d, p.dir, k)
	return false
}

// dropKept removes k, in d which is locked, unless it is being written.
func (f *FS) dropKept(d *keptDir, at *dir, k *kept) {
	if k.open || !at.sweep(k.stage) {
		return
	}
	at.unlink(k.stage + recordSuffix)
	delete(d.files, k.keptKey)
}
