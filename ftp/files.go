package ftp

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/quaymaster/quaymaster/vfs"
)

// path turns an argument into a name for vfs.
func (c *conn) path(arg string) (string, *reply) {
	name, err := vfs.Clean(c.cwd, arg)
	if err != nil {
		return "", c.refuse(err)
	}
	return name, nil
}

// done is the reply of a command without more to say.
func (c *conn) done(err error, text string) *reply {
	if err != nil {
		return c.refuse(err)
	}
	return say(codeDone, "%s", text)
}

func (c *conn) cwdCommand(ctx context.Context, arg string) *reply {
	name, refusal := c.path(arg)
	if refusal != nil {
		return refusal
	}
	fi, err := c.fsys.Stat(ctx, name)
	if err != nil {
		return c.refuse(err)
	}
	if !fi.IsDir() {
		return c.refuse(vfs.ErrNotDir)
	}
	// What can't be listed can't be entered either.
	c.cwd = name
	return say(codeDone, "Directory changed.")
}

func (c *conn) cdup(ctx context.Context, _ string) *reply { return c.cwdCommand(ctx, "..") }

func (c *conn) pwd(context.Context, string) *reply {
	return say(codePath, "%s is the current directory.", quote(vfs.Wire(c.cwd)))
}

func (c *conn) mkd(ctx context.Context, arg string) *reply {
	name, refusal := c.path(arg)
	if refusal != nil {
		return refusal
	}
	if err := c.fsys.Mkdir(ctx, name, 0o777); err != nil {
		return c.refuse(err)
	}
	return say(codePath, "%s created.", quote(vfs.Wire(name)))
}

func (c *conn) rmd(ctx context.Context, arg string) *reply {
	name, refusal := c.path(arg)
	if refusal != nil {
		return refusal
	}
	return c.done(c.fsys.Rmdir(ctx, name), "Directory removed.")
}

func (c *conn) dele(ctx context.Context, arg string) *reply {
	name, refusal := c.path(arg)
	if refusal != nil {
		return refusal
	}
	return c.done(c.fsys.Remove(ctx, name), "File removed.")
}

// rnfr is RNFR: it prepares RNTO, which must come next.
func (c *conn) rnfr(ctx context.Context, arg string) *reply {
	name, refusal := c.path(arg)
	if refusal != nil {
		return refusal
	}
	if _, err := vfs.Lstat(ctx, c.fsys, name); err != nil {
		return c.refuse(err)
	}
	c.next.rename = name
	return say(codePending, "Ready for RNTO.")
}

// rnto is RNTO. It replaces a file that is there, as POSIX and all other servers
// do.
func (c *conn) rnto(ctx context.Context, arg string) *reply {
	from := c.next.rename
	if from == "" {
		return say(codeSequence, "RNFR first.")
	}
	name, refusal := c.path(arg)
	if refusal != nil {
		return refusal
	}
	return c.done(c.fsys.Rename(ctx, from, name, vfs.RenameReplace), "Renamed.")
}

// rest is REST: where the next transfer begins, RFC 3659 section 5.
func (c *conn) rest(_ context.Context, arg string) *reply {
	n, ok := parseSize(strings.TrimSpace(arg))
	if !ok {
		return say(codeArgument, "REST takes a number of bytes.")
	}
	c.next.restart, c.next.end = n, 0
	return say(codePending, "The next transfer begins at byte %d.", n)
}

// rang is RANG: the first and the last byte of the next transfer, draft-bryan-
// ftp-range. 1 and 0 take it back.
func (c *conn) rang(_ context.Context, arg string) *reply {
	first, last, ok := strings.Cut(strings.TrimSpace(arg), " ")
	from, okFrom := parseSize(first)
	to, okTo := parseSize(last)
	if !ok || !okFrom || !okTo || to == maxInt64 {
		return say(codeArgument, "RANG takes the first and the last byte.")
	}
	if from == 1 && to == 0 {
		c.next.restart, c.next.end = 0, 0
		return say(codePending, "Back to the whole file.")
	}
	if from > to {
		return say(codeArgument, "The first byte is behind the last.")
	}
	c.next.restart, c.next.end = from, to+1
	return say(codePending, "The next transfer is of bytes %d to %d.", from, to)
}

const maxInt64 = 1<<63 - 1

// parseSize reads a number of bytes. A sign is none.
func parseSize(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err == nil
}

