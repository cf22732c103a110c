package osfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOldContentStaysUntilClose(t *testing.T) {
	f, dir := open1(t)
	write(t, dir+"/a", "old")
	file, err := f.CreateAtomic(t.Context(), "a", 0o644)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte("new"), 0)
	require.NoError(t, err)
	assert.Equal(t, "old", read(t, dir+"/a"))
	buf := make([]byte, 3)
	_, err = file.ReadAt(buf, 0)
	require.NoError(t, err)
	assert.Equal(t, "new", string(buf))
	require.NoError(t, file.Close())
	assert.Equal(t, "new", read(t, dir+"/a"))
	assert.Empty(t, reserved(t, dir))
}

func TestAbortedUploadLeavesNothing(t *testing.T) {
	f, dir := open1(t)
	write(t, dir+"/a", "old")
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("kicked")
	abort, err := f.CreateAtomic(ctx, "a", 0o644)
	require.NoError(t, err)
	late, err := f.CreateAtomic(ctx, "a", 0o644)
	require.NoError(t, err)
	assert.Len(t, reserved(t, dir), 2)
	require.NoError(t, vfs.Abort(abort, nil))
	cancel(gone)
	_, err = late.WriteAt([]byte("x"), 0)
	fails(t, err, "a", gone)
	fails(t, late.Close(), "a", gone)
	assert.Equal(t, "old", read(t, dir+"/a"))
	assert.Empty(t, reserved(t, dir))
}

func TestTargetBecameSomethingElse(t *testing.T) {
	f, dir := open1(t)
	file, err := f.CreateAtomic(t.Context(), "a", 0o644)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(dir+"/a", 0o755))
	fails(t, file.Close(), "a", vfs.ErrIsDir)
	assert.Empty(t, reserved(t, dir))
}

func TestModeOfReplacedFileStays(t *testing.T) {
	f, dir := open1(t)
	if !f.Features().SetMode {
		t.Skip("no modes here")
	}
	write(t, dir+"/a", "old")
	require.NoError(t, os.Chmod(dir+"/a", 0o640))
	if os.Getuid() == 0 {
		require.NoError(t, os.Chown(dir+"/a", 1234, 4321))
	}
	before, err := f.Stat(t.Context(), "a")
	require.NoError(t, err)
	file, err := f.CreateAtomic(t.Context(), "a", 0o777)
	require.NoError(t, err)
	put(t, file, "new")
	after, err := f.Stat(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o640), after.Mode())
	assert.Equal(t, vfs.SysOf(before).UID, vfs.SysOf(after).UID)
	assert.Equal(t, vfs.SysOf(before).GID, vfs.SysOf(after).GID)

	file, err = f.CreateAtomic(t.Context(), "a", 0o777)
	require.NoError(t, err)
	at := time.Unix(1e9, 0)
	require.NoError(t, vfs.SetFileAttr(file, &vfs.Attr{Mask: vfs.AttrMode | vfs.AttrMtime, Mode: 0o444, Mtime: at}))
	fi, err := file.Stat()
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o444), fi.Mode())
	require.NoError(t, file.Close())
	fi, err = f.Stat(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o444), fi.Mode())
	assert.True(t, at.Equal(fi.ModTime()))
}

func TestWritersDuringClose(t *testing.T) {
	f, dir := open1(t)
	for range 50 {
		file, err := f.CreateAtomic(t.Context(), "a", 0o644)
		require.NoError(t, err)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for off := int64(0); ; off++ {
					if _, err := file.WriteAt([]byte("x"), off); err != nil {
						assert.ErrorIs(t, err, fs.ErrClosed)
						return
					}
				}
			})
		}
		for range 2 {
			wg.Go(func() {
				if err := file.Close(); err != nil {
					assert.ErrorIs(t, err, fs.ErrClosed)
				}
			})
		}
		wg.Wait()
	}
	assert.Empty(t, reserved(t, dir))
}

func TestFlushesAreGrouped(t *testing.T) {
	var q flushes
	var runs, published atomic.Int64
	var wg sync.WaitGroup
	const n = 200
	for range n {
		wg.Go(func() {
			published.Add(1)
			var seen int64
			mine := published.Load()
			assert.NoError(t, q.do(fileID{1, 1}, func() error {
				runs.Add(1)
				seen = published.Load()
				return nil
			}))
			if seen != 0 {
				assert.GreaterOrEqual(t, seen, mine)
			}
		})
	}
	wg.Wait()
	assert.Empty(t, q.dirs)
	assert.LessOrEqual(t, runs.Load(), int64(n))
}

