package vfs

import (
	"errors"
	"io/fs"
	"os"
)

// ForwardFile is a File that passes everything, optional interfaces included,
// to F. Wrappers embed it and replace what they change.
type ForwardFile struct{ F File }

var (
	_ File        = ForwardFile{}
	_ Aborter     = ForwardFile{}
	_ Keeper      = ForwardFile{}
	_ OSFiler     = ForwardFile{}
	_ Truncater   = ForwardFile{}
	_ Syncer      = ForwardFile{}
	_ AttrSetter  = ForwardFile{}
	_ RangeCopier = ForwardFile{}
)

func (w ForwardFile) ReadAt(p []byte, off int64) (int, error)  { return w.F.ReadAt(p, off) }
func (w ForwardFile) WriteAt(p []byte, off int64) (int, error) { return w.F.WriteAt(p, off) }
func (w ForwardFile) Close() error                             { return w.F.Close() }
func (w ForwardFile) Stat() (fs.FileInfo, error)               { return w.F.Stat() }
func (w ForwardFile) Abort(cause error) error                  { return Abort(w.F, cause) }
func (w ForwardFile) Keep(size int64) error                    { return Keep(w.F, size) }
func (w ForwardFile) OSFile() (*os.File, bool)                 { return OSFile(w.F) }
func (w ForwardFile) Truncate(size int64) error                { return Truncate(w.F, size) }
func (w ForwardFile) Sync() error                              { return Sync(w.F) }
func (w ForwardFile) SetAttr(a *Attr) error                    { return SetFileAttr(w.F, a) }

func (w ForwardFile) CopyRange(dstOff int64, src File, srcOff, n int64) (int64, error) {
	if c, ok := w.F.(RangeCopier); ok {
		return c.CopyRange(dstOff, bare(src), srcOff, n)
	}
	return 0, errors.ErrUnsupported
}

// transparent is a wrapper of this package whose reads are those of the file
// below. The method can't be had by embedding ForwardFile, so a wrapper made
// elsewhere, which may count or slow reads down, is never looked through.
type transparent interface{ below() File }

// bare returns the file that a back end knows as its own.
func bare(f File) File {
	for {
		t, ok := f.(transparent)
		if !ok {
			return f
		}
		f = t.below()
	}
}

// namedFile is a file that was opened under another name than the caller's:
// its errors tell the caller's.
type namedFile struct {
	ForwardFile
	name string
}

func (f namedFile) below() File { return f.F }

func (f namedFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.F.ReadAt(p, off)
	return n, rename(f.name, err)
}

func (f namedFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.F.WriteAt(p, off)
	return n, rename(f.name, err)
}

func (f namedFile) CopyRange(dstOff int64, src File, srcOff, n int64) (int64, error) {
	m, err := f.ForwardFile.CopyRange(dstOff, src, srcOff, n)
	return m, rename(f.name, err)
}

func (f namedFile) Stat() (fs.FileInfo, error) {
	fi, err := f.F.Stat()
	return fi, rename(f.name, err)
}

func (f namedFile) Close() error              { return rename(f.name, f.F.Close()) }
func (f namedFile) Abort(cause error) error   { return rename(f.name, f.ForwardFile.Abort(cause)) }
func (f namedFile) Keep(size int64) error     { return rename(f.name, f.ForwardFile.Keep(size)) }
func (f namedFile) Truncate(size int64) error { return rename(f.name, f.ForwardFile.Truncate(size)) }
func (f namedFile) Sync() error               { return rename(f.name, f.ForwardFile.Sync()) }
func (f namedFile) SetAttr(a *Attr) error     { return rename(f.name, f.ForwardFile.SetAttr(a)) }

// namedDir is namedFile for a directory.
type namedDir struct {
	Dir
	name string
}

func (d namedDir) ReadDir(n int) ([]fs.DirEntry, error) {
	entries, err := d.Dir.ReadDir(n)
	return entries, rename(d.name, err)
}

func (d namedDir) Close() error { return rename(d.name, d.Dir.Close()) }

// rename gives the *fs.PathError in err another path. Other errors, such as
// io.EOF, are what they are.
func rename(name string, err error) error {
	var pe *fs.PathError
	if err != nil && errors.As(err, &pe) && pe.Path != name {
		return PathError(pe.Op, name, err)
	}
	return err
}
