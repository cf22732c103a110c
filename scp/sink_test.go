package scp_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/scp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// exitOne wants an exit status of 1 after everything else was done.
func exitOne(t *testing.T, err error) {
	t.Helper()
	var exit *sshd.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 1, exit.Code)
}

// The forms of the command line that clients send.
func TestCommandLines(t *testing.T) {
	for _, line := range []string{
		"scp -t d", "scp -t -- d", "scp -d -t d", "scp -tr d", "scp -v -r -p -d -t d", "scp -1 -q -t d", "scp -qrdt d",
		`scp -r -p -d -t "d"`,           // WinSCP
		"scp -pt 'd'", `scp -pt "d"'/'`, // libssh2
		"scp -t ~/d", "scp -t /d/", "scp -t d*", "scp -t ./d",
	} {
		t.Run(line, func(t *testing.T) {
			fsys := tree(t, nil, "d")
			c := sink(t, fsys, line)
			c.ask("C0644 3 f\n", "\x00")
			c.ask("abc\x00", "\x00")
			_, err := c.end()
			require.NoError(t, err)
			assert.Equal(t, "abc", get(t, fsys, "d/f"))
		})
	}
}

func TestCommandLineRefused(t *testing.T) {
	for line, told := range map[string]string{
		"scp":               "only the options -t and -f",
		"scp a b":           "only the options -t and -f",
		"scp -t -f x":       "only the options -t and -f",
		"scp -t":            "ambiguous target",
		"scp -t a b":        "ambiguous target",
		"scp -f":            "no path",
		"scp -S /bin/sh -t": "unknown option -- S",
		"scp -o x -t y":     "unknown option -- o",
		"scp -t a; id":      "shell syntax is not available",
		"scp -t $(id)":      "shell syntax is not available",
		"scp -f 'a":         "shell syntax is not available",
	} {
		t.Run(line, func(t *testing.T) {
			c := newRaw(t, &scp.Handler{}, memfs.New(), line)
			out, err := c.rest()
			assert.Error(t, err)
			assert.Empty(t, out)
			assert.Contains(t, c.stderr.String(), told)
		})
	}
}

// A write can hold half a record, or several of them.
func TestFragmentedAndCoalescedRecords(t *testing.T) { // ProFTPD bug 3791
	const all = "T1 0 2 0\nC0644 3 a\nabc\x00D0755 0 d\nC0600 0 b\n\x00E\nC0644 1 c\nc\x00"
	const replies = 9
	check := func(t *testing.T, fsys vfs.FS, c *raw) {
		c.want(strings.Repeat("\x00", replies))
		_, err := c.end()
		require.NoError(t, err)
		assert.Equal(t, "abc", get(t, fsys, "a"))
		assert.Empty(t, get(t, fsys, "d/b"))
		assert.Equal(t, "c", get(t, fsys, "c"))
	}
	for name, size := range map[string]int{"byte by byte": 1, "in threes": 3, "all at once": len(all)} {
		t.Run(name, func(t *testing.T) {
			fsys := memfs.New()
			c := sink(t, fsys, "scp -r -t .")
			go func() { // the replies are not waited for
				for rest := all; rest != ""; {
					n := min(size, len(rest))
					if _, err := c.conn.Write([]byte(rest[:n])); err != nil {
						return
					}
					rest = rest[n:]
				}
			}()
			check(t, fsys, c)
		})
	}
}

// CVE-2019-6111 and its kind, CVE-2026-41589: a name that leads elsewhere ends
// the transfer.
func TestSinkNames(t *testing.T) {
	for _, name := range []string{"", ".", "..", "/", "/etc", "../e", "a/b", "a/"} {
		for _, kind := range []string{"C0644 3", "D0755 0"} {
			fsys := tree(t, nil, "in")
			c := sink(t, fsys, "scp -r -t in")
			c.say(fmt.Sprintf("%s %s\n", kind, name))
			out, err := c.rest()
			assert.Error(t, err)
			assert.Equal(t, "\x02scp: error: unexpected filename: "+name+"\n", out)
			assert.Equal(t, []string{".", "in"}, names(t, fsys), name)
		}
	}
	// One that would harm a terminal, or another system, is left out.
	for _, name := range []string{`a\b`, `..\x`, "a\x00b", "a\rb", "\x1b[2J", "\xff", vfs.ReservedPrefix + "x"} {
		fsys := tree(t, nil, "in")
		c := sink(t, fsys, "scp -t in")
		c.say("C0644 3 " + name + "\n")
		c.want("\x01scp: in/")
		c.conn.Read(make([]byte, 1024))
		c.ask("C0644 3 good\n", "\x00")
		c.ask("abc\x00", "\x00")
		_, err := c.end()
		exitOne(t, err)
		assert.Equal(t, []string{".", "in", "in/good"}, names(t, fsys), name)
	}
}

