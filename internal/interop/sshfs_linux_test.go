package interop_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/internal/peer"
)

// sshfs mounts the server and returns where. Without FUSE the test is skipped,
// because no package can bring that to the machine.
func sshfs(t *testing.T, options ...string) (r *rig, at string) {
	t.Helper()
	program, ssh, umount := peer.Need(t, "sshfs", "sshfs"), peer.Need(t, "ssh", "openssh-client"), peer.Need(t, "fusermount3", "fuse3")
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		t.Skipf("this machine has no FUSE: %v", err)
	} else {
		require.NoError(t, f.Close())
	}
	r = serve(t)
	at = filepath.Join(r.here, "mnt")
	require.NoError(t, os.Mkdir(at, 0o755))
	command := "ssh_command=" + strings.Join(append([]string{ssh}, r.Options()...), " ")
	// It outlives the test's context, to be unmounted. When it takes too long it
	// is killed, so that no call on the mounted directory hangs.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	cmd := r.commandContext(ctx, program, append([]string{"-f", "-o", command, "u@" + r.Host + ":", at}, options...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	var failed error
	go func() {
		defer close(ended)
		failed = cmd.Wait()
	}()
	t.Cleanup(func() {
		defer cancel()
		select {
		case <-ended: // the reason is told below
			_ = r.commandContext(ctx, umount, "-q", "-u", "-z", at).Run()
			return
		default:
		}
		text, err := r.commandContext(ctx, umount, "-u", at).CombinedOutput()
		if !assert.NoError(t, err, string(text)) { // the directory must go all the same
			_ = r.commandContext(ctx, umount, "-u", "-z", at).Run()
			cancel()
		}
		<-ended
		assert.NoError(t, failed, out.String())
	})
	outside, err := os.Stat(r.here)
	require.NoError(t, err)
	up := func() bool {
		fi, err := os.Stat(at)
		return err == nil && fi.Sys().(*syscall.Stat_t).Dev != outside.Sys().(*syscall.Stat_t).Dev
	}
	for tick := time.Tick(10 * time.Millisecond); !up(); {
		select {
		case <-ended:
			if strings.Contains(out.String(), "Operation not permitted") || strings.Contains(out.String(), "Permission denied") {
				t.Skipf("this machine does not allow mounting: %s", out.String())
			}
			t.Fatalf("sshfs ends: %v: %s", failed, out.String())
		case <-tick:
		}
	}
	return r, at
}

func TestSSHFS(t *testing.T) {
	r, at := sshfs(t)
	whole := r.random("tree/whole", 2<<20+11)
	r.random("tree/x/y/deep", 3000)
	require.NoError(t, os.Chtimes(filepath.Join(r.here, "tree/x/y/deep"), past(), past()))
	require.NoError(t, os.Chmod(filepath.Join(r.here, "tree/whole"), 0o640))

	// The kernel lets sshfs know of a close(2) when that has returned: who looks
	// at the server's disk has to wait for it.
	uploads := 0
	closed := func(more int) {
		t.Helper()
		uploads += more
		awaitUploads(r, uploads)
	}
	r.ok("cp", "-a", "tree", at)
	closed(2)
	r.same(filepath.Join(r.here, "tree"), filepath.Join(r.root, "tree"))
	assert.Equal(t, past(), r.stat("tree/x/y/deep").ModTime().UTC())
	assert.Equal(t, os.FileMode(0o640), r.stat("tree/whole").Mode())
	require.NoError(t, os.Symlink("whole", filepath.Join(at, "tree/link")))
	assert.Equal(t, "whole", r.link("tree/link"))
	r.ok("cp", "-a", filepath.Join(at, "tree"), "back")
	r.same(filepath.Join(r.root, "tree"), filepath.Join(r.here, "back"))

	// An editor: writes in place, or beside and renames over.
	f, err := os.OpenFile(filepath.Join(at, "tree/whole"), os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("edited"), 1000)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())
	closed(1)
	copy(whole[1000:], "edited")
	r.stored("tree/whole", whole)
	r.ok("sed", "-i", "s/edited/EDITED/", filepath.Join(at, "tree/whole"))
	closed(1)
	copy(whole[1000:], "EDITED")
	r.stored("tree/whole", whole)
	for _, line := range []string{"printf new > new", "printf more >> new"} {
		r.ok("sh", "-c", "cd mnt && "+line)
		closed(1)
	}
	r.ok("mv", "mnt/new", "mnt/tree/x/y/deep")
	r.stored("tree/x/y/deep", []byte("newmore"))
	require.NoError(t, os.Truncate(filepath.Join(at, "tree/x/y/deep"), 3))
	r.stored("tree/x/y/deep", []byte("new"))
	require.NoError(t, os.Link(filepath.Join(at, "tree/x/y/deep"), filepath.Join(at, "hard")))
	assert.True(t, os.SameFile(r.stat("hard"), r.stat("tree/x/y/deep")))
	assert.Regexp(t, `\d+ +\d+ +\d+ +\d+% `, r.ok("df", "-k", at))
	r.ok("rm", "-r", filepath.Join(at, "tree"))
	r.gone("tree")
}

