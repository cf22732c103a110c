package osfs

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errUnsupported = errors.ErrUnsupported

func TestJournalGrowsByDirectory(t *testing.T) {
	f, dir := open1(t)
	ctx := t.Context()
	assert.NoFileExists(t, dir+"/"+journalName, "nothing was staged")
	names := []string{"plain", "new\nline", `quo"te`, "tab\t", "uni ☃"}
	for _, name := range names {
		require.NoError(t, f.Mkdir(ctx, name, 0o755))
		for range 3 {
			file, err := f.CreateAtomic(ctx, name+"/x", 0o644)
			require.NoError(t, err)
			require.NoError(t, file.Close())
		}
	}
	lines := strings.Split(strings.TrimSpace(read(t, dir+"/"+journalName)), "\n")
	require.Len(t, lines, len(names))
	for i, line := range lines {
		got, err := strconv.Unquote(line)
		require.NoError(t, err)
		assert.Equal(t, names[i], got)
	}
}

func TestOpenSweepsOrphans(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"new\nline", "live", "elsewhere"} {
		require.NoError(t, os.Mkdir(dir+"/"+d, 0o755))
	}
	f, err := Open(dir, nil)
	require.NoError(t, err)
	keep(t, f, "live/kept", "me", "kept")
	require.NoError(t, f.Close())
	orphan := vfs.ReservedPrefix + strings.Repeat("ab", 16)
	for _, name := range []string{"new\nline/" + orphan, "live/" + orphan, "live/" + orphan + "2.json", "elsewhere/" + orphan} {
		write(t, dir+"/"+name, "left by a crash")
	}
	j, err := os.OpenFile(dir+"/"+journalName, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = j.WriteString(strconv.Quote("new\nline") + "\n\"../outside\"\nrubbish\n\"gone\"\n\"torn")
	require.NoError(t, err)
	require.NoError(t, j.Close())

	f = openAt(t, dir, nil)
	assert.Empty(t, reserved(t, dir+"/new\nline"))
	assert.Len(t, reserved(t, dir+"/live"), 2)
	assert.Len(t, reserved(t, dir+"/elsewhere"), 1, "not listed, so not looked at")
	assert.Equal(t, "\"live\"\n", read(t, dir+"/"+journalName))
	_, err = f.StatPartial(t.Context(), "live/kept", "me")
	assert.NoError(t, err)
}

func TestSweepSparesLiveStages(t *testing.T) {
	dir := t.TempDir()
	a := openAt(t, dir, nil)
	file, err := a.CreateAtomic(t.Context(), "a", 0o644)
	require.NoError(t, err)
	b := openAt(t, dir, nil) // has leases of its own, as another process does
	assert.Len(t, reserved(t, dir), 1)
	put(t, file, "whole")
	assert.Equal(t, "whole", read(t, dir+"/a"))
	keep(t, b, "b", "me", "kept")
}

func TestListingSweepsStale(t *testing.T) {
	dir := t.TempDir()
	f := openAt(t, dir, &Options{NoRecovery: true})
	stale, fresh := vfs.ReservedPrefix+"00", vfs.ReservedPrefix+"11"
	write(t, dir+"/"+stale, "x")
	write(t, dir+"/"+fresh, "x")
	old := time.Now().Add(-25 * time.Hour)
	require.NoError(t, os.Chtimes(dir+"/"+stale, old, old))
	live, err := f.CreateAtomic(t.Context(), "live", 0o644)
	require.NoError(t, err)
	require.NoError(t, vfs.SetFileAttr(live, &vfs.Attr{Mask: vfs.AttrMtime, Mtime: old}))
	keep(t, f, "kept", "me", "kept")
	assert.Empty(t, list(t, f, "."))
	assert.NoFileExists(t, dir+"/"+stale)
	assert.FileExists(t, dir+"/"+fresh)
	assert.Len(t, reserved(t, dir), 4)
	require.NoError(t, live.Close())
	assert.NoFileExists(t, dir+"/"+journalName)
}