// names lists everything in fsys.
func names(t *testing.T, fsys vfs.FS) (found []string) {
	t.Helper()
	require.NoError(t, fs.WalkDir(vfs.IOFS(t.Context(), fsys), ".", func(name string, _ fs.DirEntry, err error) error {
		found = append(found, name)
		return err
	}))
	return found
}

// CVE-2026-35385: set-user-ID and the like never come from the wire.
func TestSinkModes(t *testing.T) {
	for command, want := range map[string]fs.FileMode{"scp -t .": 0o751, "scp -p -t .": 0o751} {
		fsys := memfs.New()
		c := sink(t, fsys, command)
		c.ask("C7751 3 f\n", "\x00")
		c.ask("abc\x00", "\x00")
		_, err := c.end()
		require.NoError(t, err)
		fi, err := fsys.Stat(t.Context(), "f")
		require.NoError(t, err)
		assert.Equal(t, want, fi.Mode(), command)
	}
	// What is replaced keeps its mode, unless -p says otherwise.
	for command, want := range map[string]fs.FileMode{"scp -t .": 0o644, "scp -p -t .": 0o600} {
		fsys := tree(t, map[string]string{"f": "old"})
		c := sink(t, fsys, command)
		c.ask("C0600 3 f\n", "\x00")
		c.ask("abc\x00", "\x00")
		_, err := c.end()
		require.NoError(t, err)
		fi, err := fsys.Stat(t.Context(), "f")
		require.NoError(t, err)
		assert.Equal(t, want, fi.Mode(), command)
	}
}

func TestSinkMalformed(t *testing.T) {
	for text, told := range map[string]string{
		"\n":                             "unexpected <newline>",
		"hello\n":                        "expected control record",
		"C755 2 f\n":                     "bad mode",
		"C0644 -1 f\n":                   "bad size",
		"C0644 99999999999999999999 f\n": "bad size",
		"T1 0\n":                         "times not delimited",
		"D0755 0 d\n":                    "received directory without -r",
		"E\n":                            "unexpected E",
		strings.Repeat("x", 9000):        "line too long",
		"C0644 0 f\n\x05":                "unexpected reply",
	} {
		fsys := memfs.New()
		c := sink(t, fsys, "scp -t .")
		go c.conn.Write([]byte(text)) // it is not read to its end
		out, err := c.rest()
		assert.Error(t, err, text)
		assert.Equal(t, "\x02scp: protocol error: "+told+"\n", strings.TrimPrefix(out, "\x00"), text)
		assert.Equal(t, []string{"."}, names(t, fsys))
	}
}

