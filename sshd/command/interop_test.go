package command_test

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/sshd/command"
	"github.com/quaymaster/quaymaster/vfs/osfs"
)

// asked notes the command lines that were asked for and are available.
type asked struct {
	mu    sync.Mutex // guards lines
	lines []string
}

func (a *asked) Emit(_ context.Context, e *quaymaster.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.Kind == quaymaster.KindChannel && e.Err == nil && e.Target != "sftp" {
		a.lines = append(a.lines, e.Target)
	}
}

// take returns the lines since the last call.
func (a *asked) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	lines := a.lines
	a.lines = nil
	return lines
}

// serve is a server over a real directory with all commands, and SFTP unless
// its requests in deny.
func serve(t *testing.T, deny ...string) (s *peer.SSH, root string, seen *asked) {
	t.Helper()
	root = t.TempDir()
	fsys, err := osfs.Open(root, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, fsys.Close()) })
	seen = &asked{}
	srv := &sshd.Server{
		Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{Deny: deny}},
		Commands:   command.All(), Sink: seen,
	}
	return peer.StartSSH(t, srv, fsys), root, seen
}

func output(t *testing.T, env []string, program string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env, cmd.WaitDelay = append(os.Environ(), env...), 10*time.Second
	out, err := cmd.Output()
	return string(out), err
}

func TestOpenSSH(t *testing.T) {
	ssh := peer.Need(t, "ssh", "openssh-client")
	local := peer.Need(t, "sha256sum", "coreutils")
	s, root, _ := serve(t)
	names := []string{"a", "with blank", "ünï"}
	for _, name := range names {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(strings.Repeat(name, 1000)), 0o644))
	}
	remote := func(line string) (string, error) {
		return output(t, nil, ssh, append(s.Options(), "u@"+s.Host, line)...)
	}
	cmd := exec.Command(local, names...)
	cmd.Dir = root
	want, err := cmd.Output()
	require.NoError(t, err)
	got, err := remote("sha256sum a 'with blank' ünï")
	require.NoError(t, err)
	assert.Equal(t, string(want), got)

	for line, code := range map[string]int{
		"sha256sum a; id": 127, "sha256sum `id`": 127, "sha256sum nothing": 1, "true": 0, "cd nothing": 1,
	} {
		out, err := remote(line)
		got := 0
		if err != nil {
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			got = exit.ExitCode()
		}
		assert.Equal(t, code, got, line)
		assert.NotContains(t, out, "uid=", line)
	}
	_, err = remote("id")
	assert.Error(t, err, "what is not in Commands is refused before any handler")
}

func TestRclone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the names of this test are those of Unix")
	}
	rclone := peer.Need(t, "rclone", "rclone")
	s, root, seen := serve(t, "statvfs", "fstatvfs")
	env := []string{
		"RCLONE_CONFIG=" + filepath.Join(t.TempDir(), "rclone.conf"), "RCLONE_CONFIG_Q_TYPE=sftp", "RCLONE_CONFIG_Q_HOST=" + s.Host,
		"RCLONE_CONFIG_Q_PORT=" + s.Port, "RCLONE_CONFIG_Q_USER=u", "RCLONE_CONFIG_Q_KEY_FILE=" + s.Key, "RCLONE_CONFIG_Q_KNOWN_HOSTS_FILE=" + s.Known,
	}
	run := func(args ...string) string {
		t.Helper()
		out, err := output(t, env, rclone, append(args, "-vv", "--retries", "1")...)
		require.NoError(t, err, "%v: %s", args, stderrOf(err))
		return out
	}
	here := t.TempDir()
	files := map[string]string{
		"a": "abc", "sub/with blank": strings.Repeat("0123456789", 1<<16), "sub/it's $HOME;id": "odd", `sub/b\c*[1]`: "glob", "ünï": "u",
	}
	for name, content := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(here, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(here, name), []byte(content), 0o644))
	}

	run("copy", here, "q:to")
	lines := seen.take()
	assert.Contains(t, lines, "echo ${ShellId}%ComSpec%")
	assert.Contains(t, lines, "md5sum")
	hashed := slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "md5sum ") && !strings.HasPrefix(l, "sha1sum ") })
	assert.Len(t, hashed, len(files), "each file was verified by a digest")
	for name, content := range files {
		got, err := os.ReadFile(filepath.Join(root, "to", name))
		require.NoError(t, err)
		assert.True(t, content == string(got), name)
	}

	run("check", here, "q:to")
	assert.GreaterOrEqual(t, len(seen.take()), len(files))
	// The same size and time, but another content.
	fi, err := os.Stat(filepath.Join(root, "to/a"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(root, "to/a"), []byte("abd"), 0o644))
	require.NoError(t, os.Chtimes(filepath.Join(root, "to/a"), fi.ModTime(), fi.ModTime()))
	_, err = output(t, env, rclone, "check", here, "q:to", "--retries", "1")
	assert.Error(t, err, "only a digest can tell")
	run("copy", "--checksum", here, "q:to")

	for _, kind := range []string{"md5sum", "sha1sum"} {
		seen.take()
		want := run(kind, here)
		assert.Equal(t, sorted(want), sorted(run(kind, "q:to")), kind)
		assert.True(t, slices.ContainsFunc(seen.take(), func(l string) bool { return strings.HasPrefix(l, kind+" ") }), kind)
		assert.Equal(t, sorted(want), sorted(run("hashsum", strings.TrimSuffix(kind, "sum"), "q:to")), kind)
	}

	about := run("about", "q:")
	assert.Contains(t, about, "Total:")
	assert.True(t, slices.ContainsFunc(seen.take(), func(l string) bool { return strings.HasPrefix(l, "df -k ") }))
}

func stderrOf(err error) string {
	if exit, ok := err.(*exec.ExitError); ok {
		return string(exit.Stderr)
	}
	return ""
}

func sorted(text string) []string {
	set := make(map[string]bool)
	for line := range strings.Lines(text) {
		set[line] = true
	}
	return slices.Sorted(maps.Keys(set))
}
