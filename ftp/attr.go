package ftp

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
)

// size is SIZE (RFC 3659 section 4). In TYPE A it would take to read the file:
// that is refused.
func (c *conn) size(ctx context.Context, arg string) *reply {
	name, refusal := c.path(arg)
	if refusal != nil {
		return refusal
	}
	if c.converts() {
		return say(codeNoFile, "SIZE needs TYPE I.")
	}
	fi, err := c.fsys.Stat(ctx, name)
	if err == nil && !fi.Mode().IsRegular() {
		err = vfs.ErrNotRegular
	}
	if err != nil {
		return c.refuse(err)
	}
	return say(codeFileStatus, "%d", fi.Size())
}

// mdtm is MDTM (RFC 3659 section 3). With a time in front of the name it sets
// that, as many clients want it: unless there is a file of the whole name.
func (c *conn) mdtm(ctx context.Context, arg string) *reply {
	name, refusal := c.path(arg)
	if refusal != nil {
		return refusal
	}
	fi, err := c.fsys.Stat(ctx, name)
	if err == nil {
		return say(codeFileStatus, "%s", fi.ModTime().UTC().Format(timeVal))
	}
	if when, file, found := strings.Cut(arg, " "); found && errors.Is(err, fs.ErrNotExist) {
		if t, ok := parseTime(when); ok && c.srv.allowed("MFMT") {
			return c.setTime(ctx, file, t)
		}
	}
	return c.refuse(err)
}

// setTime sets the time of modification, and tells it.
func (c *conn) setTime(ctx context.Context, arg string, t time.Time) *reply {
	name, refusal := c.path(arg)
	if refusal != nil {
		return refusal
	}
	if err := vfs.SetAttr(ctx, c.fsys, name, &vfs.Attr{Mask: vfs.AttrMtime, Mtime: t}); err != nil {
		return c.refuse(err)
	}
	return say(codeFileStatus, "Modify=%s; %s", t.UTC().Format(timeVal), vfs.Wire(name))
}

// mfmt is MFMT, draft-somers-ftp-mfxx section 3.
func (c *conn) mfmt(ctx context.Context, arg string) *reply {
	when, file, _ := strings.Cut(arg, " ")
	t, ok := parseTime(when)
	if !ok || file == "" {
		return say(codeArgument, "MFMT takes YYYYMMDDhhmmss and a file.")
	}
	return c.setTime(ctx, file, t)
}

// mfct is MFCT: the time of creation is not kept anywhere.
func (c *conn) mfct(context.Context, string) *reply {
	return say(codeParameter, "The time of creation can't be changed.")
}

// mff is MFF: facts of a file, draft-somers-ftp-mfxx section 5. All of them are
// understood before any is changed.
func (c *conn) mff(ctx context.Context, arg string) *reply {
	list, file, _ := strings.Cut(arg, " ")
	if file == "" || !strings.HasSuffix(list, ";") {
		return say(codeArgument, "MFF takes fact=value; and a file.")
	}
	a := &vfs.Attr{}
	told := ""
	for fact := range strings.SplitSeq(strings.TrimSuffix(list, ";"), ";") {
		name, value, _ := strings.Cut(fact, "=")
		ok := true
		switch strings.ToLower(name) {
		case "modify":
			if !c.srv.allowed("MFMT") {
				return say(codeParameter, "Only UNIX.mode can be changed.")
			}
			a.Mask |= vfs.AttrMtime
			a.Mtime, ok = parseTime(value)
			told += "Modify=" + value + ";"
		case "unix.mode":
			a.Mask |= vfs.AttrMode
			a.Mode, ok = parseMode(value)
			told += "UNIX.mode=" + value + ";"
		default:
			return say(codeParameter, "Only Modify and UNIX.mode can be changed.")
		}
		if !ok {
			return say(codeArgument, "Value of a fact is malformed.")
		}
	}
	path, refusal := c.path(file)
	if refusal != nil {
		return refusal
	}
	if err := vfs.SetAttr(ctx, c.fsys, path, a); err != nil {
		return c.refuse(err)
	}
	return say(codeFileStatus, "%s %s", told, vfs.Wire(path))
}

// parseMode reads permission bits in octal. The special bits are not for
// clients to set.
func parseMode(s string) (fs.FileMode, bool) {
	n, err := strconv.ParseUint(s, 8, 12)
	return fs.FileMode(n).Perm(), err == nil && n <= 0o777
}
