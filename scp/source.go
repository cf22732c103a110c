package scp

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
)

// What a source tells the sink, besides the errors of the file system.
var (
	errNoName  = &toldError{"has no name to copy it under; ask for the files in it"}
	errUnsafe  = &toldError{"not copied: its name has a backslash, a control character or no valid encoding"}
	errLoop    = &toldError{"not copied: it leads back to a directory around it"}
	errDepth   = &toldError{"not copied: directories are nested too deeply"}
	errChanged = &toldError{"file changed size while it was copied"}
)

// node is a file or directory to be sent.
type node struct {
	name  string // for vfs
	shown string // as the other side knows it
	info  fs.FileInfo
	up    *node // the directory around it, as it is sent
	depth int
}

// within is the path of name in dir, as the other side knows it.
func within(dir, name string) string { return strings.TrimSuffix(dir, "/") + "/" + name }

func (n *node) base() string { return path.Base(n.name) }

// sendAll sends what args name, as a shell would expand them.
func (e *engine) sendAll(args []sshd.Word) error {
	if err := unlessRefusal(e.response()); err != nil {
		return err
	}
	for _, arg := range args {
		paths, err := arg.Glob(e.ctx, e.fsys, e.cwd)
		if err != nil {
			if err := e.warn(arg.Text, err); err != nil {
				return err
			}
		}
		for _, p := range paths {
			if err := e.sendPath(p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *engine) sendPath(shown string) error {
	name, err := vfs.Clean(e.cwd, shown)
	if err != nil {
		return e.warn(shown, err)
	}
	info, err := e.fsys.Stat(e.ctx, name)
	if err != nil {
		return e.warn(shown, err)
	}
	return e.send(&node{name: name, shown: shown, info: info})
}

// send sends n, or tells why not; an error means that nothing more can be
// sent.
func (e *engine) send(n *node) error {
	if e.ctx.Err() != nil {
		return context.Cause(e.ctx)
	}
	switch {
	case n.info.IsDir() && e.recursive && n.name == ".":
		return e.warn(n.shown, errNoName)
	case n.info.IsDir() && e.recursive && n.depth >= maxDepth:
		return e.warn(n.shown, errDepth)
	case n.info.IsDir() && e.recursive && n.isLoop():
		return e.warn(n.shown, errLoop)
	case !n.info.Mode().IsRegular() && !(n.info.IsDir() && e.recursive):
		return e.warn(n.shown, vfs.ErrNotRegular)
	case !isSafe(n.base()):
		return e.warn(n.shown, errUnsafe)
	case n.info.IsDir():
		return e.sendDir(n)
	}
	return e.sendFile(n)
}

// isLoop tells whether a directory around n is n itself, reached by a link.
func (n *node) isLoop() bool {
	for up := n.up; up != nil; up = up.up {
		if vfs.SameFile(up.info, n.info) {
			return true
		}
	}
	return false
}

// announce sends the records before the content.
func (e *engine) announce(kind byte, size int64, name string, info fs.FileInfo) error {
	if e.preserve {
		atime := vfs.SysOf(info).Atime
		if atime.IsZero() {
			atime = info.ModTime()
		}
		if err := e.ask(appendTimes(e.line[:0], info.ModTime(), atime)); err != nil {
			return err
		}
	}
	return e.ask(appendEntry(e.line[:0], kind, info.Mode(), size, name))
}

// ask sends a record and waits for the reply to it.
func (e *engine) ask(record []byte) error {
	e.line = record
	if err := e.write(record); err != nil {
		return err
	}
	return e.response()
}

func (e *engine) sendDir(n *node) error {
	d, err := e.fsys.OpenDir(e.ctx, n.name)
	if err != nil {
		return e.warn(n.shown, err)
	}
	defer d.Close() // nothing was changed through it
	if err := e.announce(recordDir, 0, n.base(), n.info); err != nil {
		return unlessRefusal(err)
	}
	for {
		entries, err := d.ReadDir(256)
		for _, entry := range entries {
			if err := e.sendEntry(n, entry.Name()); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || err == nil && len(entries) == 0 {
			break
		}
		if err != nil {
			if err := e.warn(n.shown, err); err != nil {
				return err
			}
			break
		}
	}
	return unlessRefusal(e.ask(append(e.line[:0], recordEnd, '\n')))
}

// sendEntry sends a file of the directory n. Links are followed, as OpenSSH
// does.
func (e *engine) sendEntry(n *node, base string) error {
	child := &node{name: path.Join(n.name, base), shown: within(n.shown, base), up: n, depth: n.depth + 1}
	var err error
	if child.info, err = e.fsys.Stat(e.ctx, child.name); err != nil {
		return e.warn(child.shown, err)
	}
	return e.send(child)
}

func (e *engine) sendFile(n *node) error {
	f, err := e.fsys.OpenFile(e.ctx, n.name, os.O_RDONLY, 0)
	if err != nil {
		return e.warn(n.shown, err)
	}
	readErr, err := e.sendOpen(n, f)
	if readErr == nil && err == nil {
		if err := f.Close(); err != nil {
			e.log.Warn("close after reading", "path", n.shown, "error", err)
		}
		return nil
	}
	if aborted := vfs.Abort(f, cmp.Or(readErr, err)); aborted != nil {
		e.log.Warn("close after reading", "path", n.shown, "error", aborted)
	}
	return unlessRefusal(err)
}

// sendOpen sends the open file and waits until the sink has it. readErr was
// told to the sink.
func (e *engine) sendOpen(n *node, f vfs.File) (readErr, err error) {
	info, err := f.Stat()
	if err != nil {
		return err, e.warn(n.shown, err)
	}
	if err := e.announce(recordFile, info.Size(), n.base(), info); err != nil {
		return nil, err
	}
	readErr, err = e.sendData(f, info.Size())
	if err != nil {
		return readErr, err
	}
	if readErr != nil {
		if err := e.warn(n.shown, readErr); err != nil {
			return readErr, err
		}
	}
	return readErr, e.response()
}
