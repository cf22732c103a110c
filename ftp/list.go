package ftp

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/quaymaster/quaymaster/internal/lsl"
	"github.com/quaymaster/quaymaster/vfs"
)

const (
	pageEntries = 256      // that are read at a time
	pageBytes   = 32 << 10 // that are written at a time
	maxStat     = 10_000   // entries in the reply of STAT
)

// lister prints one entry, in UTF-8 and without the end of its line.
type lister func(ctx context.Context, b []byte, e entry) []byte

// entry is one line of a listing.
type entry struct {
	dir  string // the directory, a name for vfs
	name string // in it
	show string // as the client is to see it
	info fs.FileInfo
}

func (e *entry) path() string { return path.Join(e.dir, e.name) }

// source is what a listing shows: one entry, or those of a directory.
type source struct {
	single  *entry
	dir     string
	open    vfs.Dir
	pattern string // "": everything
	prefix  string // of what is shown
}

// listFlags takes the options of ls off arg. None of them changes anything; a
// file whose name begins with "-" is "./-".
func listFlags(arg string) string {
	arg = strings.TrimLeft(arg, " ")
	for strings.HasPrefix(arg, "-") {
		_, arg, _ = strings.Cut(arg, " ")
		arg = strings.TrimLeft(arg, " ")
	}
	return arg
}

// find finds what arg means: a file, a directory, or a pattern for the entries
// of one. It fails before the data connection is opened.
func (c *conn) find(ctx context.Context, arg string) (*source, *reply) {
	name, refusal := c.path(arg)
	if refusal != nil {
		return nil, refusal
	}
	s := &source{dir: name}
	fi, err := c.fsys.Stat(ctx, name)
	if dir, last := path.Split(arg); errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(last, "*?[") {
		if s.dir, refusal = c.path(dir); refusal != nil {
			return nil, refusal
		}
		s.pattern, s.prefix, err = last, dir, nil
	} else if err == nil && !fi.IsDir() {
		_, fi, refusal = c.lookup(ctx, arg)
		s.single = &entry{dir: path.Dir(name), name: path.Base(name), show: arg, info: fi}
		return s, refusal
	} else if arg != "" {
		s.prefix = strings.TrimSuffix(arg, "/") + "/"
	}
	if err == nil {
		s.open, err = c.fsys.OpenDir(ctx, s.dir)
	}
	if err != nil {
		return nil, c.refuse(err)
	}
	return s, nil
}

func (s *source) close() {
	if s.open != nil {
		s.open.Close() // it was only read
	}
}

