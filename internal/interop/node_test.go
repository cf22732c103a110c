package interop_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/internal/peer"
)

// nodeModules installs what testdata/node locks by version and digest, and
// returns where. npm runs none of the packages' scripts; the libraries work
// without what those would compile.
func nodeModules(t *testing.T) string {
	t.Helper()
	npm, dir := peer.Need(t, "npm", "npm"), t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", "node", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// With the settings of whoever runs the tests: they lead to the registry.
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund",
		"--no-update-notifier", "--prefer-offline", "--fetch-retries=2", "--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=5000")
	cmd.Dir, cmd.WaitDelay = dir, 10*time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		peer.Lacking(t, fmt.Sprintf("npm can't install ssh2-sftp-client: %v: %s", err, out))
	}
	return filepath.Join(dir, "node_modules")
}

// One test, so that the modules are installed once.
func TestSSH2SFTPClient(t *testing.T) {
	node, modules := peer.Need(t, "node", "nodejs"), nodeModules(t)
	file, err := filepath.Abs(filepath.Join("testdata", "ssh2_client.js"))
	require.NoError(t, err)
	for name, run := range map[string]func(r *rig, play func()){
		"login": ssh2Login, "files": ssh2Files, "names": ssh2Names, "trees": ssh2Trees,
	} {
		t.Run(name, func(t *testing.T) {
			r := serve(t)
			run(r, func() {
				t.Helper()
				r.env = append(r.clientEnv(), "NODE_PATH="+modules)
				r.ok(node, file, name)
			})
		})
	}
}

func ssh2Login(r *rig, play func()) {
	play()
	assert.Equal(r.t, map[string]int{"publickey": 3, "password": 1, "keyboard-interactive": 1}, r.seen.logins())
	assert.Equal(r.t, []string{"SSH-2.0-ssh2js1.17.0"}, r.seen.clients())
	r.refused = []string{"login: auth: denied"}
}

func ssh2Files(r *rig, play func()) {
	big := r.random("big", 1<<20+333) // each request of a stream takes 40 ms: Nagle
	play()
	for _, name := range []string{"big", "from buffer", "from stream", "fast", "streamed", "copied"} {
		r.stored(name, big)
	}
	r.fetched("back", big)
	r.fetched("fast back", big)
	r.stored("empty", nil)
	r.stored("appended", []byte("one, two, three"))
	r.stored("patched", []byte("0123xy6789"))
	r.stored("new", []byte("new"))
	assert.Equal(r.t, os.FileMode(0o640), r.stat("streamed").Mode())
	r.refused = []string{"upload /new: file already exists", "download /nothing: file does not exist"}
}

func ssh2Names(r *rig, play func()) {
	play()
	r.stored("ünï cöde", []byte("hard"))
	assert.Equal(r.t, os.FileMode(0o604), r.stat("ünï cöde").Mode())
	assert.True(r.t, os.SameFile(r.stat("hard"), r.stat("ünï cöde")))
	assert.Equal(r.t, "../ünï cöde", r.link("d/link"))
	assert.Equal(r.t, "nowhere", r.link("dangling"))
	for _, name := range []string{"a", "b", "gone", "tree"} {
		r.gone(name)
	}
	r.refused = []string{"rename /a: file already exists", "rmdir /d: directory not empty",
		"mkdir /no/parent: file does not exist", "remove /gone: file does not exist"}
}

func ssh2Trees(r *rig, play func()) {
	for i := range 30 {
		r.random(fmt.Sprintf("tree/%d/file %d", i%3, i), 3000*i)
	}
	play()
	tree := filepath.Join(r.here, "tree")
	for _, copied := range []string{r.root + "/up", r.root + "/fast", r.here + "/down", r.here + "/fast down"} {
		r.same(tree, copied)
	}
	assert.Len(r.t, digests(r.t, filepath.Join(r.root, "some")), 1+3+6)
}
