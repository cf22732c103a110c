package ftp_test

import (
	"context"
	"io"
	"io/fs"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/ftp"
	"github.com/quaymaster/quaymaster/vfs"
)

// attempts are what each command does to the tree of newTargets when everything
// is allowed: a new command that has none fails the test.
var attempts = map[string][]string{
	"ABOR": {"ABOR"}, "ACCT": {"ACCT x"}, "ALLO": {"ALLO 10"}, "APPE": {"APPE file", "APPE new"}, "AUTH": {"AUTH TLS"}, "AVBL": {"AVBL"},
	"CCC": {"CCC"}, "CDUP": {"CDUP"}, "CLNT": {"CLNT x"}, "COMB": {"COMB file part", "COMB new part"}, "CSID": {"CSID Name=x;"}, "CWD": {"CWD dir"},
	"DELE": {"DELE file", "DELE link"}, "EPRT": {"EPRT |1|127.0.0.1|5000|"}, "EPSV": {"EPSV"}, "FEAT": {"FEAT"}, "HASH": {"HASH file"}, "HELP": {"HELP"},
	"HOST": {"HOST x"}, "LANG": {"LANG EN"}, "LIST": {"LIST", "LIST *"}, "MD5": {"MD5 file"}, "MDTM": {"MDTM 20010203040506 file", "MDTM file"},
	"MFCT": {"MFCT 20010203040506 file"}, "MFF": {"MFF Modify=20010203040506;UNIX.mode=0600; file", "MFF UNIX.mode=0; dir"}, "MFMT": {"MFMT 20010203040506 file"},
	"MKD": {"MKD new"}, "MLSD": {"MLSD"}, "MLST": {"MLST file"}, "MODE": {"MODE S"}, "NLST": {"NLST"}, "NOOP": {"NOOP"}, "OPTS": {"OPTS UTF8 ON"},
	"PASS": {"PASS p"}, "PASV": {"PASV"}, "PBSZ": {"PBSZ 0"}, "PORT": {"PORT 127,0,0,1,30,1"}, "PROT": {"PROT C"}, "PWD": {"PWD"}, "QUIT": nil,
	"RANG": {"RANG 0 1"}, "REIN": nil, "REST": {"REST 1"}, "RETR": {"RETR file"}, "RMD": {"RMD dir"}, "RNFR": {"RNFR file"},
	"RNTO": {"RNFR file\r\nRNTO part", "RNFR dir\r\nRNTO new", "RNFR link\r\nRNTO new"}, "SIZE": {"SIZE file"}, "SMNT": {"SMNT x"}, "STAT": {"STAT file", "STAT"},
	"STOR": {"STOR file", "STOR new", "REST 3\r\nSTOR file"}, "STOU": {"STOU"}, "STRU": {"STRU F"}, "SYST": {"SYST"}, "THMB": {"THMB x"}, "TYPE": {"TYPE I"}, "USER": {"USER u"},
	"XCRC": {"XCRC file"}, "XCUP": {"XCUP"}, "XCWD": {"XCWD dir"}, "XMD5": {"XMD5 file"}, "XMKD": {"XMKD new"}, "XPWD": {"XPWD"}, "XRMD": {"XRMD dir"},
	"XSHA": {"XSHA file"}, "XSHA1": {"XSHA1 file"}, "XSHA256": {"XSHA256 file"}, "XSHA512": {"XSHA512 file"},
	"SITE":       {"SITE HELP"},
	"SITE CHMOD": {"SITE CHMOD 600 file", "SITE CHMOD 700 dir"}, "SITE COPY": {"SITE COPY file new", "SITE COPY file part"}, "SITE HELP": {"SITE HELP"}, "SITE IDLE": {"SITE IDLE"},
	"SITE MKDIR": {"SITE MKDIR new"}, "SITE RMDIR": {"SITE RMDIR dir"}, "SITE SYMLINK": {"SITE SYMLINK file new"},
	"SITE UTIME": {"SITE UTIME 20010203040506 file", "SITE UTIME file 20010203040506 20010203040506 20010203040506 UTC"},
}

// targets is a server whose file system notes what is done to it.
type targets struct {
	*prey
	mu   sync.Mutex   // guards done
	done []vfs.OpKind // of those that may change something
}

// newTargets serves a small tree, to a user who may not do what deny says.
func newTargets(t *testing.T, deny func(*vfs.Op) bool) *targets {
	t.Helper()
	s := &targets{}
	s.prey = newPrey(t, func(p *prey) {
		p.home = vfs.Guard(p.files, func(_ context.Context, op *vfs.Op) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if op.Writes() {
				s.done = append(s.done, op.Kind)
			}
			return nil
		})
		p.permit = func(_ context.Context, op *vfs.Op) error {
			if deny(op) {
				return fs.ErrPermission
			}
			return nil
		}
	})
	s.fill()
	return s
}