// awaitUploads waits until so many uploads are complete.
func awaitUploads(r *rig, want int) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		count, _ := r.seen.uploads()
		return count >= want
	}, 10*time.Second, time.Millisecond)
}

// What a program does next may overtake the CLOSE of what it has closed, and
// must not notice.
func TestSSHFSGoesOnAfterClose(t *testing.T) {
	const rounds = 200
	r, at := sshfs(t)
	r.ok("sh", "-ec", "cd mnt; for i in $(seq 200); do echo $i > f; done")
	r.ok("sh", "-ec", "cd mnt; for i in $(seq 200); do echo $i >> lines; done")
	r.ok("sh", "-ec", `cd mnt; for i in $(seq 200); do echo $i > g; read x < g; test "$x" = $i; done`)
	f := filepath.Join(at, "h")
	var want []byte
	for i := range rounds {
		want = bytes.Repeat([]byte{byte(i)}, 1+i*7919%100_000)
		require.NoError(t, os.WriteFile(f, want, 0o644), i)
		switch i % 4 {
		case 0:
			got, err := os.ReadFile(f)
			require.NoError(t, err, i)
			require.True(t, bytes.Equal(want, got), i)
		case 1:
			fi, err := os.Stat(f)
			require.NoError(t, err, i)
			require.EqualValues(t, len(want), fi.Size(), i)
		case 2:
			require.NoError(t, os.Chtimes(f, past(), past()), i)
			fi, err := os.Stat(f)
			require.NoError(t, err, i)
			require.Equal(t, past(), fi.ModTime().UTC(), i)
		}
	}
	awaitUploads(r, 3*200+rounds)
	r.stored("f", []byte("200\n"))
	r.stored("h", want)
	lines, err := os.ReadFile(filepath.Join(r.root, "lines"))
	require.NoError(t, err)
	assert.Equal(t, 200, bytes.Count(lines, []byte("\n")))
	assert.True(t, bytes.HasSuffix(lines, []byte("\n199\n200\n")))
}

// Reads, writes, truncations and reopening in random order leave the same as
// on a plain file.
func TestSSHFSRandomAccess(t *testing.T) {
	r, at := sshfs(t, "-o", "direct_io")
	const limit = 300_000
	random := rand.New(rand.NewPCG(1, 2))
	open := func(dir string) *os.File {
		f, err := os.OpenFile(filepath.Join(dir, "f"), os.O_RDWR|os.O_CREATE, 0o644)
		require.NoError(t, err)
		return f
	}
	want, got := open(r.t.TempDir()), open(at)
	a, b := make([]byte, limit), make([]byte, limit)
	closed := 0
	for i := range 300 {
		off, n := random.Int64N(limit), random.IntN(70_000)
		switch random.IntN(8) {
		case 0, 1, 2, 3:
			for j := range a[:n] {
				a[j] = byte(random.Uint32())
			}
			for _, f := range []*os.File{want, got} {
				_, err := f.WriteAt(a[:n], off)
				require.NoError(t, err, i)
			}
		case 4, 5:
			wn, werr := want.ReadAt(a[:n], off)
			gn, gerr := got.ReadAt(b[:n], off)
			require.Equal(t, wn, gn, i)
			require.Equal(t, werr == io.EOF, gerr == io.EOF, i)
			require.True(t, bytes.Equal(a[:wn], b[:gn]), "operation %d: %d bytes at %d", i, n, off)
		case 6:
			require.NoError(t, want.Truncate(off))
			require.NoError(t, got.Truncate(off))
		case 7:
			require.NoError(t, got.Close())
			closed++
			got = open(at)
		}
	}
	require.NoError(t, want.Close())
	require.NoError(t, got.Close())
	awaitUploads(r, closed+1)
	data, err := os.ReadFile(want.Name())
	require.NoError(t, err)
	r.stored("f", data)
}
