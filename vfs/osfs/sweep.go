package osfs

import (
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
)

// staleAge is when a staged file that nobody has locked, in a directory that
// nobody has listed as ours, counts as left by a crash.
const staleAge = 24 * time.Hour

// page is how many entries are read at a time.
const page = 512

// eachName calls visit with the names in d until that returns false.
func (d *dir) eachName(visit func(base string) bool) error {
	for {
		entries, err := d.readDir(page)
		for _, e := range entries {
			if !visit(e.Name()) {
				return nil
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// sweepDir removes what crashes left in d, which must be fresh from openDir,
// and returns the uploads that are kept there. live tells whether anything of
// ours remains.
func (f *FS) sweepDir(d *dir, eager bool) (found []*kept, live bool, err error) {
	var names []string
	err = d.eachName(func(base string) bool {
		if vfs.IsReserved(base) {
			names = append(names, base)
		}
		return true
	})
	if err != nil {
		return nil, true, err
	}
	found, live = f.sweepNames(d, names, eager)
	return found, live, nil
}

// sweepNames is sweepDir for reserved names that were found in d. Without
// eager only what is old goes.
func (f *FS) sweepNames(d *dir, names []string, eager bool) (found []*kept, live bool) {
	records := make(map[string]bool)
	for _, base := range names {
		if stage, ok := strings.CutSuffix(base, recordSuffix); ok {
			records[stage] = true
		}
	}
	for _, base := range names {
		if strings.EqualFold(base, journalName) || strings.HasSuffix(base, recordSuffix) {
			continue
		}
		k, gone := f.sweepStage(d, base, records[base], eager)
		if k != nil {
			found = append(found, k)
		}
		live = live || !gone
	}
	for stage := range records {
		if _, err := d.lstat(stage); isNotExist(err) {
			d.unlink(stage + recordSuffix)
		}
	}
	return found, live
}

// sweepStage looks at one staged file. It returns it if it is kept, and
// whether it is gone.
func (f *FS) sweepStage(d *dir, base string, recorded, eager bool) (k *kept, gone bool) {
	fi, err := d.lstat(base)
	if err != nil {
		return nil, isNotExist(err)
	}
	if !fi.mode.IsRegular() {
		return nil, false
	}
	old := eager || f.now().Sub(fi.mtime) >= staleAge
	if recorded {
		r, err := d.readRecord(base)
		if err == nil {
			k = f.keptFrom(r, base, fi)
			if !f.expired(k) && k.size > 0 {
				return k, false
			}
			old = true
		} else if err != errBadRecord {
			return nil, false
		}
	}
	if !old || !d.sweep(base) {
		return nil, false
	}
	d.unlink(base + recordSuffix)
	f.log.Debug("osfs: removed what an interrupted upload left", "bytes", fi.size)
	return nil, true
}

// keptFrom is the upload that r tells of.
func (f *FS) keptFrom(r *record, stage string, fi *info) *kept {
	return &kept{
		keptKey: keptKey{f.fold(path.Base(r.Path)), r.Owner}, stage: stage,
		size: min(r.Bytes, fi.size), mode: r.Mode, at: r.Time, path: r.Path,
	}
}

// sweep removes a staged file unless somebody is writing to it. Where the
// store has no locks one that was written to in the last day stays.
func (d *dir) sweep(base string) bool {
	osf, fi, err := d.open(base, os.O_RDWR, 0)
	if err != nil {
		return isNotExist(err)
	}
	defer osf.Close()
	switch lockFile(osf) {
	case busy:
		return false
	case cantSay:
		if time.Since(fi.mtime) < staleAge {
			return false
		}
	}
	err = d.unlink(base)
	return err == nil || isNotExist(err)
}

// idle tells whether nobody is writing to a staged file.
func (d *dir) idle(base string) bool {
	osf, fi, err := d.open(base, os.O_RDWR, 0)
	if err != nil {
		return isNotExist(err)
	}
	defer osf.Close()
	got := lockFile(osf)
	return got == locked || got == cantSay && time.Since(fi.mtime) >= staleAge
}

// purge empties the directory base of d if it holds nothing but staged files
// that nobody is writing to, kept uploads included. It removes all or, but for
// races, nothing.
func (f *FS) purge(d *dir, base string) error {
	child, err := d.child(base)
	if err != nil {
		return err
	}
	defer child.close()
	var names []string
	for _, look := range []func(string) bool{
		vfs.IsReserved, // before any is opened: most directories fail here
		child.idle,
	} {
		r, err := child.reader()
		if err != nil {
			return err
		}
		names = names[:0]
		all := true
		err = r.eachName(func(base string) bool {
			names = append(names, base)
			all = look(base)
			return all
		})
		r.close()
		if err != nil {
			return err
		}
		if !all {
			return vfs.ErrNotEmpty
		}
	}
	for _, name := range names {
		if !vfs.IsReserved(name) || !child.sweep(name) {
			return vfs.ErrNotEmpty
		}
	}
	return nil
}

func isNotExist(err error) bool { return mapErr(err) == fs.ErrNotExist }
