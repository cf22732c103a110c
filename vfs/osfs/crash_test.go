package osfs

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// crashEnv makes the test binary the child that is killed.
const crashEnv = "OSFS_TEST_CRASH_ROOT"

const crashSize = 96 << 10

// crashWriter overwrites files with whole generations until it is killed.
func crashWriter(root string) {
	f, err := Open(root, &Options{Durability: RenameOnly})
	if err != nil {
		os.Exit(2)
	}
	os.Stdout.WriteString("ready\n")
	ctx := context.Background()
	for i := 0; ; i++ {
		file, err := f.CreatePartial(ctx, "d"+strconv.Itoa(i%3)+"/file", 0o644, "me")
		if err != nil {
			os.Exit(3)
		}
		text := bytes.Repeat([]byte{byte(i)}, crashSize)
		for off := 0; off < crashSize; off += 32 << 10 {
			if _, err := file.WriteAt(text[off:off+32<<10], int64(off)); err != nil {
				os.Exit(4)
			}
		}
		if file.Close() != nil {
			os.Exit(5)
		}
	}
}

// TestKillMidUpload kills a writer again and again. Each file must be a whole
// generation, and the next Open must leave no orphan.
func TestKillMidUpload(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("kills with SIGKILL")
	}
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	root := t.TempDir()
	dirs := []string{"d0", "d1", "d2"}
	for _, d := range dirs {
		require.NoError(t, os.Mkdir(root+"/"+d, 0o755))
	}
	orphans := 0
	for range rounds {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashEnv+"="+root)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = out.Read(make([]byte, 16))
		require.NoError(t, err)
		<-time.After(time.Duration(rand.IntN(8000)) * time.Microsecond) // somewhere in an upload
		require.NoError(t, cmd.Process.Kill())
		require.ErrorContains(t, cmd.Wait(), "killed")
		for _, d := range dirs {
			orphans += len(reserved(t, root+"/"+d))
		}
		f, err := Open(root, nil)
		require.NoError(t, err)
		for _, d := range dirs {
			assert.Empty(t, reserved(t, root+"/"+d))
			b, err := os.ReadFile(root + "/" + d + "/file")
			if os.IsNotExist(err) {
				continue
			}
			require.NoError(t, err)
			require.Len(t, b, crashSize)
			require.Equal(t, crashSize, bytes.Count(b, b[:1]), "torn")
		}
		require.NoError(t, f.Close())
		assert.Empty(t, reserved(t, root))
	}
	t.Logf("%d rounds left %d orphans", rounds, orphans)
	assert.NotZero(t, orphans, "it was never killed in an upload")
}
