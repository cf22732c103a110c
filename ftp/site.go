package ftp

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
)

// siteVerb is one command of SITE.
type siteVerb struct {
	name string
	run  func(c *conn, ctx context.Context, arg string) *reply
	help string
	feat bool   // FEAT tells it
	twin string // the command that does the same: Deny and Allow are about both
}

// siteVerbs go through the same operations as the commands without SITE, and so
// under the same rules.
func siteVerbs() []siteVerb {
	return []siteVerb{
		{"CHMOD", (*conn).siteChmod, "mode file", false, ""},
		{"COPY", (*conn).siteCopy, "from to", true, ""},
		{"HELP", (*conn).siteHelp, "", false, ""},
		{"IDLE", (*conn).siteIdle, "", false, ""},
		{"MKDIR", (*conn).siteMkdir, "directory", true, "MKD"},
		{"RMDIR", (*conn).rmd, "directory", true, "RMD"},
		{"SYMLINK", (*conn).siteSymlink, "target link", true, ""},
		{"UTIME", (*conn).siteUtime, "YYYYMMDDhhmmss file", true, "MFMT"},
	}
}

func (s *Server) siteFeatures() []string {
	var names []string
	for _, v := range siteVerbs() {
		if v.feat && s.siteAllowed(v) {
			names = append(names, v.name)
		}
	}
	return names
}

func (s *Server) siteAllowed(v siteVerb) bool { return v.twin == "" || s.allowed(v.twin) }

// site is SITE.
func (c *conn) site(ctx context.Context, arg string) *reply {
	name, rest, _ := strings.Cut(strings.TrimLeft(arg, " "), " ")
	name = strings.ToUpper(name)
	verbs := siteVerbs()
	i := slices.IndexFunc(verbs, func(v siteVerb) bool { return v.name == name })
	if i < 0 {
		return say(codeUnimplemented, "Unknown SITE command.")
	}
	if !c.srv.siteAllowed(verbs[i]) {
		return say(codeUnimplemented, "Command is not available here.")
	}
	if verbs[i].help != "" && rest == "" {
		return say(codeArgument, "SITE %s takes: %s", name, verbs[i].help)
	}
	return verbs[i].run(c, ctx, rest)
}

func (c *conn) siteHelp(context.Context, string) *reply {
	r := &reply{code: codeHelp, text: "SITE commands:", end: "End.", lines: []string{}}
	for _, v := range siteVerbs() {
		r.lines = append(r.lines, strings.TrimSpace(v.name+" "+v.help))
	}
	return r
}

func (c *conn) siteIdle(context.Context, string) *reply {
	return say(codeOK, "The idle timeout is %d seconds, and stays so.", int(c.idleTimeout()/time.Second))
}

func (c *conn) siteChmod(ctx context.Context, arg string) *reply {
	bits, file, _ := strings.Cut(arg, " ")
	mode, ok := parseMode(bits)
	if !ok || file == "" {
		return say(codeArgument, "SITE CHMOD takes an octal mode up to 777 and a file.")
	}
	name, refusal := c.path(file)
	if refusal != nil {
		return refusal
	}
	if err := vfs.SetAttr(ctx, c.fsys, name, &vfs.Attr{Mask: vfs.AttrMode, Mode: mode}); err != nil {
		return c.refuse(err)
	}
	return say(codeOK, "Mode changed.")
}

// siteMkdir is SITE MKDIR: with the directories above, which is what clients use
// it for, and content with one that is there.
func (c *conn) siteMkdir(ctx context.Context, arg string) *reply {
	name, refusal := c.path(arg)
	if refusal != nil {
		return refusal
	}
	for i, r := range name + "/" {
		if r != '/' {
			continue
		}
		if fi, err := c.fsys.Stat(ctx, name[:i]); err == nil && fi.IsDir() {
			continue
		}
		if err := c.fsys.Mkdir(ctx, name[:i], 0o777); err != nil {
			return c.refuse(err)
		}
	}
	return say(codePath, "%s created.", quote(vfs.Wire(name)))
}

// siteUtime is SITE UTIME in its two forms: "time file", and "file atime mtime
// ctime UTC".
func (c *conn) siteUtime(ctx context.Context, arg string) *reply {
	a := &vfs.Attr{Mask: vfs.AttrMtime}
	when, file, _ := strings.Cut(arg, " ")
	t, ok := parseUtime(when)
	a.Mtime = t
	if words := strings.Fields(arg); !ok && len(words) >= 5 && strings.EqualFold(words[len(words)-1], "UTC") {
		times := words[len(words)-4:]
		atime, okA := parseUtime(times[0])
		mtime, okM := parseUtime(times[1])
		file = strings.TrimRight(strings.TrimSuffix(arg, arg[strings.LastIndex(arg, " "+times[0]+" "):]), " ")
		a.Mask |= vfs.AttrAtime
		a.Atime, a.Mtime, ok = atime, mtime, okA && okM
	}
	if !ok || file == "" {
		return say(codeArgument, "SITE UTIME takes YYYYMMDDhhmmss and a file, or a file, three times and UTC.")
	}
	name, refusal := c.path(file)
	if refusal != nil {
		return refusal
	}
	if err := vfs.SetAttr(ctx, c.fsys, name, a); err != nil {
		return c.refuse(err)
	}
	return say(codeOK, "Time changed.")
}

// parseUtime is parseTime that also takes a time without seconds.
func parseUtime(s string) (time.Time, bool) {
	if len(s) == len(timeVal)-2 {
		s += "00"
	}
	return parseTime(s)
}

// siteSymlink is SITE SYMLINK: where it leads, and the link.
func (c *conn) siteSymlink(ctx context.Context, arg string) *reply {
	words, ok := splitQuoted(arg)
	if !ok || len(words) != 2 {
		return say(codeArgument, "SITE SYMLINK takes a target and a link, with double quotes around blanks.")
	}
	link, refusal := c.path(words[1])
	if refusal != nil {
		return refusal
	}
	target, err := vfs.RelTarget(link, words[0])
	if err != nil {
		return c.refuse(err)
	}
	if err := vfs.Symlink(ctx, c.fsys, target, link); err != nil {
		return c.refuse(err)
	}
	return say(codeOK, "Link made.")
}

func (c *conn) siteCopy(ctx context.Context, arg string) *reply {
	words, ok := splitQuoted(arg)
	if !ok || len(words) != 2 {
		return say(codeArgument, "SITE COPY takes two files, with double quotes around blanks.")
	}
	from, refusal := c.path(words[0])
	if refusal != nil {
		return refusal
	}
	to, refusal := c.path(words[1])
	if refusal != nil {
		return refusal
	}
	if from == to {
		return c.refuse(errSameFile)
	}
	if err := c.combine(ctx, to, os.O_TRUNC, from); err != nil {
		return c.refuse(err)
	}
	return say(codeOK, "Copied.")
}
