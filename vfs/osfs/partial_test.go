package osfs

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clock is a time that tests set.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func openClock(t *testing.T, dir string, opts *Options, c *clock) *FS {
	t.Helper()
	f, err := open(dir, opts, c.now)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// keep uploads text to name and keeps it for owner.
func keep(t *testing.T, f *FS, name, owner, text string) {
	t.Helper()
	file, err := f.CreatePartial(t.Context(), name, 0o640, owner)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte(text+"tail"), 0)
	require.NoError(t, err)
	require.NoError(t, vfs.Keep(file, int64(len(text))))
}

func TestKeepAndResume(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/d/other", "x")
	for name, opts := range map[string]*Options{
		"journal": nil, "none": {NoRecovery: true}, "rename only": {Durability: RenameOnly},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Open(dir, opts)
			require.NoError(t, err)
			keep(t, f, "d/a", "me", "kept")
			require.NoError(t, f.Close())
			f = openAt(t, dir, opts) // as after a restart
			ctx := t.Context()
			fi, err := f.StatPartial(ctx, "d/a", "me")
			require.NoError(t, err)
			assert.Equal(t, int64(4), fi.Size())
			assert.Equal(t, "a", fi.Name())
			assert.Equal(t, fs.FileMode(0o640), fi.Mode())
			all, err := f.Partials(ctx, "d", "me")
			require.NoError(t, err)
			assert.Len(t, all, 1)

			_, err = f.StatPartial(ctx, "d/a", "you")
			fails(t, err, "d/a", fs.ErrNotExist)
			_, err = f.OpenPartial(ctx, "d/a", "you")
			fails(t, err, "d/a", fs.ErrNotExist)
			_, err = f.Stat(ctx, "d/a")
			fails(t, err, "d/a", fs.ErrNotExist)
			assert.Equal(t, []string{"other"}, list(t, f, "d"))

			file, err := f.OpenPartial(ctx, "d/a", "me")
			require.NoError(t, err)
			_, err = f.OpenPartial(ctx, "d/a", "me")
			fails(t, err, "d/a", vfs.ErrLocked)
			fails(t, f.RemovePartial(ctx, "d/a", "me"), "d/a", vfs.ErrLocked)
			_, err = file.WriteAt([]byte(" and more"), 4)
			require.NoError(t, err)
			require.NoError(t, file.Close())
			assert.Equal(t, "kept and more", read(t, dir+"/d/a"))
			got, err := f.Stat(ctx, "d/a")
			require.NoError(t, err)
			assert.Equal(t, fs.FileMode(0o640), got.Mode())
			assert.Empty(t, reserved(t, dir+"/d"))
			require.NoError(t, os.Remove(dir+"/d/a"))
		})
	}
}

func TestKeepAgainAndAgain(t *testing.T) {
	f, dir := open1(t)
	ctx := t.Context()
	keep(t, f, "a", "me", "one")
	for _, text := range []string{"one two", "one two three"} {
		file, err := f.OpenPartial(ctx, "a", "me")
		require.NoError(t, err)
		_, err = file.WriteAt([]byte(text), 0)
		require.NoError(t, err)
		require.NoError(t, vfs.Keep(file, int64(len(text))))
		fi, err := f.StatPartial(ctx, "a", "me")
		require.NoError(t, err)
		assert.Equal(t, int64(len(text)), fi.Size())
	}
	assert.Len(t, reserved(t, dir), 2)
	file, err := f.OpenPartial(ctx, "a", "me")
	require.NoError(t, err)
	require.NoError(t, vfs.Abort(file, nil))
	assert.Empty(t, reserved(t, dir))
	_, err = f.StatPartial(ctx, "a", "me")
	fails(t, err, "a", fs.ErrNotExist)
}

func TestKeepNothing(t *testing.T) {
	f, dir := open1(t)
	keep(t, f, "a", "me", "")
	write(t, dir+"/published", "x")
	keep(t, f, "published", "me", "lost")
	assert.Empty(t, reserved(t, dir))
	file, err := f.CreateAtomic(t.Context(), "b", 0o644)
	require.NoError(t, err)
	assert.ErrorIs(t, vfs.Keep(file, 1), errUnsupported)
	put(t, file, "still usable")
	_, err = f.CreatePartial(t.Context(), "a", 0o644, "")
	fails(t, err, "a", fs.ErrInvalid)

	off := openAt(t, t.TempDir(), &Options{KeepPartials: -1})
	assert.False(t, off.Features().Partial)
	_, err = off.CreatePartial(t.Context(), "a", 0o644, "me")
	fails(t, err, "a", errUnsupported)
	_, err = off.StatPartial(t.Context(), "a", "me")
	fails(t, err, "a", errUnsupported)
}

func TestNewerPartialReplacesOlder(t *testing.T) {
	f, dir := open1(t)
	keep(t, f, "a", "me", "first")
	keep(t, f, "a", "you", "yours")
	keep(t, f, "a", "me", "2nd")
	assert.Len(t, reserved(t, dir), 4)
	fi, err := f.StatPartial(t.Context(), "a", "me")
	require.NoError(t, err)
	assert.Equal(t, int64(3), fi.Size())
	require.NoError(t, f.RemovePartial(t.Context(), "a", "me"))
	fi, err = f.StatPartial(t.Context(), "a", "you")
	require.NoError(t, err)
	assert.Equal(t, int64(5), fi.Size())
	assert.Len(t, reserved(t, dir), 2)
}