// each calls f for the entries, at most limit of them. Names that can't be sent
// in a line are left out.
func (s *source) each(ctx context.Context, limit int, f func(entry) error) error {
	if s.single != nil {
		return f(*s.single)
	}
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		entries, err := s.open.ReadDir(pageEntries)
		for _, e := range entries {
			name := e.Name()
			if s.pattern != "" {
				if ok, err := path.Match(s.pattern, name); err != nil || !ok {
					continue
				}
			}
			if strings.ContainsAny(name, "\r\n\x00") {
				continue
			}
			fi, err := e.Info()
			if err != nil { // removed since it was read, or not for this user
				continue
			}
			if limit--; limit < 0 {
				return errTooLong
			}
			if err := f(entry{dir: s.dir, name: name, show: s.prefix + name, info: fi}); err != nil {
				return err
			}
		}
		if err == io.EOF || err == nil && len(entries) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// errTooLong ends a listing that is not complete.
var errTooLong = &ReplyError{int(codeLocalError), "Too many entries: the listing is not complete."}

func (c *conn) maxList() int { return cmp.Or(c.srv.MaxList, defaultMaxList) }

// sendList sends a listing over a data connection.
func (c *conn) sendList(ctx context.Context, arg string, line lister) *reply {
	if refusal := c.noEndpoint(); refusal != nil {
		return refusal
	}
	s, refusal := c.find(ctx, arg)
	if refusal != nil {
		return refusal
	}
	return c.sendEntries(ctx, s, line)
}

// sendEntries sends what s shows, and closes it.
func (c *conn) sendEntries(ctx context.Context, s *source, line lister) *reply {
	defer s.close()
	t := &transfer{what: "Sending a listing"}
	return c.run(ctx, t, "Here comes the listing.", func(ctx context.Context, d *dataConn) error {
		w := c.encoder(d.Conn)
		buf := make([]byte, 0, pageBytes/8)
		flush := func() error {
			n, err := w.Write(buf)
			t.moved.Add(int64(n))
			buf = buf[:0]
			return err
		}
		err := s.each(ctx, c.maxList(), func(e entry) error {
			begin := len(buf)
			buf = line(ctx, buf, e)
			if c.srv.Charset != nil {
				buf = append(buf[:begin], c.encodeName(string(buf[begin:]))...)
			}
			if buf = append(buf, "\r\n"...); len(buf) < pageBytes {
				return nil
			}
			return flush()
		})
		if err == nil && len(buf) > 0 {
			err = flush()
		}
		return errors.Join(err, w.Close())
	})
}

func (c *conn) list(ctx context.Context, arg string) *reply {
	return c.sendList(ctx, listFlags(arg), c.lsLine(time.Now().UTC()))
}

func (c *conn) nlst(ctx context.Context, arg string) *reply {
	return c.sendList(ctx, listFlags(arg), func(_ context.Context, b []byte, e entry) []byte {
		return append(b, e.show...)
	})
}

// lsLine prints as ls -l does, in UTC.
func (c *conn) lsLine(now time.Time) lister {
	return func(ctx context.Context, b []byte, e entry) []byte {
		user, group := c.owners.Of(ctx, vfs.SysOf(e.info))
		b = lsl.AppendInfo(b, e.info, user, group, now)
		b = append(b, e.name...)
		if e.info.Mode()&fs.ModeSymlink != 0 {
			if target, err := vfs.Readlink(ctx, c.fsys, e.path()); err == nil && !strings.ContainsAny(target, "\r\n\x00") {
				b = append(append(b, " -> "...), target...)
			}
		}
		return b
	}
}

// stat is STAT: about the session, or a listing on the control connection.
func (c *conn) stat(ctx context.Context, arg string) *reply {
	if arg = listFlags(arg); arg == "" {
		return c.status()
	}
	if c.session == nil {
		return say(codeNotLoggedIn, "Please log in with USER and PASS first.")
	}
	s, refusal := c.find(ctx, arg)
	if refusal != nil {
		return refusal
	}
	defer s.close()
	r := &reply{code: codeFileStatus, text: "Status follows:", end: "End of status.", lines: []string{}}
	if s.single == nil {
		r.code = codeDirStatus
	}
	line := c.lsLine(time.Now().UTC())
	err := s.each(ctx, min(c.maxList(), maxStat), func(e entry) error {
		r.lines = append(r.lines, string(line(ctx, nil, e)))
		return nil
	})
	if err != nil {
		return c.refuse(err)
	}
	return r
}

// status tells about the session itself.
func (c *conn) status() *reply {
	r := &reply{code: codeSystem, text: "Status:", end: "End of status."}
	user := "nobody"
	if c.session != nil {
		user = c.session.Identity.User
	}
	kind, mode, secure := "BINARY", "stream", "plain"
	if c.ascii {
		kind = "ASCII"
	}
	if c.deflate {
		mode = "zlib"
	}
	if c.tls != nil {
		secure = "TLS"
	}
	data := "plain"
	if c.private {
		data = "TLS"
	}
	r.lines = []string{
		"Logged in as " + user,
		"TYPE: " + kind + ", STRUcture: File, MODE: " + mode,
		"Control connection is " + secure + ", data connections will be " + data,
	}
	return r
}
