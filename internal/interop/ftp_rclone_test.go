package interop_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/internal/peer"
)

func TestRcloneFTP(t *testing.T) {
	program := peer.Need(t, "rclone", "rclone")
	eachMode(t, func(t *testing.T, mode string, f *ftpRig) {
		if mode == "reuse" {
			t.Skip("its connections share their tickets: most are of another session")
		}
		f.write(filepath.Join(f.here, "rclone.conf"), "")
		obscured := strings.TrimSpace(f.ok(program, "obscure", "p"))
		f.env = []string{
			"RCLONE_CONFIG=" + filepath.Join(f.here, "rclone.conf"), "RCLONE_CONFIG_Q_TYPE=ftp", "RCLONE_CONFIG_Q_HOST=" + f.host, "RCLONE_CONFIG_Q_PORT=" + f.port,
			"RCLONE_CONFIG_Q_USER=u", "RCLONE_CONFIG_Q_PASS=" + obscured, "RCLONE_CONFIG_Q_NO_CHECK_CERTIFICATE=true", "RCLONE_RETRIES=1", "RCLONE_LOW_LEVEL_RETRIES=1",
		}
		switch mode {
		case "optional":
		case "implicit":
			f.env = append(f.env, "RCLONE_CONFIG_Q_TLS=true")
		default:
			f.env = append(f.env, "RCLONE_CONFIG_Q_EXPLICIT_TLS=true")
		}
		run := func(args ...string) string {
			t.Helper()
			return f.ok(program, args...)
		}
		const files = 60
		for i := range files {
			f.random(fmt.Sprintf("tree/%d/%d ü", i%7, i), i*1000)
		}
		old := filepath.Join(f.here, "tree/1/1 ü")
		require.NoError(t, os.Chtimes(old, past(), past()))
		run("copy", "tree", "q:to", "--transfers", "4")
		f.diff(filepath.Join(f.here, "tree"), filepath.Join(f.root, "to"))
		assert.Equal(t, past(), f.stat("to/1/1 ü").ModTime().UTC())
		run("check", "--download", "tree", "q:to")

		f.random("tree/1/new", 1000)
		require.NoError(t, os.Remove(filepath.Join(f.here, "tree/2/2 ü")))
		run("sync", "tree", "q:to")
		f.diff(filepath.Join(f.here, "tree"), filepath.Join(f.root, "to"))
		count, _ := f.seen.uploads()
		assert.Equal(t, files+1, count, "only what changed goes over")
		run("sync", "q:to", "back")
		f.diff(filepath.Join(f.here, "tree"), filepath.Join(f.here, "back"))
		run("moveto", "q:to/1/new", "q:moved/deep/x")
		f.gone("to/1/new")
		assert.Equal(t, "x\n", run("lsf", "q:moved/deep"))
		run("moveto", "q:to", "q:dir")
		f.diff(filepath.Join(f.root, "dir/0"), filepath.Join(f.here, "tree/0"))
		assert.Len(t, strings.Fields(run("lsf", "-R", "--files-only", "--format", "s", "q:dir")), files-1)
		run("purge", "q:dir")
		f.gone("dir")
		f.refused = f.provoked("mkdir ", "download ", "rename ", "stat ")
	})
}
