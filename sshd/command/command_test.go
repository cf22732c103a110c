package command_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/sshd/command"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
	"github.com/quaymaster/quaymaster/vfs/osfs"
	"github.com/quaymaster/quaymaster/vfs/vfstest"
)

// pipe is a client that sends in and keeps what comes.
type pipe struct {
	*bytes.Reader
	out, stderr bytes.Buffer
}

func (p *pipe) Write(b []byte) (int, error) { return p.out.Write(b) }
func (p *pipe) Close() error                { return nil }

// run runs a command line; code is its exit status.
func run(t *testing.T, fsys vfs.FS, line, in string) (out, stderr string, code int) {
	t.Helper()
	return runWith(t, &command.Handler{}, &auth.Identity{User: "u", Home: auth.Home(fsys)}, line, in)
}

func runWith(t *testing.T, h *command.Handler, id *auth.Identity, line, in string) (out, stderr string, code int) {
	t.Helper()
	p := &pipe{Reader: bytes.NewReader([]byte(in))}
	s := sshd.NewSession(t.Context(), p, id, &sshd.PipeOptions{
		Command: line, Logger: slog.New(slog.DiscardHandler), Stderr: &p.stderr,
	})
	err := h.ServeSSH(t.Context(), s)
	s.Close(err)
	var exit *sshd.ExitError
	if errors.As(err, &exit) {
		code = exit.Code
	} else {
		require.NoError(t, err)
	}
	return p.out.String(), p.stderr.String(), code
}