func (s *targets) fill() {
	ctx := s.t.Context()
	s.write("file", "content")
	s.write("part", "part")
	if err := s.files.Mkdir(ctx, "dir", 0o755); err != nil {
		require.ErrorIs(s.t, err, fs.ErrExist)
	}
	if err := vfs.Symlink(ctx, s.files, "file", "link"); err != nil {
		require.ErrorIs(s.t, err, fs.ErrExist)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = nil
}

// try sends a command, with data if it wants some, and returns the last reply.
func (s *targets) try(command string) string {
	s.t.Helper()
	c := s.login()
	defer c.Close()
	at := c.passive()
	text := ""
	for line := range strings.SplitSeq(command, "\r\n") {
		text = c.do(line)
	}
	if text[:3] == "150" {
		d, err := net.Dial("tcp", at)
		require.NoError(s.t, err)
		if strings.Contains(command, "STO") || strings.Contains(command, "APPE") {
			_, err = io.WriteString(d, "new")
			require.NoError(s.t, err)
		} else {
			_, err = io.Copy(io.Discard, d)
			require.NoError(s.t, err)
		}
		require.NoError(s.t, d.Close())
		text = c.text()
	}
	return text
}

// everyVerb is all of ftp.Commands, and those of SITE.
func everyVerb(t *testing.T) []string {
	t.Helper()
	all := ftp.Commands()
	for line := range strings.Lines(newPrey(t, nil).login().do("SITE HELP")) {
		if words := strings.Fields(line); line[0] == ' ' {
			all = append(all, "SITE "+words[0])
		}
	}
	for _, verb := range all {
		assert.Contains(t, attempts, verb, "what does it do?")
	}
	return all
}

// CVE-2015-3306, CVE-2019-12815 (mod_copy), ProFTPD #2175 and #2095: rights are
// about operations, and no verb goes around them. With each kind of operation
// denied, none of that kind happens, whatever the verb; with all that write
// denied, nothing at all does.
func TestAttackVerbPermissionMatrix(t *testing.T) {
	verbs := everyVerb(t)
	changed := map[string]bool{}
	free := newTargets(t, func(*vfs.Op) bool { return false })
	for _, verb := range verbs {
		for _, command := range attempts[verb] {
			free.fill()
			before := free.tree()
			free.try(command)
			changed[command] = !maps.Equal(before, free.tree())
			_ = free.files.Remove(t.Context(), "new")
			_ = free.files.Rmdir(t.Context(), "new")
		}
	}
	for _, verb := range []string{"APPE", "COMB", "DELE", "MDTM", "MFF", "MFMT", "MKD", "RMD", "RNTO", "STOR", "STOU", "XMKD", "XRMD",
		"SITE CHMOD", "SITE COPY", "SITE MKDIR", "SITE RMDIR", "SITE SYMLINK", "SITE UTIME"} {
		assert.True(t, changed[attempts[verb][0]], "%q does nothing even when it may: the test would prove nothing", attempts[verb][0])
	}

	reader := newTargets(t, (*vfs.Op).Writes)
	before := reader.tree()
	for _, verb := range verbs {
		for _, command := range attempts[verb] {
			text := reader.try(command)
			if changed[command] {
				assert.Equal(t, "550", text[:3], "%q: %s", command, text)
			}
			require.True(t, maps.Equal(before, reader.tree()), "%q: %s", command, text)
			require.Empty(t, reader.done, command)
		}
	}

	kinds := []vfs.OpKind{vfs.OpStat, vfs.OpReadlink, vfs.OpOpen, vfs.OpList, vfs.OpMkdir, vfs.OpRemove, vfs.OpRmdir, vfs.OpRename, vfs.OpSymlink, vfs.OpLink,
		vfs.OpSetAttr, vfs.OpSpace, vfs.OpOwners, vfs.OpOSFile}
	for _, kind := range kinds {
		s := newTargets(t, func(op *vfs.Op) bool { return op.Kind == kind })
		for _, verb := range verbs {
			for _, command := range attempts[verb] {
				s.fill()
				text := s.try(command)
				s.mu.Lock()
				done := slices.Clone(s.done)
				s.mu.Unlock()
				assert.NotContains(t, done, kind, "%q with %s denied: %s", command, kind, text)
				_ = s.files.Remove(t.Context(), "new")
				_ = s.files.Rmdir(t.Context(), "new")
			}
		}
	}
	assert.Equal(t, "unknown", (kinds[len(kinds)-1] + 1).String(), "a new kind: add it")
}

// The verbs of SITE answer as their twins do.
func TestAttackTwins(t *testing.T) {
	s := newTargets(t, (*vfs.Op).Writes)
	for verb, twin := range map[string]string{
		"SITE MKDIR new": "MKD new", "SITE RMDIR dir": "RMD dir", "SITE UTIME 20010203040506 file": "MFMT 20010203040506 file", "SITE CHMOD 600 file": "MFF UNIX.mode=0600; file",
		"SITE COPY file new": "STOR new", "COMB new part": "STOR new", "SITE SYMLINK file new": "STOR new", "XMKD new": "MKD new", "XRMD dir": "RMD dir",
	} {
		assert.Equal(t, s.try(twin), s.try(verb), verb)
	}
	// Who may not read a file can't copy it, put it together, or digest it.
	s = newTargets(t, func(op *vfs.Op) bool { return op.Kind == vfs.OpOpen && !op.Writes() && op.Name == "file" })
	for _, command := range []string{"RETR file", "SITE COPY file new", "COMB new file", "HASH file", "XCRC file", "MD5 file"} {
		assert.Equal(t, "550", s.try(command)[:3], command)
	}
	assert.NotContains(t, s.tree(), "new")
	assert.Contains(t, s.tree(), "file")
}

// CVE-2015-3306: who is not logged in does nothing to files, and learns nothing
// about them.
func TestAttackBeforeLogin(t *testing.T) {
	p := newPrey(t, nil)
	p.write("file", "content")
	before := p.tree()
	free := []string{"ABOR", "ACCT", "AUTH", "CCC", "CLNT", "CSID", "FEAT", "HELP", "HOST", "LANG", "NOOP", "OPTS", "PASS", "PBSZ", "PROT", "STAT", "SYST", "USER"}
	for _, verb := range everyVerb(t) {
		if slices.Contains(free, verb) {
			continue
		}
		for _, command := range attempts[verb] {
			c := p.connect()
			for line := range strings.SplitSeq(command, "\r\n") {
				c.want(530, line)
			}
			c.Close()
		}
	}
	p.connect().want(530, "STAT file")
	assert.Equal(t, before, p.tree())
}
