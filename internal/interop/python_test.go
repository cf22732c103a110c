package interop_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/internal/peer"
)

// script runs a scenario of a script in testdata that needs a module.
type script struct{ python, file string }

// needScript finds a Python that has module. The first one in PATH need not be
// Debian's, which has its packages.
func needScript(t *testing.T, module, debian string) script {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("testdata", module+"_client.py"))
	require.NoError(t, err)
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-W", "ignore", "-c", "import "+module).Run() == nil {
			return script{python, file}
		}
	}
	peer.Missing(t, "a python3 with "+module, debian)
	return script{}
}

func (s script) run(r *rig, scenario string) {
	r.t.Helper()
	r.env = r.clientEnv()
	r.ok(s.python, "-W", "ignore", s.file, scenario)
}

func TestParamikoLogin(t *testing.T) {
	s, r := needScript(t, "paramiko", "python3-paramiko"), serve(t)
	s.run(r, "login")
	assert.Equal(t, map[string]int{"publickey": 3, "password": 1, "keyboard-interactive": 1}, r.seen.logins())
	r.refused = []string{"login: auth: denied"}
}

func TestParamikoFiles(t *testing.T) {
	s, r := needScript(t, "paramiko", "python3-paramiko"), serve(t)
	big := r.random("big", 4<<20+333)
	s.run(r, "files")
	r.stored("big", big)
	r.stored("again", big)
	r.fetched("back", big)
	r.stored("empty", nil)
	r.stored("patched", append([]byte("0123xy6789t"), 0))
	r.stored("new", []byte("new"))
	r.refused = []string{"upload /new: file already exists", "download /nothing: file does not exist"}
}

func TestParamikoNames(t *testing.T) {
	s, r := needScript(t, "paramiko", "python3-paramiko"), serve(t)
	s.run(r, "names")
	r.stored("ünï cöde", []byte("a"))
	assert.Equal(t, os.FileMode(0o604), r.stat("ünï cöde").Mode())
	assert.Equal(t, "../a", r.link("d/link"))
	assert.Equal(t, "nowhere", r.link("dangling"))
	r.gone("a")
	r.gone("b")
	r.gone("gone")
	r.refused = []string{"rename /a: file already exists", "rmdir /d: directory not empty",
		"mkdir /d: file already exists", "remove /nothing: file does not exist"}
}

func TestAsyncSSHLogin(t *testing.T) {
	s, r := needScript(t, "asyncssh", "python3-asyncssh"), serve(t)
	s.run(r, "login")
	assert.Equal(t, map[string]int{"publickey": 5, "password": 1, "keyboard-interactive": 1}, r.seen.logins())
	r.refused = []string{"login: auth: denied"}
}

func TestAsyncSSHFiles(t *testing.T) {
	s, r := needScript(t, "asyncssh", "python3-asyncssh"), serve(t)
	big := r.random("big", 4<<20+333)
	s.run(r, "files")
	r.stored("big", big)
	r.stored("written", big)
	r.stored("copied", big)
	r.fetched("back", big)
	r.stored("patched", append([]byte("0123xy6789t"), 0))
	r.refused = []string{"upload /new: file already exists"}
}

func TestAsyncSSHNames(t *testing.T) {
	s, r := needScript(t, "asyncssh", "python3-asyncssh"), serve(t)
	s.run(r, "names")
	r.stored("ünï cöde", []byte("a"))
	assert.Equal(t, "../a", r.link("d/link"))
	assert.Equal(t, "nowhere", r.link("dangling"))
	assert.True(t, os.SameFile(r.stat("hard"), r.stat("ünï cöde")))
	assert.Len(t, digests(t, filepath.Join(r.here, "csv")), 1+11)
	r.fetched("csv/14.csv", []byte("14"))
	r.refused = []string{"rename /a: file already exists", "rmdir /d: directory not empty"}
}

func TestAsyncSSHTrees(t *testing.T) {
	s, r := needScript(t, "asyncssh", "python3-asyncssh"), serve(t)
	big := r.random("big", 1<<20+1)
	for i := range 30 {
		r.random(fmt.Sprintf("tree/%d/file %d", i%3, i), 1000*i)
	}
	old := filepath.Join("0", "file 3")
	require.NoError(t, os.Chtimes(filepath.Join(r.here, "tree", old), past(), past()))
	require.NoError(t, os.Chmod(filepath.Join(r.here, "tree", old), 0o600))
	s.run(r, "trees")
	r.stored("big", big)
	r.fetched("back", big)
	for _, copied := range []string{r.root + "/sftp", r.root + "/scp", r.here + "/by-sftp", r.here + "/by-scp"} {
		r.same(filepath.Join(r.here, "tree"), copied)
		fi, err := os.Stat(filepath.Join(copied, old))
		require.NoError(t, err)
		assert.Equal(t, past(), fi.ModTime().UTC(), copied)
		assert.Equal(t, os.FileMode(0o600), fi.Mode(), copied)
	}
}

func TestAsyncSSHChannels(t *testing.T) {
	s, r := needScript(t, "asyncssh", "python3-asyncssh"), serve(t)
	big := r.random("big", 2<<20)
	s.run(r, "channels")
	for i := range 6 {
		r.stored(fmt.Sprintf("big%d", i), big)
		r.fetched(fmt.Sprintf("back%d", i), big)
	}
	count, size := r.seen.uploads()
	assert.Equal(t, 6, count)
	assert.EqualValues(t, 6*len(big), size)
}