// While a flush runs, all who come wait for one more.
func TestFlushesWaitForOneMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q flushes
		var runs atomic.Int64
		var wg sync.WaitGroup
		finish := make(chan struct{})
		wg.Go(func() {
			assert.NoError(t, q.do(fileID{1, 1}, func() error { <-finish; runs.Add(1); return nil }))
		})
		synctest.Wait()
		for range 200 {
			wg.Go(func() { assert.NoError(t, q.do(fileID{1, 1}, func() error { runs.Add(1); return nil })) })
		}
		synctest.Wait()
		close(finish)
		wg.Wait()
		assert.EqualValues(t, 2, runs.Load())
	})
}

func TestManyPublishAtOnce(t *testing.T) {
	f, dir := open1(t)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for j := range 4 {
				file, err := f.CreateAtomic(t.Context(), "f"+strconv.Itoa(i*4+j), 0o644)
				if !assert.NoError(t, err) {
					return
				}
				_, err = file.WriteAt([]byte(strings.Repeat("x", i)), 0)
				assert.NoError(t, err)
				assert.NoError(t, file.Close())
			}
		})
	}
	wg.Wait()
	assert.Len(t, list(t, f, "."), 128)
	assert.Empty(t, reserved(t, dir))
}

func TestStagedUpdateIsAtomic(t *testing.T) {
	f, dir := open1(t)
	if !f.Features().StagedUpdate {
		t.Skip("the store under " + os.TempDir() + " can't share blocks between files (FICLONE)")
	}
	write(t, dir+"/a", "old content")
	file, err := f.OpenFile(t.Context(), "a", os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte("new"), 0)
	require.NoError(t, err)
	assert.Equal(t, "old content", read(t, dir+"/a"))
	require.NoError(t, file.Close())
	assert.Equal(t, "new content", read(t, dir+"/a"))
	assert.Empty(t, reserved(t, dir))
}

func TestStagedUpdateOfReplacedFile(t *testing.T) {
	f, dir := open1(t)
	if !f.Features().StagedUpdate {
		t.Skip("the store under " + os.TempDir() + " can't share blocks between files (FICLONE)")
	}
	ctx := t.Context()
	write(t, dir+"/a", "old content")
	update := func(text string) vfs.File {
		file, err := f.OpenFile(ctx, "a", os.O_RDWR, 0)
		require.NoError(t, err)
		_, err = file.WriteAt([]byte(text), 0)
		require.NoError(t, err)
		return file
	}
	first, second, third := update("1st"), update("2nd"), update("3rd")
	require.NoError(t, second.Close())
	fails(t, first.Close(), "a", vfs.ErrLocked)
	assert.Equal(t, "2nd content", read(t, dir+"/a"))
	require.NoError(t, os.Remove(dir+"/a"))
	write(t, dir+"/a", "another")
	require.NoError(t, third.Close())
	assert.Equal(t, "another", read(t, dir+"/a"))
	aborted := update("4th")
	require.NoError(t, vfs.Abort(aborted, nil))
	assert.Equal(t, "another", read(t, dir+"/a"))
	unchanged, err := f.OpenFile(ctx, "a", os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, unchanged.Close())
	assert.Empty(t, f.tree.updates.files)
	assert.Empty(t, reserved(t, dir))
}

func TestStagedUpdateFallsBackToInPlace(t *testing.T) {
	f, dir := open1(t)
	if f.Features().StagedUpdate {
		t.Skip("the store can do it")
	}
	f.tree.can.StagedUpdate = true // as where another store is mounted below the root
	for _, flag := range []int{os.O_WRONLY, os.O_RDWR} {
		write(t, dir+"/a", "old content")
		file, err := f.OpenFile(t.Context(), "a", flag, 0)
		require.NoError(t, err)
		put(t, file, "new")
		assert.Equal(t, "new content", read(t, dir+"/a"))
		assert.Empty(t, reserved(t, dir))
	}
}
