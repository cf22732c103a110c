package osfs

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"

	"github.com/quaymaster/quaymaster/vfs"
)

// journal lists the directories that may hold staged files, in a file in the
// root with one quoted name a line. It is made when the first is added.
//
// Who uses the file has it locked shared. One who gets it exclusively is alone
// on this root, and may take what staged files there are for orphans.
type journal struct {
	dir     *dir // the root
	durable bool

	mu     sync.Mutex // guards all below
	file   *os.File   // nil: there is none yet
	listed map[string]bool
	closed bool
}

// openJournal takes up the journal of the root and recovers what it lists. It
// fails when there is none and the root is not writable.
func (f *FS) openJournal(writable bool) (*journal, error) {
	j := &journal{dir: f.top.retain(), durable: f.opts.Durability == Full, listed: make(map[string]bool)}
	alone, err := j.open(0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if writable {
			return j, nil
		}
	case err == nil:
		err = f.recover(j, alone)
	}
	if err != nil {
		j.close()
		return nil, err
	}
	return j, nil
}

// open opens and locks the file; alone tells how.
func (j *journal) open(create int) (alone bool, err error) {
	for range maxRaces {
		osf, _, err := j.dir.open(journalName, os.O_RDWR|os.O_APPEND|create, 0o600)
		if err != nil {
			return false, err
		}
		got := lockFile(osf)
		if got == busy {
			shareFile(osf)
		}
		if unlinked(osf) { // rewritten by another before the lock was ours
			osf.Close()
			continue
		}
		j.file = osf
		return got == locked, nil
	}
	return false, vfs.ErrLocked
}

// recover reads the list, and sweeps what it lists when alone.
func (f *FS) recover(j *journal, alone bool) error {
	dirs, err := j.read()
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if alone {
			j.listed[dir] = f.recoverDir(dir)
		} else {
			j.listed[dir] = true
			f.tree.kept.pending(dir)
		}
	}
	if !alone {
		return nil
	}
	maps.DeleteFunc(j.listed, func(_ string, live bool) bool { return !live })
	if len(j.listed) == len(dirs) && len(dirs) > 0 {
		shareFile(j.file)
		return nil
	}
	return j.rewrite()
}

// recoverDir sweeps one directory and tells whether it must stay listed.
func (f *FS) recoverDir(name string) bool {
	d, err := f.openDir(name)
	if err != nil {
		return !isNotExist(err) && !f.isEscape(err) && mapErr(err) != vfs.ErrNotDir
	}
	defer d.close()
	found, live, err := f.sweepDir(d, true)
	if err != nil {
		f.log.Warn("osfs: recovery", "dir", name, "err", mapErr(err))
		return true
	}
	if len(found) > 0 {
		k := &keptDir{loaded: true, files: make(map[keptKey]*kept)}
		f.tree.kept.alias(name, k)
		f.addKept(name, k, found)
	}
	return live
}

// read returns the names in the file. Lines that make no sense, such as the
// last after a crash, are left out.
func (j *journal) read() ([]string, error) {
	if _, err := j.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	seen := make(map[string]bool)
	r := bufio.NewReader(j.file)
	for {
		line, err := r.ReadString('\n')
		if err == io.EOF {
			return slices.Collect(maps.Keys(seen)), nil
		}
		if err != nil {
			return nil, err
		}
		name, err := strconv.Unquote(line[:len(line)-1])
		if err == nil && checkName(name) == nil && !vfs.IsReserved(name) {
			seen[name] = true
		}
	}
}

// rewrite replaces the file by one with what is listed, or by none. The
// exclusive lock must be held.
func (j *journal) rewrite() error {
	old := j.file
	defer old.Close()
	j.file = nil
	if len(j.listed) == 0 {
		return j.dir.unlink(journalName)
	}
	base := reservedBase()
	osf, err := j.dir.create(base, os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	shareFile(osf)
	w := bufio.NewWriter(osf)
	for dir := range j.listed {
		w.WriteString(strconv.Quote(dir) + "\n")
	}
	err = w.Flush()
	if err == nil && j.durable {
		err = osf.Sync()
	}
	if err == nil {
		err = j.dir.rename(base, j.dir, journalName)
	}
	if err != nil {
		osf.Close()
		return cmp.Or(err, j.dir.unlink(base))
	}
	j.file = osf
	return nil
}

// add lists a directory, by its name without links; asked is another name of
// it. It must come before the first staged file there.
func (j *journal) add(dir, asked string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return fs.ErrClosed
	}
	if !j.listed[dir] {
		if err := j.append(dir); err != nil {
			return err
		}
	}
	j.listed[dir], j.listed[asked] = true, true
	return nil
}

// append must be called with mu held.
func (j *journal) append(dir string) error {
	fresh := j.file == nil
	if fresh {
		alone, err := j.open(os.O_CREATE)
		if err != nil {
			return err
		}
		if alone {
			shareFile(j.file)
		}
	}
	if _, err := j.file.WriteString(strconv.Quote(dir) + "\n"); err != nil {
		return err
	}
	if !j.durable {
		return nil
	}
	if err := j.file.Sync(); err != nil || !fresh {
		return err
	}
	return j.dir.sync()
}

func (j *journal) has(dir string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.listed[dir]
}

func (j *journal) empty() bool {
	if j == nil {
		return true
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.listed) == 0
}

// moved lists what lies at and below oldname under its new name too.
func (j *journal) moved(oldname, newname string) error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for name := range maps.Clone(j.listed) {
		now, ok := movedName(name, oldname, newname)
		if !ok || j.listed[now] || j.closed {
			continue
		}
		if err := j.append(now); err != nil {
			return err
		}
		j.listed[now] = true
	}
	return nil
}

func (j *journal) close() {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	j.closed = true
	if j.file != nil {
		j.file.Close()
	}
	j.dir.close()
}

// note lists dir before a file is staged in it.
func (f *FS) note(dir string) error {
	j := f.tree.journal
	if j == nil || j.has(dir) {
		return nil
	}
	real, err := f.resolve(dir, true)
	if err != nil {
		return err
	}
	return j.add(real, dir)
}
