package osfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"

	"github.com/quaymaster/quaymaster/vfs"
)

// access are the bits of a flag that say for what a file is opened.
const access = os.O_RDONLY | os.O_WRONLY | os.O_RDWR

// OpenFile opens a regular file. It never waits for the other end of a FIFO
// and truncates nothing but a regular file. An existing file that is opened
// for writing without os.O_TRUNC is changed in place, unless
// Features().StagedUpdate: then a copy that shares its blocks is changed, and
// takes its place on Close. O_TRUNC needs a file that is opened for writing.
func (f *FS) OpenFile(ctx context.Context, name string, flag int, perm fs.FileMode) (vfs.File, error) {
	begin := f.beginRead
	if flag&os.O_CREATE != 0 {
		begin = f.beginWrite
	}
	err := begin(ctx, name)
	if err == nil && !vfs.ValidOpenFlag(flag) || flag&os.O_TRUNC != 0 && flag&access == os.O_RDONLY {
		err = fs.ErrInvalid
	}
	if err != nil {
		return nil, fail("open", name, err)
	}
	for range maxRaces {
		file, err := f.openFile(ctx, name, flag, perm)
		if err == errRaced {
			continue
		}
		if err != nil {
			return nil, f.fail("open", name, err)
		}
		return file, nil
	}
	return nil, fail("open", name, vfs.ErrLoop)
}

// errRaced says that a name changed between two steps.
var errRaced = errors.New("raced")

func (f *FS) openFile(ctx context.Context, name string, flag int, perm fs.FileMode) (vfs.File, error) {
	if flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL { // must not follow
		p, err := f.locate(name)
		if err != nil {
			return nil, err
		}
		defer p.close()
		return f.createFile(ctx, p, name, flag, perm)
	}
	p, fi, err := f.follow(name)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if fi != nil {
		if err := regularOnly(fi.mode); err != nil {
			return nil, err // not opened at all, because that can have effects
		}
		return f.openOld(ctx, p, name, flag)
	}
	if flag&os.O_CREATE == 0 {
		return nil, fs.ErrNotExist
	}
	file, err := f.createFile(ctx, p, name, flag, perm)
	if errors.Is(err, fs.ErrExist) {
		err = errRaced
	}
	return file, err
}

// createFile makes a file that must not exist.
func (f *FS) createFile(ctx context.Context, p place, name string, flag int, perm fs.FileMode) (vfs.File, error) {
	if p.base == "." {
		return nil, fs.ErrExist
	}
	osf, err := p.dir.create(p.base, flag&access, f.perm(perm))
	if err != nil {
		return nil, err
	}
	return newFile(ctx, name, flag, osf), nil
}

// openOld opens what is there.
func (f *FS) openOld(ctx context.Context, p place, name string, flag int) (vfs.File, error) {
	osf, fi, err := p.dir.open(p.base, flag&access, 0)
	if isLink(err) || errors.Is(err, fs.ErrNotExist) {
		return nil, errRaced
	}
	if err != nil {
		return nil, err
	}
	if flag&os.O_TRUNC != 0 && fi.size > 0 {
		if err := osf.Truncate(0); err != nil {
			osf.Close()
			return nil, err
		}
	}
	if flag&access != os.O_RDONLY && flag&os.O_TRUNC == 0 && f.tree.can.StagedUpdate {
		staged, err := f.stageUpdate(ctx, p, name, flag, fi)
		if err != nil {
			osf.Close()
			return nil, err
		}
		if staged != nil {
			osf.Close() // it has shown that the file may be written to
			return staged, nil
		}
	}
	return newFile(ctx, name, flag, osf), nil
}

func newFile(ctx context.Context, name string, flag int, osf *os.File) *file {
	f := new(file)
	f.set(ctx, name, flag, osf)
	return f
}

func (f *file) set(ctx context.Context, name string, flag int, osf *os.File) {
	f.ctx, f.name, f.base, f.osf = ctx, name, path.Base(name), osf
	f.read, f.write = flag&os.O_WRONLY == 0, flag&access != os.O_RDONLY
}
