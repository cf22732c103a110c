package sftp_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/osfs"
)

// openSSH is a server over a real directory, and OpenSSH's client for it.
type openSSH struct {
	t    *testing.T
	root string // what is served
	here string // where the client works
	args []string
}

func newOpenSSH(t *testing.T) *openSSH {
	t.Helper()
	program := peer.Need(t, "sftp", "openssh-client")
	o := &openSSH{t: t, root: t.TempDir(), here: t.TempDir()}
	fsys, err := osfs.Open(o.root, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, fsys.Close()) })
	s := peer.StartSSH(t, &sshd.Server{
		Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{}}, Logger: quietLog(),
	}, fsys)
	o.args = append(append([]string{program}, s.Options()...), "-b", "-", "u@"+s.Host)
	return o
}

// run gives the client a batch and returns all that it prints.
func (o *openSSH) run(batch string, extra ...string) (string, error) {
	o.t.Helper()
	args := append(append([]string{}, extra...), o.args[1:]...)
	cmd := exec.CommandContext(o.t.Context(), o.args[0], args...)
	cmd.Dir, cmd.Stdin, cmd.WaitDelay = o.here, strings.NewReader(batch), 10*time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (o *openSSH) ok(batch string) string {
	o.t.Helper()
	out, err := o.run(batch)
	require.NoError(o.t, err, out)
	return out
}

func (o *openSSH) local(name, content string) {
	o.t.Helper()
	file := filepath.Join(o.here, name)
	require.NoError(o.t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(o.t, os.WriteFile(file, []byte(content), 0o644))
}

func (o *openSSH) has(dir, name, content string) {
	o.t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(o.t, err)
	require.True(o.t, content == string(got), "%s: %d bytes, want %d", name, len(got), len(content))
}

func TestOpenSSHClient(t *testing.T) {
	o := newOpenSSH(t)
	big := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
	o.local("a", big)
	o.local("tree/x/y", "deep")
	o.local("tree/z", "flat")

	o.ok("put a\nput a b\nrename b c\nls -la\ndf\ndf -h\npwd\n")
	o.has(o.root, "a", big)
	o.has(o.root, "c", big)
	o.ok("get a back\n")
	o.has(o.here, "back", big)
	o.ok("put -r tree\nget -r tree again\n")
	o.has(o.here, "again/x/y", "deep")
	o.has(o.here, "again/z", "flat")

	o.local("small", "new")
	o.ok("put small\nrename small a\n") // posix-rename replaces
	o.has(o.root, "a", "new")
	o.ok("ln a hard\nln -s a soft\nget soft\n")
	o.has(o.here, "soft", "new")
	o.ok("cp c copied\n")
	o.has(o.root, "copied", big)
	o.ok("chmod 600 a\nmkdir d\nrmdir d\nrm hard\nrm soft\n")
	fi, err := os.Stat(filepath.Join(o.root, "a"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), fi.Mode())
	assert.NoDirExists(t, filepath.Join(o.root, "d"))

	out := o.ok("put -p a p\nls -l p\nls -n\n")
	assert.Regexp(t, `-rw-r--r--.* p`, out)
	for _, bad := range []string{"get nothing\n", "put small nodir/x\n", "rm nothing\n", "rmdir tree\n", "mkdir tree\n", "cd a\n"} {
		out, err := o.run(bad)
		assert.Error(t, err, "%s: %s", bad, out)
	}
}

func TestOpenSSHResume(t *testing.T) {
	o := newOpenSSH(t)
	whole := strings.Repeat("0123456789abcdef", 1<<17)
	o.local("f", whole)
	// A published half, as other tools leave it, and a local one.
	require.NoError(t, os.WriteFile(filepath.Join(o.root, "f"), []byte(whole[:1<<20]), 0o644))
	o.ok("reput f\n")
	o.has(o.root, "f", whole)
	require.NoError(t, os.WriteFile(filepath.Join(o.here, "g"), []byte(whole[:1<<20]), 0o644))
	o.ok("reget f g\n")
	o.has(o.here, "g", whole)
}

func TestOpenSSHExtensions(t *testing.T) {
	o := newOpenSSH(t)
	out, err := o.run("ls\n", "-vvv")
	require.NoError(t, err, out)
	assert.GreaterOrEqual(t, strings.Count(out, "Server supports extension"), 9, out)
	assert.Contains(t, out, "server upload/download buffer sizes 261120 / 261120")
}

// A client that dies in an upload leaves nothing for others; its user resumes
// where it broke off.
func TestOpenSSHResumesBrokenUpload(t *testing.T) {
	o := newOpenSSH(t)
	whole := strings.Repeat("0123456789abcdef", 1<<18) // 4 MiB
	o.local("f", whole)
	args := append([]string{"-l", "4000"}, o.args[1:]...) // Kbit/s
	cmd := exec.CommandContext(t.Context(), o.args[0], args...)
	cmd.Dir, cmd.Stdin, cmd.WaitDelay = o.here, strings.NewReader("put f\n"), 10*time.Second
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool {
		for _, name := range staged(t, o.root) {
			if fi, err := os.Stat(filepath.Join(o.root, name)); err == nil && fi.Size() > 300<<10 {
				return true
			}
		}
		return false
	}, 30*time.Second, 10*time.Millisecond, "nothing arrives")
	require.NoError(t, cmd.Process.Kill())
	cmd.Wait() // reports the kill
	assert.NoFileExists(t, filepath.Join(o.root, "f"))

	var out string
	require.Eventually(t, func() bool { // until the server has noticed
		out = o.ok("ls -l\n")
		return strings.Contains(out, " f\n")
	}, 10*time.Second, 50*time.Millisecond)
	assert.NotContains(t, out, vfs.ReservedPrefix)
	o.ok("reput f\n")
	o.has(o.root, "f", whole)
	assert.Empty(t, staged(t, o.root))
}