// parseALLO reads "n" or "n R m".
func parseALLO(arg string) (int64, bool) {
	fields := strings.Fields(arg)
	if len(fields) != 1 && (len(fields) != 3 || !strings.EqualFold(fields[1], "R")) {
		return 0, false
	}
	if len(fields) == 3 {
		if _, ok := parseSize(fields[2]); !ok {
			return 0, false
		}
	}
	return parseSize(fields[0])
}

// noEndpoint refuses a transfer for which no data connection was prepared, or
// one in the clear that must not be, before any file is touched.
func (c *conn) noEndpoint() *reply {
	if c.data == (endpoint{}) {
		return say(codeNoData, "Use PASV, EPSV, PORT or EPRT first.")
	}
	if c.srv.mustTLS() && !c.private {
		c.data.close()
		return say(codeBadProtocol, "Data connections must be encrypted, use PROT P.")
	}
	return nil
}

// asciiRefused refuses transfers in TYPE A where they are not wanted, or not
// possible: a place in a converted file is not one in the file.
func (c *conn) asciiRefused() *reply {
	if !c.ascii {
		return nil
	}
	if c.srv.ASCII == ASCIIRefuse {
		return say(codeParameter, "Files are transferred in TYPE I only.")
	}
	if c.converts() && (c.next.restart > 0 || c.next.end > 0) {
		return say(codeParameter, "REST and RANG need TYPE I.")
	}
	return nil
}

// opening is the text of 150, from which some clients take the size.
func (c *conn) opening(size int64) string {
	kind := "BINARY"
	if c.ascii {
		kind = "ASCII"
	}
	text := "Opening " + kind + " mode data connection"
	if size >= 0 && !c.converts() && !c.deflate {
		text += " (" + strconv.FormatInt(size, 10) + " bytes)"
	}
	return text + "."
}

// avbl is AVBL: the bytes that may still be stored, draft-peterson-streamlined-
// ftp-command-extensions.
func (c *conn) avbl(ctx context.Context, arg string) *reply {
	name, refusal := c.path(arg)
	if refusal != nil {
		return refusal
	}
	space, err := vfs.SpaceOf(ctx, c.fsys, name)
	switch {
	case errors.Is(err, errors.ErrUnsupported), err == nil && space.Total == 0:
		return say(codeNoFile, "Not known here.")
	case err != nil:
		return c.refuse(err)
	}
	return say(codeFileStatus, "%d", space.Available*max(space.FragmentSize, 1))
}

// comb is COMB: parts become one file. The target is written like an upload, and
// the parts are removed once it is published.
func (c *conn) comb(ctx context.Context, arg string) *reply {
	words, ok := splitQuoted(arg)
	if !ok || len(words) < 2 {
		return say(codeArgument, "COMB takes a target and its parts.")
	}
	names := make([]string, len(words))
	seen := map[string]bool{}
	for i, word := range words {
		name, refusal := c.path(word)
		if refusal != nil {
			return refusal
		}
		if seen[name] {
			return say(codeArgument, "A file is named twice.")
		}
		names[i], seen[name] = name, true
	}
	if err := c.combine(ctx, names[0], 0, names[1:]...); err != nil {
		return c.refuse(err)
	}
	for _, part := range names[1:] {
		if err := c.fsys.Remove(ctx, part); err != nil {
			return c.refuse(err)
		}
	}
	return say(codeDone, "Parts combined.")
}

// splitQuoted takes words apart, in double quotes or not.
func splitQuoted(s string) (words []string, ok bool) {
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		word, rest, closed := "", "", true
		if s[0] == '"' {
			word, rest, closed = strings.Cut(s[1:], `"`)
		} else {
			word, rest, _ = strings.Cut(s, " ")
		}
		if !closed || word == "" {
			return nil, false
		}
		words, s = append(words, word), rest
	}
	return words, true
}

// lookup describes what arg names, without following a link at its end.
func (c *conn) lookup(ctx context.Context, arg string) (string, fs.FileInfo, *reply) {
	name, refusal := c.path(arg)
	if refusal != nil {
		return "", nil, refusal
	}
	fi, err := vfs.Lstat(ctx, c.fsys, name)
	if errors.Is(err, errors.ErrUnsupported) {
		fi, err = c.fsys.Stat(ctx, name)
	}
	if err != nil {
		return "", nil, c.refuse(err)
	}
	return name, fi, nil
}

// base is the last element of a name, as it is shown.
func base(name string) string {
	if name == "." {
		return "/"
	}
	return path.Base(name)
}
