package scp_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/scp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/osfs"
)

// client is a server over a real directory, and a program that copies to and
// from it.
type client struct {
	t    *testing.T
	root string // what is served
	here string // where the program works
	args []string
	host string // prefix of a path on the server
}

func newClient(t *testing.T, args func(*peer.SSH) []string) *client {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the names and modes of these tests are those of Unix")
	}
	c := &client{t: t, root: t.TempDir(), here: t.TempDir()}
	fsys, err := osfs.Open(c.root, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, fsys.Close()) })
	s := peer.StartSSH(t, &sshd.Server{Commands: map[string]sshd.Handler{"scp": &scp.Handler{}}}, fsys)
	c.args, c.host = args(s), "u@"+s.Host+":"
	return c
}

func openSSH(t *testing.T) *client {
	program := peer.Need(t, "scp", "openssh-client")
	return newClient(t, func(s *peer.SSH) []string { return append([]string{program, "-O"}, s.Options()...) })
}

func putty(t *testing.T) *client {
	program := peer.Need(t, "pscp", "putty-tools")
	return newClient(t, func(s *peer.SSH) []string {
		return []string{program, "-scp", "-batch", "-hostkey", s.Fingerprint, "-P", s.Port, "-pw", s.Password}
	})
}

// run copies; ":x" is x on the server.
func (c *client) run(args ...string) (string, error) {
	c.t.Helper()
	all := append([]string{}, c.args[1:]...)
	for _, a := range args {
		if remote, ok := strings.CutPrefix(a, ":"); ok {
			a = c.host + remote
		}
		all = append(all, a)
	}
	cmd := exec.CommandContext(c.t.Context(), c.args[0], all...)
	cmd.Dir, cmd.WaitDelay = c.here, 10*time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (c *client) ok(args ...string) {
	c.t.Helper()
	out, err := c.run(args...)
	require.NoError(c.t, err, "%v: %s", args, out)
}

// bad wants exit status 1, and that the user is told.
func (c *client) bad(told string, args ...string) {
	c.t.Helper()
	out, err := c.run(args...)
	var exit *exec.ExitError
	require.ErrorAs(c.t, err, &exit, "%v: %s", args, out)
	assert.Equal(c.t, 1, exit.ExitCode(), "%v: %s", args, out)
	assert.Contains(c.t, out, told, args)
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	file := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
}

func has(t *testing.T, dir, name, content string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	require.True(t, content == string(got), "%s: %d bytes, want %d", name, len(got), len(content))
}

// big takes several chunks and does not end with one.
func big() string {
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return b.String()
}

func TestOpenSSHFiles(t *testing.T) {
	c := openSSH(t)
	whole := big()
	write(t, c.here, "a", whole)
	write(t, c.here, "empty", "")
	write(t, c.here, "chunk", strings.Repeat("c", 256<<10))
	write(t, c.here, "chunk+1", strings.Repeat("c", 256<<10+1))
	write(t, c.here, "two", strings.Repeat("c", 512<<10))
	for _, name := range []string{"a", "empty", "chunk", "chunk+1", "two"} {
		want, err := os.ReadFile(filepath.Join(c.here, name))
		require.NoError(t, err)
		c.ok(name, ":")
		has(t, c.root, name, string(want))
		c.ok(":"+name, "back")
		has(t, c.here, "back", string(want))
	}
	write(t, c.here, "small", "new")
	c.ok("small", ":a") // shorter than what is there
	has(t, c.root, "a", "new")
	c.ok("a", "small", "empty", ":~/")
	has(t, c.root, "a", whole)
	require.NoError(t, os.Mkdir(filepath.Join(c.root, "d"), 0o755))
	c.ok("a", ":d")
	has(t, c.root, "d/a", whole)
	c.ok("a", ":/d/b")
	has(t, c.root, "d/b", whole)
	c.ok("-r", ":d/a", ":d/b", ":d", ".")
	has(t, c.here, "b", whole)
	has(t, c.here, "d/b", whole)
}

func TestOpenSSHTrees(t *testing.T) {
	c := openSSH(t)
	write(t, c.here, "tree/x/y/deep", "deep")
	write(t, c.here, "tree/flat", "flat")
	require.NoError(t, os.MkdirAll(filepath.Join(c.here, "tree/hollow"), 0o755))
	past := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	for _, name := range []string{"tree/flat", "tree/x/y", "tree/hollow"} {
		require.NoError(t, os.Chtimes(filepath.Join(c.here, name), past, past))
	}
	require.NoError(t, os.Chmod(filepath.Join(c.here, "tree/flat"), 0o640))
	require.NoError(t, os.Chmod(filepath.Join(c.here, "tree/x/y"), 0o550))
	defer func() {
		for _, dir := range []string{c.here + "/tree/x/y", c.root + "/new/x/y", c.root + "/tree/x/y", c.here + "/again/x/y"} {
			require.NoError(t, os.Chmod(dir, 0o755)) // so that it can be removed
		}
	}()
	c.ok("-r", "tree", ":new")
	has(t, c.root, "new/x/y/deep", "deep")
	assert.DirExists(t, filepath.Join(c.root, "new/hollow"))
	dir, err := os.Stat(filepath.Join(c.root, "new/x/y"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o550), dir.Mode().Perm())

	c.ok("-rp", "tree", ":")
	c.ok("-r", "-p", ":tree", "again")
	for _, at := range []string{c.root + "/tree", c.here + "/again"} {
		for name, mode := range map[string]os.FileMode{"flat": 0o640, "x/y": 0o550, "hollow": 0o755} {
			fi, err := os.Stat(filepath.Join(at, name))
			require.NoError(t, err)
			assert.Equal(t, past, fi.ModTime().UTC(), "%s/%s", at, name)
			assert.Equal(t, mode, fi.Mode().Perm(), "%s/%s", at, name)
		}
		has(t, at, "x/y/deep", "deep")
	}
	c.ok("-r", "tree/x", "tree/hollow", ":new") // several directories
	has(t, c.root, "new/x/y/deep", "deep")
	c.bad("not a regular file", ":tree", "no")
	c.bad("ask for the files in it", "-r", ":.", "no")
	c.bad("Not a directory", "-r", "tree", ":new/flat")
}

func TestOpenSSHNames(t *testing.T) {
	c := openSSH(t)
	// What the user writes for the shell on the other side, and the name.
	for quoted, name := range map[string]string{
		`"with blank"`: "with blank", `it\'s`: "it's", `'$HOME'`: "$HOME", `back\;tick`: "back;tick", `"a*b"`: "a*b",
		`a\[1\]`: "a[1]", "ünï": "ünï", `-dash`: "-dash", `~u`: "~u", `'#'`: "#", `{a,b}`: "{a,b}", `'	'`: "\t",
	} {
		if strings.ContainsAny(name, "\t") { // a control character
			write(t, c.root, name, name)
			c.bad("control character", ":"+quoted, "no")
			require.NoError(t, os.Remove(filepath.Join(c.root, name)))
			continue
		}
		write(t, c.here, name, name)
		c.ok("./"+name, ":"+quoted)
		has(t, c.root, name, name)
		require.NoError(t, os.Remove(filepath.Join(c.here, name)))
		c.ok("-T", ":"+quoted, ".") // the client would not see through the quotes
		has(t, c.here, name, name)
	}
	// With the escapes as they are, there are no others.
	entries, err := filepath.Glob(filepath.Join(c.root, "[^.]*"))
	require.NoError(t, err)
	assert.Len(t, entries, 11)

	for _, line := range []string{`$(id)`, "`id`", `a;id`, `a|b`, `a>b`, `"$HOME"`, `a&`, `'open`} {
		c.bad("shell syntax is not available", ":"+line, "no")
		c.bad("shell syntax is not available", "it's", ":"+line)
	}
	assert.NoFileExists(t, filepath.Join(c.here, "no"))
}

func TestOpenSSHGlob(t *testing.T) {
	c := openSSH(t)
	for _, name := range []string{"dir/a.csv", "dir/b.csv", "dir/.c.csv", "dir/d.txt", "dir/lit*.csv", "other/a.csv"} {
		write(t, c.root, name, name)
	}
	require.NoError(t, os.Mkdir(filepath.Join(c.here, "to"), 0o755))
	c.ok(":*/[!b].csv", "to")
	has(t, c.here, "to/a.csv", "other/a.csv") // the later one
	assert.NoFileExists(t, filepath.Join(c.here, "to/b.csv"))
	c.ok(":dir/*.csv", "to")
	has(t, c.here, "to/b.csv", "dir/b.csv")
	assert.NoFileExists(t, filepath.Join(c.here, "to/.c.csv"))
	require.NoError(t, os.RemoveAll(filepath.Join(c.here, "to")))
	require.NoError(t, os.Mkdir(filepath.Join(c.here, "to"), 0o755))
	c.ok(`:dir/lit\*.csv`, "to")
	entries, err := os.ReadDir(filepath.Join(c.here, "to"))
	require.NoError(t, err)
	assert.Len(t, entries, 1)
	c.bad("dir/*.pdf: No such file or directory", ":dir/*.pdf", "to")
	c.bad("nothing: No such file or directory", ":nothing", "to")
	c.ok("-T", ":~/dir/d.txt", "to")
	has(t, c.here, "to/d.txt", "dir/d.txt")
}

func TestOpenSSHFailures(t *testing.T) {
	c := openSSH(t)
	write(t, c.here, "a", big())
	write(t, c.here, "b", "b")
	c.bad("No such file or directory", "a", ":nodir/a")
	c.bad("No such file or directory", "a", "b", ":nodir")
	write(t, c.root, "file", "file")
	c.bad("Not a directory", "a", "b", ":file")
	has(t, c.root, "file", "file")
	// One that fails does not keep the others.
	require.NoError(t, os.MkdirAll(filepath.Join(c.root, "to/a"), 0o755))
	c.bad("Is a directory", "a", "b", ":to")
	has(t, c.root, "to/b", "b")
	c.bad("No such file or directory", ":nothing", ":file", ".")
	has(t, c.here, "file", "file")
	// Nothing leads out of the root.
	c.ok("b", ":../../../up")
	has(t, c.root, "up", "b")
}

// A client that dies in an upload leaves the old file.
func TestOpenSSHBrokenUpload(t *testing.T) {
	c := openSSH(t)
	write(t, c.root, "f", "old")
	write(t, c.here, "f", strings.Repeat("0123456789abcdef", 1<<18))
	args := append([]string{"-l", "4000"}, c.args[1:]...) // Kbit/s
	cmd := exec.CommandContext(t.Context(), c.args[0], append(args, "f", c.host)...)
	cmd.Dir, cmd.WaitDelay = c.here, 10*time.Second
	require.NoError(t, cmd.Start())
	staged := func() []string {
		found, err := filepath.Glob(filepath.Join(c.root, vfs.ReservedPrefix+"*"))
		require.NoError(t, err)
		return slices.DeleteFunc(found, func(name string) bool { return strings.HasSuffix(name, "journal") })
	}
	require.Eventually(t, func() bool { return len(staged()) > 0 }, 30*time.Second, 10*time.Millisecond, "nothing arrives")
	require.NoError(t, cmd.Process.Kill())
	cmd.Wait() // reports the kill
	require.Eventually(t, func() bool { return len(staged()) == 0 }, 30*time.Second, 10*time.Millisecond, "something stays")
	has(t, c.root, "f", "old")
}

func TestPuTTY(t *testing.T) {
	c := putty(t)
	whole := big()
	write(t, c.here, "a", whole)
	write(t, c.here, "with blank", "blank")
	write(t, c.here, "tree/x/y", "deep")
	past := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	require.NoError(t, os.Chtimes(filepath.Join(c.here, "a"), past, past))
	c.ok("-p", "a", ":")
	has(t, c.root, "a", whole)
	fi, err := os.Stat(filepath.Join(c.root, "a"))
	require.NoError(t, err)
	assert.Equal(t, past, fi.ModTime().UTC())
	c.ok("-p", ":a", "back")
	has(t, c.here, "back", whole)
	c.ok("with blank", ":")
	has(t, c.root, "with blank", "blank")
	c.ok(`:"with blank"`, "blank")
	has(t, c.here, "blank", "blank")
	c.ok("-r", "tree", ":")
	has(t, c.root, "tree/x/y", "deep")
	c.ok("-r", ":tree", "again")
	has(t, c.here, "again/x/y", "deep")
	c.ok("-unsafe", ":tree/x/*", "tree")
	has(t, c.here, "tree/y", "deep")
	out, err := c.run(":nothing", "no")
	assert.Error(t, err)
	assert.Contains(t, out, "No such file or directory")
}

func run(t *testing.T, program string, args ...string) {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	require.NoError(t, err, string(out))
}
