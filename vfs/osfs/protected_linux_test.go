package osfs

import (
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A file whose mode protects it from being written is not replaced either.
// Root may write everything, so root runs the test as nobody.
func TestProtectedFileIsNotReplaced(t *testing.T) {
	if os.Getuid() == 0 {
		asNobody(t)
		return
	}
	f, dir := open1(t)
	write(t, dir+"/a", "old")
	require.NoError(t, os.Chmod(dir+"/a", 0o444))
	_, err := f.CreateAtomic(t.Context(), "a", 0o644)
	fails(t, err, "a", fs.ErrPermission)
	_, err = f.CreatePartial(t.Context(), "a", 0o644, "u")
	fails(t, err, "a", fs.ErrPermission)
	assert.Empty(t, reserved(t, dir))
}

// asNobody runs this test again without privileges.
func asNobody(t *testing.T) {
	t.Helper()
	const nobody = 65534
	dir, err := os.MkdirTemp("", "nobody")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o777))
	program := dir + "/test"
	text, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, text, 0o755))
	cmd := exec.Command(program, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "--- PASS: "+t.Name())
}