func TestSinkTargets(t *testing.T) {
	files := map[string]string{"d/f": "old and longer", "file": "old and longer"}
	for _, test := range []struct{ command, record, reply, stored string }{
		{"scp -t d", "C0644 3 f\n", "\x00", "d/f"},
		{"scp -t d/new", "C0644 3 f\n", "\x00", "d/new"},
		{"scp -t file", "C0644 3 f\n", "\x00", "file"}, // ProFTPD bug 4013: it becomes shorter
		{"scp -t 'd/with blank'", "C0644 3 f\n", "\x00", "d/with blank"},
		{"scp -t d", "C0644 3 a b\n", "\x00", "d/a b"}, // ProFTPD issue 1886
		{"scp -t ../../up", "C0644 3 f\n", "\x00", "up"},
		{"scp -t none/f", "C0644 3 f\n", "\x01scp: none/f: No such file or directory\n", ""},
		{"scp -t /", "C0644 3 d\n", "\x01scp: /d: Is a directory\n", ""},
		{"scp -t file/f", "C0644 3 f\n", "\x01scp: file/f: Not a directory\n", ""},
		{"scp -r -t .", "D0755 0 file\n", "\x01scp: ./file: Not a directory\n", ""},
		{"scp -r -t none/d", "D0755 0 d\n", "\x01scp: none/d: No such file or directory\n", ""},
		{"scp -t .", "C0644 3 d\n", "\x01scp: ./d: Is a directory\n", ""},
	} {
		t.Run(test.command, func(t *testing.T) {
			fsys := tree(t, files, "d")
			c := sink(t, fsys, test.command)
			c.ask(test.record, test.reply)
			if test.stored != "" {
				c.ask("abc\x00", "\x00")
			}
			_, err := c.end()
			if test.stored == "" {
				exitOne(t, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "abc", get(t, fsys, test.stored))
		})
	}
	for command, told := range map[string]string{
		"scp -d -t none": "none: No such file or directory", "scp -d -t file": "file: Not a directory",
		"scp -t *": "*: ambiguous target", "scp -t " + vfs.ReservedPrefix: vfs.ReservedPrefix + ": Permission denied",
	} {
		out, err := newRaw(t, &scp.Handler{}, tree(t, files, "d"), command).rest()
		exitOne(t, err)
		assert.Equal(t, "\x01scp: "+told+"\n", out)
	}
}

func TestSinkTree(t *testing.T) { // ProFTPD bugs 4235, 4257, 3447 and 3792
	fsys := tree(t, nil, "to")
	c := sink(t, fsys, "scp -r -p -d -t to")
	for _, dir := range []string{"one", "two"} {
		c.ask("T100 0 200 0\n", "\x00")
		c.ask("D0550 0 "+dir+"\n", "\x00")
		c.ask("T300 0 400 0\n", "\x00")
		c.ask("C0640 3 f\n", "\x00")
		c.ask("abc\x00", "\x00")
		c.ask("E\n", "\x00")
	}
	_, err := c.end()
	require.NoError(t, err)
	for name, want := range map[string]struct {
		mode         fs.FileMode
		mtime, atime int64
	}{"to/one": {fs.ModeDir | 0o550, 100, 200}, "to/two/f": {0o640, 300, 400}} {
		fi, err := fsys.Stat(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, want.mode, fi.Mode(), name)
		assert.Equal(t, time.Unix(want.mtime, 0), fi.ModTime(), name)
		assert.Equal(t, time.Unix(want.atime, 0), vfs.SysOf(fi).Atime, name)
	}
}

func TestSinkDepth(t *testing.T) {
	fsys := memfs.New()
	c := sink(t, fsys, "scp -r -t .")
	for range 64 {
		c.ask("D0755 0 d\n", "\x00")
	}
	c.say("D0755 0 d\n")
	c.want("\x01scp: ./d")
	c.conn.Read(make([]byte, 1024))
	for range 64 {
		c.ask("E\n", "\x00")
	}
	_, err := c.end()
	exitOne(t, err)
	assert.Len(t, names(t, fsys), 65)
}

// An upload that its client does not finish leaves what was there, whatever it
// is that is missing.
func TestSinkAborted(t *testing.T) {
	long := strings.Repeat("x", 600<<10)
	for name, text := range map[string]string{
		"no data":           "C0644 3 f\n",
		"short":             "C0644 3 f\nab",
		"without last byte": "C0644 3 f\nabc",
		"long":              fmt.Sprintf("C0644 %d f\n%s", len(long)+1, long),
		"long, last byte":   fmt.Sprintf("C0644 %d f\n%s", len(long), long),
	} {
		t.Run(name, func(t *testing.T) {
			rec := &recorder{}
			fsys := tree(t, map[string]string{"f": "old"})
			c := sink(t, fsys, "scp -t .", func(_ *auth.Identity, o *sshd.PipeOptions) { o.Sink = rec })
			head, data, _ := strings.Cut(text, "\n")
			c.ask(head+"\n", "\x00")
			c.say(data)
			_, err := c.end()
			assert.ErrorIs(t, err, quaymaster.ErrConnLost)
			assert.Equal(t, "old", get(t, fsys, "f"))
			uploads := rec.of(quaymaster.KindUpload)
			require.Len(t, uploads, 1)
			assert.Equal(t, quaymaster.Aborted, uploads[0].Verdict)
			assert.Equal(t, "scp", uploads[0].Conn.Protocol)
		})
	}
	t.Run("within a directory", func(t *testing.T) {
		c := sink(t, memfs.New(), "scp -r -t .")
		c.ask("D0755 0 d\n", "\x00")
		_, err := c.end()
		assert.ErrorIs(t, err, quaymaster.ErrConnLost)
	})
}

// The source says that it could not read what it sent.
// curl and others with libssh2 end the stream where others confirm the file.
func TestSinkLibssh2(t *testing.T) {
	for _, c := range []struct {
		client, sent string
		published    bool
	}{
		{"SSH-2.0-libssh2_1.10.0", "abc", true},
		{"SSH-2.0-libssh2_1.10.0", "abc\x00", true},
		{"SSH-2.0-libssh2_1.10.0", "ab", false},
		{"SSH-2.0-libssh2_1.10.0", "abc\x02scp: it is not\n", false},
		{"SSH-2.0-OpenSSH_9.2", "abc", false},
	} {
		t.Run(c.client+" "+c.sent, func(t *testing.T) {
			fsys, seen := memfs.New(), &recorder{}
			r := sink(t, fsys, "scp -t f", func(_ *auth.Identity, o *sshd.PipeOptions) {
				o.Sink, o.Conn = seen, &quaymaster.Conn{ID: quaymaster.NewID(), Protocol: "scp", Client: c.client}
			})
			r.ask("C0644 3 f\n", "\x00")
			r.say(c.sent)
			r.end() // the last reply may find nobody
			uploads := seen.of(quaymaster.KindUpload)
			require.Len(t, uploads, 1)
			assert.Equal(t, c.published, uploads[0].Verdict == quaymaster.Complete, uploads[0].Verdict)
			_, err := fsys.Stat(t.Context(), "f")
			assert.Equal(t, c.published, err == nil)
		})
	}
}

func TestSinkBadSource(t *testing.T) {
	fsys := tree(t, map[string]string{"f": "old"})
	c := sink(t, fsys, "scp -t .")
	c.ask("C0644 3 f\n", "\x00")
	c.ask("abc\x01scp: f: Input/output error\n", "\x01scp: ./f: not stored, because it was not sent whole\n")
	c.say("\x01scp: g: Permission denied\n") // no reply to this
	c.ask("C0644 1 h\n", "\x00")
	c.ask("h\x00", "\x00")
	_, err := c.end()
	exitOne(t, err)
	assert.Equal(t, "old", get(t, fsys, "f"))
	assert.Equal(t, "h", get(t, fsys, "h"))

	c = sink(t, fsys, "scp -t .")
	c.say("\x02scp: that is it\n")
	out, err := c.rest()
	assert.ErrorContains(t, err, "that is it")
	assert.Empty(t, out)
}

// A disk that is full is told when the data was sent, and the next file is
// taken.
func TestSinkFull(t *testing.T) {
	for name, size := range map[string]int{"small": 2000, "long": 600 << 10} {
		t.Run(name, func(t *testing.T) {
			fsys := memfs.NewWith(memfs.Options{MaxBytes: 1000})
			put(t, fsys, "f", "old")
			c := sink(t, fsys, "scp -t .")
			c.ask(fmt.Sprintf("C0644 %d f\n", size), "\x00")
			c.ask(strings.Repeat("x", size)+"\x00", "\x01scp: ./f: No space left on device\n")
			c.ask("C0644 1 g\n", "\x00")
			c.ask("g\x00", "\x00")
			_, err := c.end()
			exitOne(t, err)
			assert.Equal(t, "old", get(t, fsys, "f"))
			assert.Equal(t, "g", get(t, fsys, "g"))
		})
	}
}

// The size is known before a byte was sent.
func TestSinkMaxFileSize(t *testing.T) {
	rec := &recorder{}
	fsys := tree(t, map[string]string{"f": "old"})
	c := sink(t, fsys, "scp -t .", func(id *auth.Identity, o *sshd.PipeOptions) { id.Limits.MaxFileSize, o.Sink = 3, rec })
	c.ask("C0644 4 f\n", "\x01scp: ./f: Disk quota exceeded\n")
	c.ask("C0644 3 g\n", "\x00")
	c.ask("abc\x00", "\x00")
	_, err := c.end()
	exitOne(t, err)
	assert.Equal(t, "old", get(t, fsys, "f"))
	uploads := rec.of(quaymaster.KindUpload)
	require.Len(t, uploads, 2)
	assert.ErrorIs(t, uploads[0].Err, vfs.ErrQuota)
	assert.NoError(t, uploads[1].Err)
}

// Policy decides about all that scp does.
func TestSinkPermit(t *testing.T) {
	var denied vfs.OpKind
	permit := func(id *auth.Identity, _ *sshd.PipeOptions) {
		id.Permit = func(_ context.Context, op *vfs.Op) error {
			if op.Kind == denied && op.Name != "." {
				return fs.ErrPermission
			}
			return nil
		}
	}
	denied = vfs.OpOpen
	fsys := memfs.New()
	c := sink(t, fsys, "scp -r -p -t .", permit)
	c.ask("C0644 3 f\n", "\x01scp: ./f: Permission denied\n")
	_, err := c.end()
	exitOne(t, err)

	denied = vfs.OpMkdir
	c = sink(t, fsys, "scp -r -p -t .", permit)
	c.ask("D0755 0 d\n", "\x01scp: ./d: Permission denied\n")
	_, err = c.end()
	exitOne(t, err)
	assert.Equal(t, []string{"."}, names(t, fsys))

	denied = vfs.OpSetAttr // the content is stored
	c = sink(t, fsys, "scp -r -p -t .", permit)
	c.ask("C0644 3 f\n", "\x00")
	c.ask("abc\x00", "\x01scp: ./f: Permission denied\n")
	c.ask("D0755 0 d\n", "\x00")
	c.ask("E\n", "\x01scp: ./d: Permission denied\n")
	_, err = c.end()
	exitOne(t, err)
	assert.Equal(t, "abc", get(t, fsys, "f"))

	lenient := newRaw(t, &scp.Handler{IgnoreAttrs: true}, fsys, "scp -r -p -t .", permit)
	lenient.want("\x00")
	lenient.ask("C0644 3 f\n", "\x00")
	lenient.ask("abd\x00", "\x00")
	_, err = lenient.end()
	require.NoError(t, err)
	assert.Equal(t, "abd", get(t, fsys, "f"))
}

// The reply says that the file is published, and comes no sooner.
func TestSinkRepliesAfterClose(t *testing.T) {
	fsys := memfs.New()
	c := sink(t, fsys, "scp -t .")
	c.ask("C0644 3 f\n", "\x00")
	c.say("abc")
	_, err := fsys.Stat(t.Context(), "f")
	assert.ErrorIs(t, err, fs.ErrNotExist, "published without the last byte")
	c.ask("\x00", "\x00")
	assert.Equal(t, "abc", get(t, fsys, "f"))
	_, err = c.end()
	require.NoError(t, err)

	failing := errors.New("/host/path: no")
	c = sink(t, faultyClose(fsys, failing), "scp -t .")
	c.ask("C0644 3 g\n", "\x00")
	c.ask("abc\x00", "\x01scp: ./g: Input/output error\n")
	_, err = c.end()
	exitOne(t, err)
	assert.ErrorIs(t, err, failing, "the log has it all")
}

func TestStartDir(t *testing.T) {
	fsys := tree(t, nil, "home")
	for _, command := range []string{"scp -t a", "scp -t ~/a", "scp -t /home/a", "scp -t ~//home/../a"} {
		c := newRaw(t, &scp.Handler{StartDir: "home"}, fsys, command)
		c.want("\x00")
		c.ask("C0644 3 f\n", "\x00")
		c.ask("abc\x00", "\x00")
		_, err := c.end()
		require.NoError(t, err)
		assert.Equal(t, "abc", get(t, fsys, "home/a"))
		require.NoError(t, fsys.Remove(t.Context(), "home/a"))
	}
}
