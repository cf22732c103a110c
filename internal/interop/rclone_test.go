package interop_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/internal/peer"
)

// rclone returns a function that runs it with "q:" for the server.
func rclone(r *rig) func(args ...string) string {
	program := peer.Need(r.t, "rclone", "rclone")
	r.env = []string{
		"RCLONE_CONFIG=" + filepath.Join(r.t.TempDir(), "rclone.conf"), "RCLONE_CONFIG_Q_TYPE=sftp", "RCLONE_CONFIG_Q_HOST=" + r.Host,
		"RCLONE_CONFIG_Q_PORT=" + r.Port, "RCLONE_CONFIG_Q_USER=u", "RCLONE_CONFIG_Q_KEY_FILE=" + r.Key,
		"RCLONE_CONFIG_Q_KNOWN_HOSTS_FILE=" + r.Known, "RCLONE_RETRIES=1", "RCLONE_LOW_LEVEL_RETRIES=1",
	}
	return func(args ...string) string {
		r.t.Helper()
		return r.ok(program, args...)
	}
}

func TestRcloneSync(t *testing.T) {
	peer.Need(t, "rclone", "rclone")
	r := serve(t)
	run := rclone(r)
	const files = 200
	for i := range files {
		r.random(fmt.Sprintf("tree/%d/%d", i%7, i), i*100)
	}
	old := filepath.Join(r.here, "tree/1/1")
	require.NoError(t, os.Chtimes(old, past(), past()))
	run("sync", "tree", "q:to", "--transfers", "8", "--checkers", "8")
	r.same(filepath.Join(r.here, "tree"), filepath.Join(r.root, "to"))
	assert.Equal(t, past(), r.stat("to/1/1").ModTime().UTC())
	count, _ := r.seen.uploads()
	assert.Equal(t, files, count)
	run("check", "tree", "q:to")
	run("check", "--download", "tree", "q:to")

	// Only what changed goes over, and what is gone goes.
	r.random("tree/1/new", 1000)
	require.NoError(t, os.Remove(filepath.Join(r.here, "tree/2/2")))
	run("sync", "tree", "q:to")
	r.same(filepath.Join(r.here, "tree"), filepath.Join(r.root, "to"))
	count, _ = r.seen.uploads()
	assert.Equal(t, files+1, count)
	run("sync", "q:to", "back")
	r.same(filepath.Join(r.here, "tree"), filepath.Join(r.here, "back"))
	run("purge", "q:to")
	r.gone("to")
}

// One large file, in pieces where rclone can.
func TestRcloneLarge(t *testing.T) {
	peer.Need(t, "rclone", "rclone")
	r := serve(t)
	run := rclone(r)
	whole := r.random("whole", 64<<20)
	run("copy", "whole", "q:", "--sftp-concurrency", "32", "--sftp-chunk-size", "255k")
	r.stored("whole", whole)
	run("copyto", "q:whole", "back", "--multi-thread-cutoff", "8M", "--multi-thread-streams", "4", "--sftp-concurrency", "64")
	r.fetched("back", whole)
	run("copyto", "q:whole", "slow", "--sftp-disable-concurrent-reads", "--bwlimit", "200M")
	r.fetched("slow", whole)
	count, size := r.seen.uploads()
	assert.Equal(t, 1, count)
	assert.EqualValues(t, len(whole), size)
}

func TestRcloneCommands(t *testing.T) {
	program := peer.Need(t, "rclone", "rclone")
	r := serve(t)
	run := rclone(r)
	data := r.random("a", 10_000)
	run("copy", "a", "q:d")
	run("moveto", "q:d/a", "q:e/b", "-vv")
	r.stored("e/b", data)
	r.gone("d/a")
	assert.Equal(t, string(data[100:300]), run("cat", "--offset", "100", "--count", "200", "q:e/b"))
	cmd := r.command(program, "rcat", "q:piped")
	cmd.Stdin = strings.NewReader(strings.Repeat("piped", 100_000))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	r.stored("piped", []byte(strings.Repeat("piped", 100_000)))
	run("touch", "-t", "2001-02-03T04:05:06", "q:e/b")
	assert.Equal(t, past(), r.stat("e/b").ModTime().UTC())
	assert.Contains(t, run("lsjson", "--hash", "q:e"), "md5")
	assert.Contains(t, run("about", "q:"), "Free:")
	run("mkdir", "q:x/y")
	run("rmdirs", "q:x")
	r.gone("x")

	// It overwrites under the name itself, and newer versions by a rename.
	again := r.random("a", 20_000)
	require.NoError(t, os.Truncate(filepath.Join(r.here, "a"), 15_000))
	run("copyto", "a", "q:e/b")
	r.stored("e/b", again[:15_000])
	if strings.Contains(run("help", "flags"), "--sftp-copy-is-hardlink") {
		run("copyto", "q:e/b", "q:e/hard", "--sftp-copy-is-hardlink")
		assert.True(t, os.SameFile(r.stat("e/b"), r.stat("e/hard")))
	}
	run("copyto", "q:e/b", "q:e/copy") // through the client, for lack of a copy in the server
	r.stored("e/copy", again[:15_000])
	assert.NotEmpty(t, r.seen.all(quaymaster.KindRename))
}
