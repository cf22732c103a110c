package sshd_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// texts returns the words without what is to be matched.
func texts(words []sshd.Word) []string {
	list := []string{}
	for _, w := range words {
		list = append(list, w.Text)
	}
	return list
}

func TestParseWords(t *testing.T) {
	for line, want := range map[string][]string{
		"":                            {},
		" \t ":                        {},
		"scp -t dir":                  {"scp", "-t", "dir"},
		"  scp\t-t  dir ":             {"scp", "-t", "dir"},
		`scp -r -p -d -t "with b"`:    {"scp", "-r", "-p", "-d", "-t", "with b"}, // WinSCP
		`scp -t "a\"b\\c\$d\` + "`\"": {"scp", "-t", "a\"b\\c$d`"},
		`"a\b\'c"`:                    {`a\b\'c`},
		`'a\b"$c'`:                    {`a\b"$c`},
		`it\'s`:                       {"it's"},
		`'it'"'"'s'`:                  {"it's"}, // libssh2, Python's shlex
		`'a'\!'b'`:                    {"a!b"},  // libssh2
		`a\ b c\;d`:                   {"a b", "c;d"},
		`a""b "" ''`:                  {"ab", "", ""},
		`~ ~/x ~u a~ "~" \~ ~"/x"`:    {".", "./x", "~u", "a~", "~", "~", "~/x"},
		`a=b {a,b} a#b !`:             {"a=b", "{a,b}", "a#b", "!"},
		"'\n'":                        {"\n"},
		"ünï \xff":                    {"ünï", "\xff"},
	} {
		got, err := sshd.ParseWords(line)
		require.NoError(t, err, line)
		assert.Equal(t, want, texts(got), line)
	}
	for _, line := range []string{
		"a;b", "a; id", "a&b", "a|b", "`id`", "$(id)", "a$", "$HOME", "(a)", "a)", "a<b", "a>b", "a\nb", "a\x00b", "#a", "a #b",
		`"$a"`, "\"`a`\"", "'a", `"a`, `"a\"`, `a\`, "a\\\nb", "\"a\\\nb\"", "'a\x00'", "\"\x00\"", "\\\x00",
	} {
		words, err := sshd.ParseWords(line)
		assert.ErrorIs(t, err, sshd.ErrShellSyntax, line)
		assert.Nil(t, words, line)
	}
}

func TestWordPatterns(t *testing.T) {
	for line, want := range map[string]string{
		"a":         "",
		`\*`:        "",
		`'a*'`:      "",
		`"[a]"`:     "",
		"*":         "*",
		`a*`:        "a*",
		`a\*b*`:     `a\*b*`,
		`'a*'?`:     `a\*?`,
		`"\\"*`:     `\\*`,
		"[!a]":      "[^a]",
		"[a!]":      "[a!]",
		`[\!a]`:     `[!a]`,
		`["a-z"]`:   `[a\-z]`,
		"[[!a]":     "[[!a]",
		"[!a][!b]*": "[^a][^b]*",
		"[a/[!b]":   "[a/[^b]",
		"!*":        "!*",
		"~/*":       "./*",
	} {
		words, err := sshd.ParseWords(line)
		require.NoError(t, err, line)
		require.Len(t, words, 1, line)
		assert.Equal(t, want, words[0].Pattern, line)
	}
}

// FuzzParseWords takes any line: what a pattern of quoted characters matches
// is its text, and quoting a word gives it back.
func FuzzParseWords(f *testing.F) {
	for _, line := range []string{`scp -t "a b" 'c' d\e *.csv ~/x`, "a;b", `"\"`, "[!a]*", "$(id)", "'", `a"*"*\*`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := sshd.ParseWords(line)
		if err != nil {
			require.ErrorIs(t, err, sshd.ErrShellSyntax)
			return
		}
		quoted := ""
		for _, w := range words {
			if w.Pattern != "" && !strings.Contains(w.Pattern, "/") && !strings.ContainsAny(w.Text, "[") {
				ok, err := path.Match(w.Pattern, w.Text)
				require.True(t, ok && err == nil, "%q does not match its own text %q: %v", w.Pattern, w.Text, err)
			}
			require.NotContains(t, w.Text, "\x00")
			quoted += " '" + strings.ReplaceAll(w.Text, "'", `'\''`) + "'"
		}
		again, err := sshd.ParseWords(quoted)
		require.NoError(t, err)
		require.Equal(t, texts(words), texts(again))
		for _, w := range again {
			require.Empty(t, w.Pattern, "quoted, so nothing to match")
		}
	})
}