func tree(t *testing.T) *memfs.FS {
	t.Helper()
	fsys := memfs.New()
	require.NoError(t, fsys.Mkdir(t.Context(), "d", 0o755))
	for name, content := range map[string]string{
		"a": "abc", "empty": "", "with blank": "b", `back\slash`: "c", "d/x": "x", "d/y": "y", "-n": "dash", "big": strings.Repeat("0123456789", 1<<16),
	} {
		f, err := vfs.CreateAtomic(t.Context(), fsys, name, 0o644)
		require.NoError(t, err)
		_, err = f.WriteAt([]byte(content), 0)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	return fsys
}

const (
	shaABC   = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	shaEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

func TestCommands(t *testing.T) {
	sha := func(content string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(content))) }
	for _, test := range []struct{ line, in, out, stderr string }{
		{"sha256sum a", "", shaABC + "  a\n", ""},
		{"sha256sum", "", shaEmpty + "  -\n", ""},
		{"sha256sum", "abc", shaABC + "  -\n", ""},
		{"sha256sum -", "abc", shaABC + "  -\n", ""},
		{"sha256sum - a", "abc", shaABC + "  -\n" + shaABC + "  a\n", ""},
		{"sha256sum -b a", "", shaABC + " *a\n", ""},
		{"sha256sum -bt -- a", "", shaABC + "  a\n", ""},
		{"sha256sum /a ~/a ./a", "", shaABC + "  /a\n" + shaABC + "  ./a\n" + shaABC + "  ./a\n", ""},
		{`sha256sum with\ blank`, "", sha("b") + "  with blank\n", ""},
		{`sha256sum 'back\slash'`, "", `\` + sha("c") + `  back\\slash` + "\n", ""},
		{"sha256sum d/*", "", sha("x") + "  d/x\n" + sha("y") + "  d/y\n", ""},
		{"sha256sum -- -n", "", sha("dash") + "  -n\n", ""},
		{"sha256sum ../../a", "", shaABC + "  ../../a\n", ""},
		{"md5sum", "", "d41d8cd98f00b204e9800998ecf8427e  -\n", ""}, // rclone's probes
		{"sha1sum", "", "da39a3ee5e6b4b0d3255bfef95601890afd80709  -\n", ""},
		{"crc32", "", "00000000\n", ""},
		{"crc32 a", "", "352441c2\n", ""},
		{"crc32 a empty", "", "352441c2\ta\n00000000\tempty\n", ""},
		{"cksum a", "", "1219131554 3 a\n", ""},
		{"cksum", "", "4294967295 0\n", ""},
		{"echo ${ShellId}%ComSpec%", "", "%ComSpec%\n", ""},
		{"echo hello  'to  you'", "", "hello to  you\n", ""},
		{"echo", "", "\n", ""},
		{"pwd", "", "/\n", ""},
		{"pwd -P", "", "/\n", ""},
		{"cd", "", "", ""},
		{"cd d", "", "", ""},
		{"cd ~", "", "", ""},
		{"true", "", "", ""},
		{"true whatever -x", "", "", ""},
	} {
		out, stderr, code := run(t, tree(t), test.line, test.in)
		assert.Equal(t, test.out, out, test.line)
		assert.Equal(t, test.stderr, stderr, test.line)
		assert.Zero(t, code, test.line)
	}
}

func TestFailures(t *testing.T) {
	for _, test := range []struct{ line, out, stderr string }{
		{"sha256sum no a", shaABC + "  a\n", "sha256sum: no: No such file or directory\n"},
		{"sha256sum d", "", "sha256sum: d: Is a directory\n"},
		{"sha256sum *.pdf", "", "sha256sum: *.pdf: No such file or directory\n"},
		{"sha256sum 'a\x1b'", "", "sha256sum: a?: No such file or directory\n"},
		{"sha256sum '\xff'", "", "sha256sum: ?: Invalid argument\n"},
		{"sha256sum " + vfs.ReservedPrefix, "", "sha256sum: .quaymaster~: Permission denied\n"},
		{"sha256sum -c a", "", "sha256sum: not served in this form: -c\n"},
		{"sha256sum --tag a", "", "sha256sum: not served in this form: --tag\n"},
		{"cd no", "", "cd: no: No such file or directory\n"},
		{"cd a", "", "cd: a: Not a directory\n"},
		{"cd a d", "", "cd: not served in this form: d\n"},
		{"pwd -x", "", "pwd: not served in this form: -x\n"},
		{"df -h", "", "df: not served in this form: -h\n"},
		{"df no", "", "df: no: No such file or directory\n"},
		{"echo -n x", "", "echo: not served in this form: -n\n"},
		{"echo *", "", "echo: not served in this form: *\n"},
	} {
		out, stderr, code := run(t, tree(t), test.line, "")
		assert.Equal(t, test.out, out, test.line)
		assert.Equal(t, test.stderr, stderr, test.line)
		assert.Equal(t, 1, code, test.line)
	}
}

// Of a line that needs a shell nothing is run: CVE-2025-24366 and its kind.
func TestShellRefused(t *testing.T) {
	for _, line := range []string{
		"sha256sum a; id", "sha256sum a && id", "sha256sum a | id", "sha256sum `id`", "sha256sum $(id)", "sha256sum a > b",
		"sha256sum < a", "sha256sum a\nid", "sha256sum \"$HOME\"", "echo ${ShellId}%ComSpec% ", "echo ${HOME}", "echo $?", "sha256sum 'a",
	} {
		out, stderr, code := run(t, tree(t), line, "")
		assert.Empty(t, out, line)
		assert.Contains(t, stderr, "shell syntax is not available", line)
		assert.Equal(t, 127, code, line)
	}
	for _, line := range []string{"id", "rm a", "/usr/bin/sha256sum a", "./sha256sum a", "md5 -r", "sha256"} {
		out, stderr, code := run(t, tree(t), line, "")
		assert.Empty(t, out, line)
		assert.Contains(t, stderr, "command not found", line)
		assert.Equal(t, 127, code, line)
	}
}

// Policy decides about what a command reads, and nothing is read but by it.
func TestPermit(t *testing.T) {
	id := &auth.Identity{User: "u", Home: auth.Home(tree(t)), Permit: func(_ context.Context, op *vfs.Op) error {
		if op.Name == "a" || op.Kind == vfs.OpSpace || op.Kind == vfs.OpList {
			return fs.ErrPermission
		}
		return nil
	}}
	for line, told := range map[string]string{
		"sha256sum a":   "sha256sum: a: Permission denied\n",
		"cd a":          "cd: a: Permission denied\n",
		"df":            "df: .: Permission denied\n",
		"sha256sum d/*": "sha256sum: d/*: No such file or directory\n",
	} {
		out, stderr, code := runWith(t, &command.Handler{}, id, line, "")
		assert.Empty(t, out, line)
		assert.Equal(t, told, stderr, line)
		assert.Equal(t, 1, code, line)
	}
}

func TestReadError(t *testing.T) {
	fsys := vfstest.Faulty(tree(t), func(c vfstest.Call) error {
		if c.Op == "read" {
			return errors.New("/host/path: bad sector")
		}
		return nil
	})
	out, stderr, code := run(t, fsys, "sha256sum a", "")
	assert.Empty(t, out)
	assert.Equal(t, "sha256sum: a: Input/output error\n", stderr)
	assert.Equal(t, 1, code)
}

func TestStartDir(t *testing.T) {
	id := &auth.Identity{User: "u", Home: auth.Home(tree(t))}
	for line, want := range map[string]string{
		"pwd":            "/d\n",
		"crc32 x":        "8cdc1683\n",
		"crc32 ~/x":      "8cdc1683\n",
		"crc32 /d/x":     "8cdc1683\n",
		"crc32 * ../d/x": "8cdc1683\tx\nfbdb2615\ty\n8cdc1683\t../d/x\n",
	} {
		out, stderr, code := runWith(t, &command.Handler{StartDir: "d"}, id, line, "")
		assert.Equal(t, want, out, line)
		assert.Empty(t, stderr, line)
		assert.Zero(t, code)
	}
}

// spaceFS has a store of a known size.
type spaceFS struct {
	vfs.FS
	space vfs.Space
}

func (s spaceFS) Space(context.Context, string) (*vfs.Space, error) { return &s.space, nil }

func TestDF(t *testing.T) {
	for want, sp := range map[string]vfs.Space{
		"- 1000 400 500 45% /": {FragmentSize: 4096, Total: 250, Free: 150, Available: 125},
		"- 0 0 0 - /":          {},
		"- 2 1 1 50% /":        {FragmentSize: 512, Total: 4, Free: 2, Available: 2},
		"- 18014398509481984 0 18014398509481984 0% /": {FragmentSize: 1 << 20, Total: 1 << 44, Free: 1 << 44, Available: 1 << 44},
	} {
		for _, line := range []string{"df", "df -k", "df -kP /d", "df -k d"} {
			out, stderr, code := run(t, spaceFS{tree(t), sp}, line, "")
			assert.Empty(t, stderr)
			assert.Zero(t, code)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			require.Len(t, lines, 2)
			assert.Equal(t, want, strings.Join(strings.Fields(lines[1]), " "))
		}
	}
	_, stderr, code := run(t, struct{ vfs.FS }{tree(t)}, "df", "")
	assert.Equal(t, "df: .: Operation not supported\n", stderr)
	assert.Equal(t, 1, code)
}

func TestNames(t *testing.T) {
	assert.Equal(t, []string{
		"cd", "cksum", "crc32", "df", "echo", "md5sum", "pwd", "sha1sum", "sha224sum", "sha256sum", "sha384sum", "sha512sum", "true",
	}, command.Names())
	assert.Equal(t, command.Names(), slices.Sorted(maps.Keys(command.All())))
	h, err := command.Named("sha256sum")
	require.NoError(t, err)
	assert.NotNil(t, h)
	_, err = command.Named("id")
	assert.ErrorContains(t, err, `no command "id"; there are cd, `)
}

// What coreutils prints for the same files, byte for byte.
func TestAsCoreutils(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere programs of these names print something else")
	}
	root := t.TempDir()
	fsys, err := osfs.Open(root, nil)
	require.NoError(t, err)
	defer fsys.Close()
	for name, content := range map[string]string{
		"a": "abc", "empty": "", "with blank": "b", `back\slash`: "c", "big": strings.Repeat("0123456789", 1<<16), "ünï": "u",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(content), 0o644))
	}
	for _, program := range []string{"sha256sum", "sha512sum", "sha384sum", "sha224sum", "sha1sum", "md5sum", "cksum"} {
		for _, args := range []string{" a empty 'with blank' ünï big", " 'back\\slash'", " -b a", "", " no"} {
			if program == "cksum" && strings.Contains(args, "-b") {
				continue
			}
			line := program + args
			cmd := exec.Command(peer.Need(t, "sh", "dash"), "-c", peer.Need(t, program, "coreutils")+args)
			cmd.Dir, cmd.Stdin = root, strings.NewReader("input")
			var want, wantErr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &want, &wantErr
			wantCode := 0
			if err := cmd.Run(); err != nil {
				var exit *exec.ExitError
				require.ErrorAs(t, err, &exit)
				wantCode = exit.ExitCode()
			}
			out, stderr, code := run(t, fsys, line, "input")
			assert.Equal(t, want.String(), out, line)
			assert.Equal(t, wantCode, code, line)
			assert.Equal(t, wantErr.Len() > 0, stderr != "", line)
		}
	}
}

// FuzzCommand runs any line: no panic, nothing of the file system changes, and
// no more is printed than the line and the files can explain.
func FuzzCommand(f *testing.F) {
	for _, line := range []string{"sha256sum a", "md5sum -b 'with blank'", "df -k /", "cd d", "echo a b", "pwd", "cksum *", "true", "sha256sum a; id"} {
		f.Add(line, "input")
	}
	f.Fuzz(func(t *testing.T, line, in string) {
		fsys := tree(t)
		id := &auth.Identity{User: "u", Home: auth.Home(fsys), Permit: func(_ context.Context, op *vfs.Op) error {
			if op.Writes() {
				t.Errorf("%q writes: %v %s", line, op.Kind, op.Name)
			}
			return nil
		}}
		p := &pipe{Reader: bytes.NewReader([]byte(in))}
		s := sshd.NewSession(t.Context(), p, id, &sshd.PipeOptions{Command: line, Logger: slog.New(slog.DiscardHandler), Stderr: &p.stderr})
		err := (&command.Handler{}).ServeSSH(t.Context(), s)
		s.Close(err)
		require.LessOrEqual(t, p.out.Len(), (len(line)+1)*10*200)
	})
}
