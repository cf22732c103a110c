package ftp

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
)

// factSet says which facts MLST and MLSD tell, RFC 3659 section 7.5.
type factSet uint16

const (
	factType factSet = 1 << iota
	factSize
	factModify
	factPerm
	factUnique
	factMode
	factOwner
	factGroup
)

// factNames are in the order in which the facts are told.
func factNames() []string {
	return []string{"type", "size", "modify", "perm", "unique", "UNIX.mode", "UNIX.owner", "UNIX.group"}
}

func defaultFacts() factSet { return 1<<len(factNames()) - 1 }

// feature is the line of FEAT: "*" marks what is told now.
func (f factSet) feature() string {
	text := "MLST "
	for i, name := range factNames() {
		text += name
		if f&(1<<i) != 0 {
			text += "*"
		}
		text += ";"
	}
	return text
}

// chosen is the reply to OPTS MLST.
func (f factSet) chosen() string {
	text := ""
	for i, name := range factNames() {
		if f&(1<<i) != 0 {
			text += name + ";"
		}
	}
	return text
}

// parseFacts reads the argument of OPTS MLST. Unknown facts are ignored: RFC 3659
// section 7.9.
func parseFacts(arg string) factSet {
	var f factSet
	for word := range strings.SplitSeq(arg, ";") {
		for i, name := range factNames() {
			if strings.EqualFold(word, name) {
				f |= 1 << i
			}
		}
	}
	return f
}

// timeVal is the time of RFC 3659 section 2.3, without fractions, with which
// some clients can't do anything.
const timeVal = "20060102150405"

// appendFacts appends the facts of an entry and the blank behind them.
func (c *conn) appendFacts(ctx context.Context, b []byte, e entry) []byte {
	sys := vfs.SysOf(e.info)
	mode := e.info.Mode()
	if c.facts&factType != 0 {
		b = append(append(append(b, "type="...), c.typeOf(ctx, e)...), ';')
	}
	if c.facts&factSize != 0 && mode.IsRegular() {
		b = append(strconv.AppendInt(append(b, "size="...), e.info.Size(), 10), ';')
	}
	if c.facts&factModify != 0 {
		b = append(e.info.ModTime().UTC().AppendFormat(append(b, "modify="...), timeVal), ';')
	}
	if c.facts&factPerm != 0 {
		b = append(c.appendPerm(ctx, append(b, "perm="...), e), ';')
	}
	if c.facts&factUnique != 0 && (sys.Dev != 0 || sys.Ino != 0) {
		b = fmt.Appendf(b, "unique=%xg%x;", sys.Dev, sys.Ino)
	}
	if c.facts&factMode != 0 {
		b = fmt.Appendf(b, "UNIX.mode=%04o;", unixMode(mode))
	}
	if c.facts&factOwner != 0 && sys.HasOwner {
		b = fmt.Appendf(b, "UNIX.owner=%d;", sys.UID)
	}
	if c.facts&factGroup != 0 && sys.HasOwner {
		b = fmt.Appendf(b, "UNIX.group=%d;", sys.GID)
	}
	return append(b, ' ')
}

// unixMode is the permission bits with setuid, setgid and sticky where Unix has
// them.
func unixMode(m fs.FileMode) uint32 {
	bits := uint32(m.Perm())
	for i, special := range []fs.FileMode{fs.ModeSticky, fs.ModeSetgid, fs.ModeSetuid} {
		if m&special != 0 {
			bits |= 0o1000 << i
		}
	}
	return bits
}

// typeOf is the type fact; links tell where they lead.
func (c *conn) typeOf(ctx context.Context, e entry) string {
	switch mode := e.info.Mode(); {
	case mode.IsDir():
		return "dir"
	case mode.IsRegular():
		return "file"
	case mode&fs.ModeSymlink != 0:
		target, err := vfs.Readlink(ctx, c.fsys, e.path())
		if err != nil || strings.ContainsAny(target, ";\r\n\x00") {
			return "OS.unix=symlink"
		}
		return "OS.unix=slink:" + target
	default:
		return "OS.unix=special"
	}
}

// appendPerm appends what this user may do, by policy: RFC 3659 section 7.5.5.
func (c *conn) appendPerm(ctx context.Context, b []byte, e entry) []byte {
	name := e.path()
	inside := path.Join(name, "x") // anything in a directory
	writes := vfs.FeaturesOf(c.fsys).Write
	add := func(letter byte, op *vfs.Op) {
		if op.Writes() && !writes {
			return
		}
		if p := c.session.Identity.Permit; p == nil || p(ctx, op) == nil {
			b = append(b, letter)
		}
	}
	write := &vfs.Op{Kind: vfs.OpOpen, Name: name, Flag: os.O_WRONLY | os.O_CREATE}
	if e.info.IsDir() {
		create := *write
		create.Name = inside
		add('c', &create)
		add('d', &vfs.Op{Kind: vfs.OpRmdir, Name: name})
		add('e', &vfs.Op{Kind: vfs.OpStat, Name: name})
		add('f', &vfs.Op{Kind: vfs.OpRename, Name: name, Target: name})
		add('l', &vfs.Op{Kind: vfs.OpList, Name: name})
		add('m', &vfs.Op{Kind: vfs.OpMkdir, Name: inside})
		add('p', &vfs.Op{Kind: vfs.OpRemove, Name: inside})
		return b
	}
	add('a', write)
	add('d', &vfs.Op{Kind: vfs.OpRemove, Name: name})
	add('f', &vfs.Op{Kind: vfs.OpRename, Name: name, Target: name})
	add('r', &vfs.Op{Kind: vfs.OpOpen, Name: name})
	add('w', write)
	return b
}

// mlsd is MLSD: the entries of a directory, for programs.
func (c *conn) mlsd(ctx context.Context, arg string) *reply {
	name, refusal := c.path(arg)
	if refusal != nil {
		return refusal
	}
	fi, err := c.fsys.Stat(ctx, name)
	if err == nil && !fi.IsDir() {
		err = &ReplyError{int(codeArgument), "MLSD is for directories, use MLST."}
	}
	if err != nil {
		return c.refuse(err)
	}
	if refusal := c.noEndpoint(); refusal != nil {
		return refusal
	}
	d, err := c.fsys.OpenDir(ctx, name)
	if err != nil {
		return c.refuse(err)
	}
	return c.sendEntries(ctx, &source{dir: name, open: d}, func(ctx context.Context, b []byte, e entry) []byte {
		b = c.appendFacts(ctx, b, e)
		return append(b, e.name...)
	})
}

// mlst is MLST: one entry, on the control connection.
func (c *conn) mlst(ctx context.Context, arg string) *reply {
	name, fi, refusal := c.lookup(ctx, arg)
	if refusal != nil {
		return refusal
	}
	e := entry{dir: path.Dir(name), name: base(name), info: fi}
	if name == "." {
		e.dir, e.name = ".", "."
	}
	line := string(c.appendFacts(ctx, nil, e)) + vfs.Wire(name)
	return &reply{code: codeDone, text: "Listing:", lines: []string{line}, end: "End."}
}

// parseTime reads a time of RFC 3659 section 2.3: UTC, with a fraction or not.
func parseTime(s string) (time.Time, bool) {
	whole, fraction, found := strings.Cut(s, ".")
	if len(whole) != len(timeVal) || found && (fraction == "" || len(fraction) > 9) {
		return time.Time{}, false
	}
	t, err := time.Parse(timeVal, s)
	return t, err == nil
}