// A real shell must see the same words, in lines that it can't expand.
func TestWordsAsShell(t *testing.T) {
	sh := peer.Need(t, "sh", "dash")
	for _, line := range []string{
		`a b`, `"a b"  c`, `'a'"b"\c`, `a\ b`, `"\a\"\\\$"`, `"it's"`, `'"'`, `"" ''`, `a=b {a,b} a#b`, `\~ "~" a~`, `"a	b"	c`, `'a\'`, `-n -- -e`,
	} {
		words, err := sshd.ParseWords(line)
		require.NoError(t, err, line)
		out, err := exec.Command(sh, "-fc", `for w in `+line+`; do printf '<%s>' "$w"; done`).Output()
		require.NoError(t, err, line)
		want := ""
		for _, text := range texts(words) {
			want += "<" + text + ">"
		}
		assert.Equal(t, string(out), want, line)
	}
}

func globFS(t *testing.T, files ...string) *memfs.FS {
	t.Helper()
	fsys := memfs.New()
	for _, name := range files {
		for i := range name {
			if name[i] == '/' {
				if err := fsys.Mkdir(t.Context(), name[:i], 0o755); err != nil {
					require.ErrorIs(t, err, fs.ErrExist)
				}
			}
		}
		f, err := vfs.CreateAtomic(t.Context(), fsys, name, 0o644)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	return fsys
}

func TestGlob(t *testing.T) {
	fsys := globFS(t, "a/x.csv", "a/y.csv", "a/.z.csv", "a/lit*", "b/x.csv", "b/d/x.csv", "c[1]", "top")
	for line, want := range map[string][]string{
		"a/*.csv":      {"a/x.csv", "a/y.csv"},
		"/a/*.csv":     {"/a/x.csv", "/a/y.csv"},
		"./a/x*":       {"./a/x.csv"},
		"~/a/x*":       {"./a/x.csv"},
		"*/x.csv":      {"a/x.csv", "b/x.csv"},
		"*/*/x.csv":    {"b/d/x.csv"},
		"*":            {"a", "b", "c[1]", "top"},
		"[ab]":         {"a", "b"},
		"[!ab]*":       {"c[1]", "top"},
		"a/.*":         {"a/.z.csv"},
		`a/lit\**`:     {"a/lit*"},
		"c[1]":         {"c[1]"}, // what matches nothing is itself
		`c\[?]`:        {"c[1]"},
		"*.pdf":        {"*.pdf"},
		"no/*":         {"no/*"},
		"top/*":        {"top/*"},
		"[":            {"["},
		"*/d":          {"b/d"},
		"../../a/x*":   {"../../a/x.csv"}, // as a path it stays below the root
		"*//x.csv":     {"a/x.csv", "b/x.csv"},
		`'*'`:          {"*"},
		"plain":        {"plain"},
		`"a/"*"."csv`:  {"a/x.csv", "a/y.csv"},
		".quaymaster*": {".quaymaster*"},
	} {
		words, err := sshd.ParseWords(line)
		require.NoError(t, err, line)
		got, err := words[0].Glob(t.Context(), fsys, ".")
		require.NoError(t, err, line)
		assert.Equal(t, want, got, line)
	}
	words, err := sshd.ParseWords("*.csv /*")
	require.NoError(t, err)
	got, err := words[0].Glob(t.Context(), fsys, "b")
	require.NoError(t, err)
	assert.Equal(t, []string{"x.csv"}, got)
	got, err = words[1].Glob(t.Context(), fsys, "b")
	require.NoError(t, err)
	assert.Equal(t, []string{"/a", "/b", "/c[1]", "/top"}, got)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = words[0].Glob(ctx, fsys, ".")
	assert.ErrorIs(t, err, context.Canceled)
}

// hugeDir is a directory that never ends.
type hugeDir struct{ vfs.FS }

func (hugeDir) OpenDir(context.Context, string) (vfs.Dir, error) { return endless{}, nil }

type endless struct{}

func (endless) Close() error { return nil }
func (endless) ReadDir(n int) ([]fs.DirEntry, error) {
	list := make([]fs.DirEntry, n)
	for i := range list {
		list[i] = fs.FileInfoToDirEntry(nameOnly{})
	}
	return list, nil
}

type nameOnly struct{ fs.FileInfo }

func (nameOnly) Name() string { return "aaaaaaaaaaaaaaaaaaaaaaaa" }

// Matching takes no time that a pattern can drive up, and no memory.
func TestGlobBounds(t *testing.T) {
	for _, line := range []string{"*", "*/*/*/*", strings.Repeat("*a", 9) + "b", strings.Repeat("*/", 2000) + "*"} {
		words, err := sshd.ParseWords(line)
		require.NoError(t, err)
		_, err = words[0].Glob(t.Context(), hugeDir{memfs.New()}, ".")
		assert.ErrorIs(t, err, sshd.ErrTooManyMatches)
	}
}

func TestErrorText(t *testing.T) {
	for err, want := range map[error]string{
		sshd.ErrTooManyMatches:     "Argument list too long",
		vfs.ErrEscape:              "Path leads out of your folder",
		vfs.ErrReadOnly:            "Read-only file system",
		vfs.ErrLocked:              "File is being written by another session",
		vfs.ErrNoSpace:             "No space left on device",
		vfs.ErrQuota:               "Disk quota exceeded",
		vfs.ErrNotEmpty:            "Directory not empty",
		vfs.ErrIsDir:               "Is a directory",
		vfs.ErrNotDir:              "Not a directory",
		vfs.ErrNotRegular:          "not a regular file",
		vfs.ErrCrossDevice:         "Invalid cross-device link",
		vfs.ErrLoop:                "Too many levels of symbolic links",
		vfs.ErrNameTooLong:         "File name too long",
		fs.ErrNotExist:             "No such file or directory",
		fs.ErrPermission:           "Permission denied",
		fs.ErrExist:                "File exists",
		errors.ErrUnsupported:      "Operation not supported",
		fs.ErrInvalid:              "Invalid argument",
		quaymaster.ErrServerClosed: "Server is shutting down",
		context.Canceled:           "Session ended",
		quaymaster.ErrConnLost:     "Session ended",
		quaymaster.ErrIdle:         "Session ended",
		quaymaster.ErrKicked:       "Session ended",
		quaymaster.ErrLifetime:     "Session ended",
	} {
		text, known := sshd.ErrorText(&fs.PathError{Op: "open", Path: "/x", Err: err})
		assert.True(t, known, want)
		assert.Equal(t, want, text)
	}
	text, known := sshd.ErrorText(errors.New("/host/path: secret"))
	assert.False(t, known)
	assert.Equal(t, "Input/output error", text)
}

func TestPrintable(t *testing.T) {
	assert.Equal(t, "a?[31m?b ü", sshd.Printable("a\x1b[31m\nb ü"))
	assert.Equal(t, "?", sshd.Printable("\xff"))
	assert.Len(t, sshd.Printable(strings.Repeat("ü", 4000)), 1024+3)
}

// The name of the command is the first word, as the handler sees it.
func TestCommandNames(t *testing.T) {
	c := dial(t, start(t, &sshd.Server{MaxChannels: 100, Commands: map[string]sshd.Handler{
		"hello": sshd.HandlerFunc(func(_ context.Context, s *sshd.Session) error {
			words, err := s.Args()
			if err != nil {
				return &sshd.ExitError{Code: 127, Err: err}
			}
			_, err = io.WriteString(s, s.Conn().Protocol+":"+strings.Join(texts(words), "|"))
			return err
		}),
	}}))
	for line, want := range map[string]string{
		"hello": "hello:hello", "  hello a": "hello:hello|a", `"hello" 'a b'`: "hello:hello|a b", `he\llo`: "hello:hello", "hello\ta": "hello:hello|a",
	} {
		out, err := newSession(t, c).Output(line)
		require.NoError(t, err, line)
		assert.Equal(t, want, string(out), line)
	}
	for _, line := range []string{"", "/bin/hello", "./hello", "hello;id", "$(hello)", "hell?", "HELLO", "'hello x'", "A=b hello", "'hello"} {
		_, err := newSession(t, c).Output(line)
		assert.ErrorContains(t, err, "failed", line)
	}
	_, err := newSession(t, c).Output("hello a; id")
	assert.ErrorContains(t, err, "status 127")
}
