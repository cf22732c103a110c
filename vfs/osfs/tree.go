package osfs

import (
	"sync"

	"github.com/quaymaster/quaymaster/vfs"
)

// treeKey tells trees apart.
type treeKey struct {
	root       fileID
	noRecovery bool
}

// tree is what all FS of one Leases on one root share. setUp fills it once.
type tree struct {
	key   treeKey
	users int // guarded by Leases.mu
	once  sync.Once

	can     vfs.Features
	journal *journal // nil: none
	kept    keptIndex
	flushes flushes
	updates updates
}

func (l *Leases) attach(key treeKey) *tree {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.trees[key]
	if t == nil {
		t = &tree{key: key}
		if l.trees == nil {
			l.trees = make(map[treeKey]*tree)
		}
		l.trees[key] = t
	}
	t.users++
	return t
}

// detach undoes one attach. The last one lets other processes recover the
// root.
func (l *Leases) detach(t *tree) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.users--; t.users > 0 {
		return
	}
	if l.trees[t.key] == t {
		delete(l.trees, t.key)
	}
	t.journal.close()
}

// setUp finds out what the store can do and recovers what a crash left.
func (f *FS) setUp(t *tree) {
	var writable bool
	t.can, writable = f.probe()
	t.kept.lazy = true
	if f.opts.NoRecovery {
		return
	}
	j, err := f.openJournal(writable)
	if err != nil {
		f.log.Debug("osfs: no journal", "err", mapErr(err))
		return
	}
	t.journal = j
	t.kept.lazy = false
}
