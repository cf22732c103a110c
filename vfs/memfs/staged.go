package memfs

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
)

// keepFor is how long a partial upload stays.
const keepFor = 24 * time.Hour

// stage marks a file that no name leads to until it is closed.
type stage struct {
	owner string       // may keep it when not empty
	set   vfs.AttrMask // attributes that the writer chose; node.mu guards it
}

// partialKey is a kept upload within its directory.
type partialKey struct{ key, owner string }

// partial is an upload that was kept.
type partial struct {
	node *node // its link count stands for this
	name string
	till time.Time
}

// CreateAtomic begins a file that takes its name when it is closed. A final
// symbolic link is followed then. The new file gets owner and mode of the file
// that it replaces, unless others were set through it, or else perm.
func (f *FS) CreateAtomic(ctx context.Context, name string, perm fs.FileMode) (vfs.File, error) {
	return f.create(ctx, name, perm, "")
}

// CreatePartial is CreateAtomic for a file that may be kept.
func (f *FS) CreatePartial(ctx context.Context, name string, perm fs.FileMode, owner string) (vfs.File, error) {
	if owner == "" {
		return nil, pathError("create", name, fs.ErrInvalid)
	}
	return f.create(ctx, name, perm, owner)
}

func (f *FS) create(ctx context.Context, name string, perm fs.FileMode, owner string) (vfs.File, error) {
	if err := f.begin(ctx, name, true); err != nil {
		return nil, pathError("create", name, err)
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	p, err := f.walk(name, true)
	if err == nil && p.node != nil && p.node.isDir() {
		err = vfs.ErrIsDir
	}
	if err != nil {
		return nil, pathError("create", name, err)
	}
	h := f.staged(name, f.newNode(0, perm), owner)
	if p.node != nil {
		h.inherit(p.node)
	}
	return h, nil
}

// inherit takes over from the file that is replaced what the writer did not
// choose.
func (h *file) inherit(old *node) {
	old.mu.RLock()
	perm, uid, gid := old.perm, old.uid, old.gid
	old.mu.RUnlock()
	h.node.mu.Lock()
	defer h.node.mu.Unlock()
	if h.stage.set&vfs.AttrMode == 0 {
		h.node.perm = perm
	}
	if h.stage.set&vfs.AttrOwner == 0 {
		h.node.uid, h.node.gid = uid, gid
	}
}

// staged opens a node that no name leads to.
func (f *FS) staged(name string, n *node, owner string) *file {
	n.open()
	return &file{fs: f, node: n, name: name, read: true, write: true, stage: &stage{owner: owner}}
}

// publish gives a staged file its name.
func (f *FS) publish(h *file) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.walk(h.name, true)
	switch {
	case err != nil:
		return err
	case p.node != nil && p.node.isDir():
		return vfs.ErrIsDir
	case p.node != nil:
		h.inherit(p.node)
		f.detach(p)
	}
	f.attach(p, h.node)
	if h.stage.owner != "" {
		f.dropPartial(p.parent(), partialKey{f.key(p.base), h.stage.owner})
	}
	return nil
}

// Keep keeps the first size bytes of a file from CreatePartial. It drops the
// file when that is nothing, or when a file of its name is published by now.
func (h *file) Keep(size int64) error {
	if h.stage == nil || h.stage.owner == "" {
		return errors.ErrUnsupported
	}
	if size < 0 {
		return pathError("keep", h.name, fs.ErrInvalid)
	}
	err := h.end()
	if err == nil {
		err = h.fs.keep(h, size)
		h.release()
	}
	return vfs.PathError("keep", h.name, err)
}

func (f *FS) keep(h *file, size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.walk(h.name, false)
	if err != nil {
		return err
	}
	h.node.mu.Lock()
	if p.node != nil || min(size, h.node.data.size) == 0 {
		h.node.mu.Unlock()
		return nil
	}
	if size < h.node.data.size {
		f.used.Add(-h.node.data.truncate(size))
	}
	h.node.links++
	h.node.mu.Unlock()
	dir, key := p.parent(), partialKey{f.key(p.base), h.stage.owner}
	f.dropPartial(dir, key)
	if dir.partials == nil {
		dir.partials = make(map[partialKey]partial)
	}
	dir.partials[key] = partial{node: h.node, name: p.base, till: f.now().Add(keepFor)}
	return nil
}

// dropPartial forgets one kept upload. The caller holds mu.
func (f *FS) dropPartial(dir *node, key partialKey) {
	kept, ok := dir.partials[key]
	if !ok {
		return
	}
	delete(dir.partials, key)
	kept.node.mu.Lock()
	defer kept.node.mu.Unlock()
	kept.node.links--
	f.freeUnused(kept.node)
}

// dropPartials forgets all that was kept in a directory.
func (f *FS) dropPartials(dir *node) {
	for key := range dir.partials {
		f.dropPartial(dir, key)
	}
}

// dropExpired forgets what was kept too long in a directory.
func (f *FS) dropExpired(dir *node) {
	now := f.now()
	for key, kept := range dir.partials {
		if !now.Before(kept.till) {
			f.dropPartial(dir, key)
		}
	}
}

// withPartial runs do on an upload that owner kept under name.
func (f *FS) withPartial(ctx context.Context, name, owner string, writes bool, do func(dir *node, key partialKey)) error {
	if err := f.begin(ctx, name, writes); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.walk(name, false)
	if err != nil {
		return err
	}
	f.dropExpired(p.parent())
	key := partialKey{f.key(p.base), owner}
	if _, ok := p.parent().partials[key]; !ok || p.node != nil {
		return fs.ErrNotExist
	}
	do(p.parent(), key)
	return nil
}

// OpenPartial takes up an upload that was kept. Until it is kept again it is
// nowhere to be seen.
func (f *FS) OpenPartial(ctx context.Context, name, owner string) (vfs.File, error) {
	var h *file
	err := f.withPartial(ctx, name, owner, true, func(dir *node, key partialKey) {
		h = f.staged(name, dir.partials[key].node, owner)
		f.dropPartial(dir, key)
	})
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return h, nil
}

// StatPartial describes an upload that was kept.
func (f *FS) StatPartial(ctx context.Context, name, owner string) (fs.FileInfo, error) {
	var fi fs.FileInfo
	err := f.withPartial(ctx, name, owner, false, func(dir *node, key partialKey) {
		kept := dir.partials[key]
		fi = kept.node.info(f.dev, kept.name)
	})
	return fi, vfs.PathError("stat", name, err)
}

// RemovePartial drops an upload that was kept.
func (f *FS) RemovePartial(ctx context.Context, name, owner string) error {
	err := f.withPartial(ctx, name, owner, true, f.dropPartial)
	return vfs.PathError("remove", name, err)
}

// Partials lists what owner kept in a directory.
func (f *FS) Partials(ctx context.Context, dir, owner string) ([]fs.FileInfo, error) {
	if err := f.begin(ctx, dir, false); err != nil {
		return nil, pathError("readdir", dir, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.existing(dir, true)
	if err == nil && !p.node.isDir() {
		err = vfs.ErrNotDir
	}
	if err != nil {
		return nil, pathError("readdir", dir, err)
	}
	f.dropExpired(p.node)
	var kept []fs.FileInfo
	for key, k := range p.node.partials {
		if _, published := p.node.entries.get(key.key); key.owner == owner && !published {
			kept = append(kept, k.node.info(f.dev, k.name))
		}
	}
	return kept, nil
}
