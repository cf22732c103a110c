package scp

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
)

// What a sink tells the source, besides the errors of the file system.
var (
	errAmbiguous = &toldError{"ambiguous target"}
	errSource    = &toldError{"not stored, because it was not sent whole"}
)

// target is where a record goes.
type target struct {
	name  string // for vfs
	shown string // as the other side knows it
	isDir bool
	depth int
}

// receive stores what the source sends at the one path in args.
func (e *engine) receive(args []sshd.Word) error {
	shown := args[0].Text
	paths, err := args[0].Glob(e.ctx, e.fsys, e.cwd)
	if err == nil && len(paths) > 1 {
		err = errAmbiguous
	}
	if err != nil {
		return e.warn(shown, err)
	}
	shown = paths[0]
	name, err := vfs.Clean(e.cwd, shown)
	if err != nil {
		return e.warn(shown, err)
	}
	t := &target{name: name, shown: shown}
	info, err := e.fsys.Stat(e.ctx, name)
	t.isDir = err == nil && info.IsDir()
	if e.directory && !t.isDir {
		if err == nil {
			err = vfs.ErrNotDir
		}
		return e.warn(shown, err)
	}
	return e.receiveInto(t)
}

// receiveInto takes records until the end of the directory t, or at the top
// until the end of the stream.
func (e *engine) receiveInto(t *target) error {
	if err := e.ack(); err != nil {
		return err
	}
	var times *record
	for {
		if e.ctx.Err() != nil {
			return context.Cause(e.ctx)
		}
		kind, err := e.in.ReadByte()
		if errors.Is(err, io.EOF) && t.depth == 0 && times == nil {
			return nil
		}
		if err != nil {
			return e.lost(err)
		}
		if kind == replyWarning || kind == replyFatal {
			err := e.complaint(kind)
			e.fail(err)
			if err := unlessRefusal(err); err != nil {
				return err
			}
			times = nil
			continue
		}
		r, err := e.readRecord()
		if err != nil {
			return err
		}
		switch {
		case r.kind == recordTimes:
			times = &r
			err = e.ack()
		case r.kind == recordEnd && (t.depth == 0 || times != nil):
			return malformed("unexpected E")
		case r.kind == recordEnd:
			return nil // the caller has still to dress the directory before it says so
		default:
			err = e.receiveEntry(t, &r, times)
			times = nil
		}
		if err != nil {
			return err
		}
	}
}

// readRecord reads the record whose first byte was taken already.
func (e *engine) readRecord() (record, error) {
	if err := e.in.UnreadByte(); err != nil {
		return record{}, err
	}
	line, err := e.readLine()
	if err != nil {
		return record{}, err
	}
	return parseRecord(line)
}

// receiveEntry stores what r announces, in the directory t or as t itself.
func (e *engine) receiveEntry(t *target, r, times *record) error {
	to := target{name: t.name, shown: t.shown, depth: t.depth + 1}
	if t.isDir {
		var err error
		to.shown = within(t.shown, r.name)
		if !isSafe(r.name) {
			return e.warn(to.shown, errUnsafe)
		}
		if to.name, err = vfs.Clean(t.name, r.name); err != nil {
			return e.warn(to.shown, err)
		}
	}
	attr := &vfs.Attr{}
	if e.preserve {
		attr.Mask |= vfs.AttrMode
		attr.Mode = r.mode
	}
	if times != nil { // a source that sends them wants them kept, as OpenSSH's sink has it
		attr.Mask |= vfs.AttrMtime | vfs.AttrAtime
		attr.Mtime, attr.Atime = times.mtime, times.atime
	}
	if r.kind == recordDir {
		return e.receiveDir(&to, r, attr)
	}
	return e.receiveFile(&to, r, attr)
}

func (e *engine) receiveDir(t *target, r *record, attr *vfs.Attr) error {
	if !e.recursive {
		return malformed("received directory without -r")
	}
	if t.depth > maxDepth {
		return e.warn(t.shown, errDepth)
	}
	info, err := e.fsys.Stat(e.ctx, t.name)
	switch {
	case err == nil && !info.IsDir():
		return e.warn(t.shown, vfs.ErrNotDir)
	case errors.Is(err, fs.ErrNotExist):
		// Until it is full it must be possible to write in it.
		if err := e.fsys.Mkdir(e.ctx, t.name, r.mode|0o700); err != nil {
			return e.warn(t.shown, err)
		}
		if r.mode&0o700 != 0o700 && attr.Mask&vfs.AttrMode == 0 {
			e.narrow(t, r.mode, attr)
		}
	case err != nil:
		return e.warn(t.shown, err)
	}
	t.isDir = true
	if err := e.receiveInto(t); err != nil {
		return err
	}
	if attr.Mask != 0 {
		if err := e.attrError(vfs.SetAttr(e.ctx, e.fsys, t.name, attr)); err != nil {
			return e.warn(t.shown, err)
		}
	}
	return e.ack()
}

// narrow has the bits that were only lent to a new directory taken away, where
// the file system knows modes.
func (e *engine) narrow(t *target, mode fs.FileMode, attr *vfs.Attr) {
	info, err := e.fsys.Stat(e.ctx, t.name)
	if err != nil || !vfs.FeaturesOf(e.fsys).SetMode {
		return
	}
	attr.Mask |= vfs.AttrMode
	attr.Mode = info.Mode().Perm() & mode
}

func (e *engine) receiveFile(t *target, r *record, attr *vfs.Attr) error {
	if e.maxSize > 0 && r.size > e.maxSize { // before there is anything to undo
		e.emit(&quaymaster.Event{Kind: quaymaster.KindUpload, Path: vfs.Wire(t.name), Err: vfs.ErrQuota, Verdict: quaymaster.Aborted})
		return e.warn(t.shown, vfs.ErrQuota)
	}
	f, err := e.fsys.OpenFile(e.ctx, t.name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, r.mode)
	if err != nil {
		return e.warn(t.shown, err)
	}
	if err := e.ack(); err != nil {
		return errors.Join(err, vfs.Abort(f, err))
	}
	writeErr, err := e.receiveData(f, r.size)
	if err != nil {
		return errors.Join(err, vfs.Abort(f, err))
	}
	// Only now the source says whether what it sent was the file.
	if err := e.confirmation(); isRefusal(err) {
		return e.giveUp(t, f, errSource)
	} else if err != nil {
		return errors.Join(err, vfs.Abort(f, err))
	}
	if writeErr != nil {
		return e.giveUp(t, f, writeErr)
	}
	var attrErr error
	if attr.Mask != 0 {
		attrErr = e.attrError(vfs.SetFileAttr(f, attr))
	}
	if err := f.Close(); err != nil {
		return e.warn(t.shown, err)
	}
	if attrErr != nil { // the content is there
		return e.warn(t.shown, attrErr)
	}
	return e.ack()
}

// confirmation is the source's word on a file that was received. A silent
// source ends the stream instead: then the size, which is right, has to do.
func (e *engine) confirmation() error {
	if e.silent {
		_, err := e.in.Peek(1)
		if errors.Is(err, io.EOF) && e.ctx.Err() == nil {
			return nil
		}
	}
	return e.response()
}

// giveUp discards f and tells why.
func (e *engine) giveUp(t *target, f vfs.File, why error) error {
	if err := vfs.Abort(f, why); err != nil {
		e.log.Warn("abort", "path", t.shown, "error", err)
	}
	return e.warn(t.shown, why)
}

// attrError leaves out what may be ignored.
func (e *engine) attrError(err error) error {
	if e.ignoreAttrs && (errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported)) {
		return nil
	}
	return err
}