func TestPublishingDropsPartials(t *testing.T) {
	f, dir := open1(t)
	keep(t, f, "a", "me", "mine")
	keep(t, f, "b", "me", "mine")
	write(t, dir+"/b", "published by another program")
	_, err := f.OpenPartial(t.Context(), "b", "me")
	fails(t, err, "b", fs.ErrNotExist)
	file, err := f.CreateAtomic(t.Context(), "a", 0o644)
	require.NoError(t, err)
	put(t, file, "published")
	_, err = f.StatPartial(t.Context(), "a", "me")
	fails(t, err, "a", fs.ErrNotExist)
	assert.Empty(t, reserved(t, dir))
}

func TestPartialExpires(t *testing.T) {
	dir := t.TempDir()
	c := &clock{time.Now()}
	opts := &Options{KeepPartials: time.Hour}
	f := openClock(t, dir, opts, c)
	keep(t, f, "a", "me", "kept")
	keep(t, f, "b", "me", "kept")
	c.at = c.at.Add(59 * time.Minute)
	_, err := f.StatPartial(t.Context(), "a", "me")
	require.NoError(t, err)
	file, err := f.OpenPartial(t.Context(), "b", "me") // keeps it beyond its time
	require.NoError(t, err)
	c.at = c.at.Add(time.Minute)
	_, err = f.StatPartial(t.Context(), "a", "me")
	fails(t, err, "a", fs.ErrNotExist)
	require.NoError(t, file.Close())
	assert.Empty(t, reserved(t, dir))

	keep(t, f, "a", "me", "kept")
	require.NoError(t, f.Close())
	c.at = c.at.Add(time.Hour)
	openClock(t, dir, opts, c)
	assert.Empty(t, reserved(t, dir))
	assert.NoFileExists(t, dir+"/"+journalName)
}

func TestPartialIsCutToWhatItsRecordSays(t *testing.T) {
	dir := t.TempDir()
	f, err := Open(dir, nil)
	require.NoError(t, err)
	keep(t, f, "a", "me", "kept")
	require.NoError(t, f.Close())
	for _, name := range reserved(t, dir) {
		if !strings.HasSuffix(name, recordSuffix) {
			write(t, dir+"/"+name, "kept and half a block from before a crash")
		}
	}
	f = openAt(t, dir, nil)
	file, err := f.OpenPartial(t.Context(), "a", "me")
	require.NoError(t, err)
	fi, err := file.Stat()
	require.NoError(t, err)
	assert.Equal(t, int64(4), fi.Size())
	require.NoError(t, vfs.Abort(file, nil))
}

func TestPartialThroughLinkedDirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/real/x", "x")
	require.NoError(t, os.Symlink("real", dir+"/link"))
	f, err := Open(dir, nil)
	require.NoError(t, err)
	keep(t, f, "link/a", "me", "kept")
	for range 2 {
		for _, name := range []string{"link/a", "real/a"} {
			_, err = f.StatPartial(t.Context(), name, "me")
			assert.NoError(t, err, name)
		}
		require.NoError(t, f.Close())
		f, err = Open(dir, nil)
		require.NoError(t, err)
	}
	require.NoError(t, f.Close())
}

func TestPartialMovesWithItsDirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/d/e/x", "x")
	f, err := Open(dir, nil)
	require.NoError(t, err)
	keep(t, f, "d/e/a", "me", "kept")
	require.NoError(t, f.Rename(t.Context(), "d", "moved", vfs.RenameNoReplace))
	_, err = f.StatPartial(t.Context(), "moved/e/a", "me")
	assert.NoError(t, err)
	require.NoError(t, f.Close())
	f = openAt(t, dir, nil)
	_, err = f.StatPartial(t.Context(), "moved/e/a", "me")
	assert.NoError(t, err)
	_, err = f.StatPartial(t.Context(), "d/e/a", "me")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestPartialIsSharedThroughLeases(t *testing.T) {
	dir := t.TempDir()
	shared := new(Leases)
	a := openAt(t, dir, &Options{Leases: shared})
	b := openAt(t, dir, &Options{Leases: shared})
	keep(t, a, "a", "me", "kept")
	_, err := b.StatPartial(t.Context(), "a", "me")
	assert.NoError(t, err)
}

func TestStatPartialMissCostsNothing(t *testing.T) {
	f, dir := open1(t)
	keep(t, f, "a", "me", "kept")
	// Without the root no system call can succeed.
	require.NoError(t, f.root.Close())
	_, err := f.StatPartial(t.Context(), "d/x", "me")
	fails(t, err, "d/x", fs.ErrNotExist, dir)
	_, err = f.StatPartial(t.Context(), "other", "me")
	fails(t, err, "other", fs.ErrNotExist, dir)
}

func TestRmdirWithPartials(t *testing.T) {
	f, dir := open1(t)
	ctx := t.Context()
	require.NoError(t, f.Mkdir(ctx, "d", 0o755))
	keep(t, f, "d/a", "me", "kept")
	live, err := f.CreateAtomic(ctx, "d/b", 0o644)
	require.NoError(t, err)
	fails(t, f.Rmdir(ctx, "d"), "d", vfs.ErrNotEmpty)
	_, err = f.StatPartial(ctx, "d/a", "me")
	require.NoError(t, err, "nothing may go while one is active")
	require.NoError(t, vfs.Abort(live, nil))
	require.NoError(t, f.Rmdir(ctx, "d"))
	assert.NoDirExists(t, dir+"/d")
	_, err = f.StatPartial(ctx, "d/a", "me")
	fails(t, err, "d/a", fs.ErrNotExist)
}
