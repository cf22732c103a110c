package interop_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/scp"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/sshd/command"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/osfs"
)

// rig is a server over a real directory that remembers what happened, and a
// directory in which a client works.
type rig struct {
	*peer.SSH
	t    *testing.T
	root string // what is served
	here string // where the client works
	env  []string
	seen *recorder
	// refused are the failures that must have been, as recorder has them: there
	// must be no others.
	refused []string
}

// newRig makes the directories; at the end of the test it looks at what
// happened. start starts the server over fsys.
func newRig(t *testing.T, start func(r *rig, fsys vfs.FS)) *rig {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the names and modes of these tests are those of Unix")
	}
	t.Parallel()
	r := &rig{t: t, root: t.TempDir(), here: t.TempDir(), seen: &recorder{}}
	fsys, err := osfs.Open(r.root, nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, fsys.Close())
		r.verdict()
	})
	start(r, fsys)
	t.Cleanup(func() { // before the server is closed
		assert.Eventually(t, r.seen.quiet, 10*time.Second, 5*time.Millisecond, "the server does not see that clients have left")
	})
	return r
}

// serve starts a server for SSH.
func serve(t *testing.T) *rig {
	t.Helper()
	return newRig(t, func(r *rig, fsys vfs.FS) {
		commands := command.All()
		commands["scp"] = &scp.Handler{}
		r.SSH = peer.StartSSH(t, &sshd.Server{
			Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{}}, Commands: commands,
			Sink: r.seen, Logger: r.seen.logger(),
		}, fsys)
	})
}

// verdict wants no failures but those that the test provoked, and nothing
// left behind.
func (r *rig) verdict() {
	assert.ElementsMatch(r.t, r.refused, r.seen.failures())
	assert.Empty(r.t, r.seen.complaints(), "the server's log")
	err := filepath.WalkDir(r.root, func(path string, d fs.DirEntry, err error) error {
		if strings.HasPrefix(d.Name(), vfs.ReservedPrefix) && !strings.HasSuffix(d.Name(), "journal") {
			r.t.Errorf("%s is left", path)
		}
		return err
	})
	assert.NoError(r.t, err)
}

// command runs in here, at most until the test ends.
func (r *rig) command(program string, args ...string) *exec.Cmd {
	return r.commandContext(r.t.Context(), program, args...)
}

func (r *rig) commandContext(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.WaitDelay = r.here, 10*time.Second
	// A client must not find the settings and keys of whoever runs the tests.
	cmd.Env = append(os.Environ(), "HOME="+r.here, "XDG_CONFIG_HOME="+r.here, "SSH_AUTH_SOCK=", "LC_ALL=C.UTF-8")
	cmd.Env = append(cmd.Env, r.env...)
	return cmd
}

// clientEnv tells a script in testdata how to get in.
func (r *rig) clientEnv() []string {
	return []string{"SSH_HOST=" + r.Host, "SSH_PORT=" + r.Port, "SSH_PASSWORD=" + r.Password,
		"SSH_KEY=" + r.Key, "SSH_KNOWN=" + r.Known, "SSH_MORE_KEYS=" + r.MoreKeys}
}

// ok runs a program that must succeed and returns all that it prints.
func (r *rig) ok(program string, args ...string) string {
	r.t.Helper()
	out, err := r.command(program, args...).CombinedOutput()
	require.NoError(r.t, err, "%s %q: %s", program, args, out)
	return string(out)
}

// bad runs a program that must fail.
func (r *rig) bad(program string, args ...string) string {
	r.t.Helper()
	out, err := r.command(program, args...).CombinedOutput()
	require.Error(r.t, err, "%s %q: %s", program, args, out)
	return string(out)
}

// random writes a file of random bytes under here.
func (r *rig) random(name string, size int) []byte {
	r.t.Helper()
	data := make([]byte, size)
	rand.NewChaCha8(sha256.Sum256([]byte(name))).Read(data)
	r.write(filepath.Join(r.here, name), string(data))
	return data
}

func (r *rig) write(file, content string) {
	r.t.Helper()
	require.NoError(r.t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(r.t, os.WriteFile(file, []byte(content), 0o644))
}

// stored wants content under name on the server's disk.
func (r *rig) stored(name string, content []byte) { r.t.Helper(); r.file(r.root, name, content) }

// fetched wants content under name in the client's directory.
func (r *rig) fetched(name string, content []byte) { r.t.Helper(); r.file(r.here, name, content) }

func (r *rig) file(dir, name string, content []byte) {
	r.t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(r.t, err)
	require.True(r.t, bytes.Equal(content, got), "%s: %d bytes, want %d", name, len(got), len(content))
}

// gone wants nothing under name on the server's disk.
func (r *rig) gone(name string) {
	r.t.Helper()
	_, err := os.Lstat(filepath.Join(r.root, name))
	assert.ErrorIs(r.t, err, fs.ErrNotExist)
}

func (r *rig) stat(name string) fs.FileInfo {
	r.t.Helper()
	fi, err := os.Lstat(filepath.Join(r.root, name))
	require.NoError(r.t, err)
	return fi
}

func (r *rig) link(name string) string {
	r.t.Helper()
	target, err := os.Readlink(filepath.Join(r.root, name))
	require.NoError(r.t, err)
	return target
}

// same wants two trees to hold the same names and bytes.
func (r *rig) same(want, got string) {
	r.t.Helper()
	assert.Equal(r.t, digests(r.t, want), digests(r.t, got))
}

// digests has the digest of each file below dir, and "dir" for directories.
func digests(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || strings.HasPrefix(d.Name(), vfs.ReservedPrefix) {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			all[name] = "dir"
			return nil
		}
		data, err := os.ReadFile(path)
		all[name] = digest(data)
		return err
	})
	require.NoError(t, err)
	return all
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// past is a time that no file has by accident.
func past() time.Time { return time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC) }
