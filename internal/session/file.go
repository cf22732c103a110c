package session

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/vfs"
)

// file is one transfer: it counts, remembers the first failure, gives the
// verdict when it ends, and tells.
type file struct {
	vfs.ForwardFile
	s         *Session
	conn      *quaymaster.Conn
	ctx       context.Context // of the session
	name      string
	kind      quaymaster.Kind
	start     time.Time
	release   func() // the lease; nil when reading
	fresh     bool   // no other file need be published at name
	exclusive bool   // and none may be when it is closed
	keep      bool   // an abort keeps what arrived
	pacing    pacing

	ended       atomic.Bool
	read, wrote atomic.Int64
	first       atomic.Int64 // lowest offset that was moved, plus one; 0: none

	mu     sync.Mutex // guards the fields below
	whole  int64      // everything below is written
	failed error      // first write error
}

var _ vfs.RangeCopier = (*file)(nil)

// takeUp prepares f to continue the kept upload.
func (f *file) takeUp(kept vfs.File) error {
	fi, err := kept.Stat()
	if err != nil {
		return errors.Join(err, vfs.Abort(kept, err))
	}
	f.fresh, f.keep, f.whole = true, true, fi.Size()
	return nil
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, context.Cause(f.ctx)
	}
	n, err := f.F.ReadAt(p, off)
	if n > 0 {
		if perr := f.pace(auth.Download, int64(n)); perr != nil {
			return 0, perr
		}
		f.began(off)
		f.read.Add(int64(n))
	}
	return n, err
}

// began notes where the transfer begins.
func (f *file) began(off int64) {
	for {
		first := f.first.Load()
		if first != 0 && first <= off+1 || f.first.CompareAndSwap(first, off+1) {
			return
		}
	}
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	if err := f.admit(off, int64(len(p))); err != nil {
		return 0, err
	}
	n, err := f.F.WriteAt(p, off)
	f.note(off, int64(n), err)
	if err == nil {
		err = f.pace(auth.Upload, int64(n))
	}
	return n, err
}

// CopyRange lets the file system copy; it counts as WriteAt does.
func (f *file) CopyRange(dstOff int64, src vfs.File, srcOff, n int64) (int64, error) {
	if err := f.admit(dstOff, n); err != nil {
		return 0, err
	}
	m, err := f.ForwardFile.CopyRange(dstOff, src, srcOff, n)
	if m > 0 || !errors.Is(err, errors.ErrUnsupported) {
		f.note(dstOff, m, err)
	}
	if err == nil {
		err = f.pace(auth.Upload, m)
	}
	return m, err
}

// admit decides whether a write may happen at all.
func (f *file) admit(off, n int64) error {
	if f.ctx.Err() != nil {
		return context.Cause(f.ctx)
	}
	limit := f.s.Identity.Limits.MaxFileSize
	if limit > 0 && (off > limit || n > limit-off) {
		f.note(off, 0, vfs.ErrQuota)
		return vfs.PathError("write", f.name, vfs.ErrQuota)
	}
	return nil
}

// note keeps the books of one write.
func (f *file) note(off, n int64, err error) {
	if n > 0 {
		f.began(off)
		f.wrote.Add(n)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if off <= f.whole {
		f.whole = max(f.whole, off+n)
	}
	// A handle that was not opened for writing has failed nothing.
	if err != nil && f.failed == nil && f.kind == quaymaster.KindUpload && !errors.Is(err, fs.ErrInvalid) {
		f.failed = err
	}
}

func (f *file) Truncate(size int64) error {
	return f.SetAttr(&vfs.Attr{Mask: vfs.AttrSize, Size: size})
}

func (f *file) SetAttr(a *vfs.Attr) error {
	if a.Mask&vfs.AttrSize != 0 {
		if err := f.admit(a.Size, 0); err != nil {
			return err
		}
	}
	start := time.Now()
	err := vfs.PathError("setattr", f.name, f.ForwardFile.SetAttr(a))
	if err == nil && a.Mask&vfs.AttrSize != 0 {
		f.mu.Lock()
		f.whole = min(f.whole, a.Size)
		f.mu.Unlock()
	}
	f.s.Emit(f.conn, &quaymaster.Event{Kind: quaymaster.KindSetAttr, Path: vfs.Wire(f.name), Elapsed: time.Since(start), Err: err})
	return err
}

// OSFile is not given for uploads: bytes written around f would be neither
// counted nor covered by the verdict. Whoever reads from it, such as by
// sendfile, must count the bytes, and call Session.Pace after each chunk.
func (f *file) OSFile() (*os.File, bool) {
	if f.kind == quaymaster.KindUpload {
		return nil, false
	}
	return f.ForwardFile.OSFile()
}

// Keep is the session's own business.
func (f *file) Keep(int64) error { return errors.ErrUnsupported }

// Close is the client's word that it sent everything. An upload of which a
// write failed is not published all the same.
func (f *file) Close() error {
	if f.kind == quaymaster.KindUpload {
		f.mu.Lock()
		failed := f.failed
		f.mu.Unlock()
		if failed == nil && f.exclusive {
			if _, err := f.s.home.Stat(f.ctx, f.name); err == nil {
				failed = fs.ErrExist
			}
		}
		if failed != nil {
			return errors.Join(vfs.PathError("close", f.name, failed), f.Abort(failed))
		}
	}
	if f.ended.Swap(true) {
		return vfs.PathError("close", f.name, fs.ErrClosed)
	}
	f.pacing.end(fs.ErrClosed)
	err := vfs.PathError("close", f.name, f.F.Close())
	verdict := quaymaster.Complete
	if err != nil {
		verdict = quaymaster.Aborted
	}
	f.end(verdict, err)
	return err
}

// Abort ends the transfer without the client's consent.
func (f *file) Abort(cause error) error {
	if f.ended.Swap(true) {
		return vfs.PathError("abort", f.name, fs.ErrClosed)
	}
	if cause == nil {
		cause = quaymaster.ErrConnLost
	}
	f.pacing.end(cause)
	err := f.discardOrKeep(cause)
	f.end(quaymaster.Aborted, cause)
	return err
}

func (f *file) discardOrKeep(cause error) error {
	if f.kind != quaymaster.KindUpload {
		return f.F.Close()
	}
	f.mu.Lock()
	size := f.whole
	f.mu.Unlock()
	// A full disk is not helped by keeping what filled it.
	full := errors.Is(cause, vfs.ErrNoSpace) || errors.Is(cause, vfs.ErrQuota)
	if f.keep && size > 0 && !full {
		err := vfs.Keep(f.F, size)
		if !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	return vfs.Abort(f.F, cause)
}

// discard gives up a file that was never handed out.
func (f *file) discard(cause error) {
	f.ended.Store(true)
	f.pacing.end(cause)
	if err := f.discardOrKeep(cause); err != nil {
		f.s.Logger.Warn("discard", "path", vfs.Wire(f.name), "error", err)
	}
	if f.release != nil {
		f.release()
	}
}

// end releases everything and tells.
func (f *file) end(verdict quaymaster.Verdict, err error) {
	if f.release != nil {
		f.release()
	}
	f.s.drop(f)
	e := &quaymaster.Event{Kind: f.kind, Path: vfs.Wire(f.name), Elapsed: time.Since(f.start), Err: err}
	e.Offset = max(f.first.Load()-1, 0)
	switch f.kind {
	case quaymaster.KindUpload:
		e.Bytes, e.Verdict = f.wrote.Load(), verdict
	default:
		e.Bytes = f.read.Load()
	}
	f.s.Emit(f.conn, e)
}
