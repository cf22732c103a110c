package osfs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if root := os.Getenv(crashEnv); root != "" {
		crashWriter(root)
	}
	goleak.VerifyTestMain(m)
}

// openAt opens the FS at dir for the test.
func openAt(t *testing.T, dir string, opts *Options) *FS {
	t.Helper()
	f, err := Open(dir, opts)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, f.Close()) })
	return f
}

func open1(t *testing.T) (*FS, string) {
	t.Helper()
	dir := t.TempDir()
	return openAt(t, dir, nil), dir
}

func write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
	require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(b)
}

// put writes text to f and closes it.
func put(t *testing.T, f vfs.File, text string) {
	t.Helper()
	_, err := f.WriteAt([]byte(text), 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// fails checks for a *fs.PathError about name that matches want and holds no
// path of the host.
func fails(t *testing.T, err error, name string, want error, host ...string) {
	t.Helper()
	require.ErrorIs(t, err, want)
	var pe *fs.PathError
	require.ErrorAs(t, err, &pe)
	assert.Equal(t, name, pe.Path)
	for _, h := range append(host, os.TempDir()+"/") {
		assert.NotContains(t, err.Error(), h)
	}
}

// reserved returns the reserved names in dir, the journal left out.
func reserved(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		if vfs.IsReserved(e.Name()) && e.Name() != journalName {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/file", "x")
	for name, want := range map[string]error{"missing": fs.ErrNotExist, "file": vfs.ErrNotDir} {
		_, err := Open(dir+"/"+name, nil)
		var pe *fs.PathError
		require.ErrorAs(t, err, &pe, name)
		assert.ErrorIs(t, err, want)
	}
}

func TestClosed(t *testing.T) {
	f, err := Open(t.TempDir(), nil)
	require.NoError(t, err)
	ctx := t.Context()
	open, err := f.CreateAtomic(ctx, "open", 0o644)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, f.Close())
	_, err = f.Stat(ctx, ".")
	fails(t, err, ".", fs.ErrClosed)
	_, err = f.OpenDir(ctx, ".")
	fails(t, err, ".", fs.ErrClosed)
	_, err = f.CreateAtomic(ctx, "a", 0o644)
	fails(t, err, "a", fs.ErrClosed)
	put(t, open, "still")
	assert.Equal(t, "still", read(t, f.bases[0]+"/open"))
}

func TestClosedFile(t *testing.T) {
	f, _ := open1(t)
	for name, open := range map[string]func() (vfs.File, error){
		"plain":  func() (vfs.File, error) { return f.OpenFile(t.Context(), "p", os.O_RDWR|os.O_CREATE, 0o644) },
		"staged": func() (vfs.File, error) { return f.CreatePartial(t.Context(), "s", 0o644, "me") },
	} {
		t.Run(name, func(t *testing.T) {
			file, err := open()
			require.NoError(t, err)
			require.NoError(t, file.Close())
			_, err = file.ReadAt(make([]byte, 1), 0)
			assert.ErrorIs(t, err, fs.ErrClosed)
			_, err = file.WriteAt([]byte("x"), 0)
			assert.ErrorIs(t, err, fs.ErrClosed)
			_, err = file.Stat()
			assert.ErrorIs(t, err, fs.ErrClosed)
			assert.ErrorIs(t, file.Close(), fs.ErrClosed)
			assert.ErrorIs(t, vfs.Abort(file, nil), fs.ErrClosed)
			assert.ErrorIs(t, vfs.Truncate(file, 0), fs.ErrClosed)
			assert.ErrorIs(t, vfs.Sync(file), fs.ErrClosed)
			assert.ErrorIs(t, vfs.SetFileAttr(file, &vfs.Attr{Mask: vfs.AttrMode}), fs.ErrClosed)
			_, ok := vfs.OSFile(file)
			assert.False(t, ok)
			if name == "staged" {
				assert.ErrorIs(t, vfs.Keep(file, 1), fs.ErrClosed)
			}
		})
	}
}

func TestReservedNamesAreSecret(t *testing.T) {
	f, dir := open1(t)
	ctx := t.Context()
	secret := vfs.ReservedPrefix + "x"
	upper := strings.ToUpper(secret)
	write(t, dir+"/"+secret, "s")
	write(t, dir+"/plain", "p")
	for _, name := range []string{secret, upper, "d/" + secret, secret + "/x"} {
		_, err := f.Stat(ctx, name)
		fails(t, err, name, fs.ErrNotExist)
		_, err = f.Lstat(ctx, name)
		fails(t, err, name, fs.ErrNotExist)
		_, err = f.OpenFile(ctx, name, os.O_RDONLY, 0)
		fails(t, err, name, fs.ErrNotExist)
		_, err = f.OpenFile(ctx, name, os.O_WRONLY|os.O_CREATE, 0o644)
		fails(t, err, name, fs.ErrPermission)
		_, err = f.CreateAtomic(ctx, name, 0o644)
		fails(t, err, name, fs.ErrPermission)
		fails(t, f.Mkdir(ctx, name, 0o755), name, fs.ErrPermission)
		fails(t, f.Remove(ctx, name), name, fs.ErrNotExist)
		fails(t, f.Rename(ctx, "plain", name, vfs.RenameReplace), "plain", fs.ErrPermission)
		fails(t, f.Rename(ctx, name, "other", vfs.RenameReplace), name, fs.ErrNotExist)
		fails(t, f.Symlink(ctx, "plain", name), name, fs.ErrPermission)
		fails(t, f.Link(ctx, "plain", name), "plain", fs.ErrPermission)
		assert.Error(t, f.Symlink(ctx, secret, "link"))
	}
	assert.Equal(t, []string{"plain"}, list(t, f, "."))
	assert.Equal(t, "s", read(t, dir+"/"+secret))
}

func list(t *testing.T, f vfs.FS, dir string) (names []string) {
	t.Helper()
	d, err := f.OpenDir(t.Context(), dir)
	require.NoError(t, err)
	defer d.Close()
	entries, err := d.ReadDir(-1)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestErrorsNameWhatWasAsked(t *testing.T) {
	f, dir := open1(t)
	ctx := t.Context()
	write(t, dir+"/file", "x")
	write(t, dir+"/full/x", "x")
	long := strings.Repeat("n", 300)
	for _, c := range []struct {
		name string
		want error
		call func(name string) error
	}{
		{"none", fs.ErrNotExist, func(n string) error { _, err := f.Stat(ctx, n); return err }},
		{"file/below", vfs.ErrNotDir, func(n string) error { _, err := f.Stat(ctx, n); return err }},
		{"file/below", vfs.ErrNotDir, func(n string) error { _, err := f.CreateAtomic(ctx, n, 0o644); return err }},
		{"file", vfs.ErrNotDir, func(n string) error { _, err := f.OpenDir(ctx, n); return err }},
		{"file", vfs.ErrNotDir, func(n string) error { return f.Rmdir(ctx, n) }},
		{"full", vfs.ErrNotEmpty, func(n string) error { return f.Rmdir(ctx, n) }},
		{"full", vfs.ErrIsDir, func(n string) error { return f.Remove(ctx, n) }},
		{"full", vfs.ErrIsDir, func(n string) error { _, err := f.OpenFile(ctx, n, os.O_RDONLY, 0); return err }},
		{"full", vfs.ErrIsDir, func(n string) error { _, err := f.CreateAtomic(ctx, n, 0o644); return err }},
		{"full", fs.ErrExist, func(n string) error { return f.Mkdir(ctx, n, 0o755) }},
		{"file", vfs.ErrIsDir, func(n string) error { return f.Rename(ctx, n, "full", vfs.RenameReplace) }},
		{"full", vfs.ErrNotDir, func(n string) error { return f.Rename(ctx, n, "file", vfs.RenameReplace) }},
		{"full", fs.ErrInvalid, func(n string) error { return f.Rename(ctx, n, "full/in", vfs.RenameNoReplace) }},
		{".", fs.ErrPermission, func(n string) error { return f.Remove(ctx, n) }},
		{".", fs.ErrPermission, func(n string) error { return f.Rmdir(ctx, n) }},
		{".", fs.ErrPermission, func(n string) error { return f.Rename(ctx, n, "x", vfs.RenameReplace) }},
		{long, vfs.ErrNameTooLong, func(n string) error { return f.Mkdir(ctx, n, 0o755) }},
		{"a\x00b", fs.ErrInvalid, func(n string) error { return f.Mkdir(ctx, n, 0o755) }},
		{"../x", fs.ErrInvalid, func(n string) error { _, err := f.Stat(ctx, n); return err }},
		{"/etc", fs.ErrInvalid, func(n string) error { _, err := f.Stat(ctx, n); return err }},
		{"file", fs.ErrInvalid, func(n string) error { _, err := f.OpenFile(ctx, n, os.O_APPEND, 0); return err }},
		{"file", fs.ErrInvalid, func(n string) error { _, err := f.OpenFile(ctx, n, os.O_TRUNC, 0); return err }},
	} {
		fails(t, c.call(c.name), c.name, c.want, dir)
	}
	ended, cancel := context.WithCancelCause(ctx)
	gone := errors.New("kicked")
	cancel(gone)
	_, err := f.Stat(ended, "file")
	fails(t, err, "file", gone)
}

func TestRenameNoReplaceRace(t *testing.T) {
	f, dir := open1(t)
	const n = 64
	for i := range n {
		write(t, dir+"/"+string(rune('A'+i)), "x")
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range n {
		wg.Go(func() {
			err := f.Rename(t.Context(), string(rune('A'+i)), "target", vfs.RenameNoReplace)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else {
				assert.ErrorIs(t, err, fs.ErrExist)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, 1, won)
	assert.Len(t, list(t, f, "."), n)
}

func TestRenameReplaces(t *testing.T) {
	f, dir := open1(t)
	ctx := t.Context()
	write(t, dir+"/a", "a")
	write(t, dir+"/b", "b")
	require.NoError(t, os.Mkdir(dir+"/empty", 0o755))
	write(t, dir+"/full/x", "x")
	require.NoError(t, f.Rename(ctx, "a", "b", vfs.RenameReplace))
	assert.Equal(t, "a", read(t, dir+"/b"))
	require.NoError(t, f.Rename(ctx, "b", "b", vfs.RenameReplace))
	assert.Equal(t, "a", read(t, dir+"/b"))
	require.NoError(t, f.Rename(ctx, "full", "empty", vfs.RenameReplace))
	assert.Equal(t, "x", read(t, dir+"/empty/x"))
}

func TestPermissionsOfNewFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	dir := t.TempDir()
	f := openAt(t, dir, &Options{Umask: 0o027})
	ctx := t.Context()
	const all = fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky | 0o777
	file, err := f.OpenFile(ctx, "plain", os.O_WRONLY|os.O_CREATE, all)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	file, err = f.CreateAtomic(ctx, "staged", all)
	require.NoError(t, err)
	hidden, err := os.Stat(dir + "/" + reserved(t, dir)[0])
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), hidden.Mode().Perm(), "while it is staged")
	require.NoError(t, file.Close())
	require.NoError(t, f.Mkdir(ctx, "dir", all))
	for _, name := range []string{"plain", "staged", "dir"} {
		fi, err := f.Stat(ctx, name)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o750), fi.Mode()&^fs.ModeDir, name)
	}
}

func TestSysOf(t *testing.T) {
	f, dir := open1(t)
	write(t, dir+"/a", "abc")
	require.NoError(t, f.Link(t.Context(), "a", "b"))
	a, err := f.Stat(t.Context(), "a")
	require.NoError(t, err)
	file, err := f.OpenFile(t.Context(), "b", os.O_RDONLY, 0)
	require.NoError(t, err)
	defer file.Close()
	b, err := file.Stat()
	require.NoError(t, err)
	assert.Equal(t, int64(3), b.Size())
	if runtime.GOOS != "windows" {
		assert.True(t, vfs.SameFile(a, b))
		assert.Equal(t, uint64(2), vfs.SysOf(a).Links)
		assert.Equal(t, uint32(os.Getuid()), vfs.SysOf(b).UID)
		assert.WithinDuration(t, time.Now(), vfs.SysOf(b).Atime, time.Hour)
		assert.Equal(t, vfs.SysOf(a), vfs.SysOf(b))
	}
	assert.Zero(t, testing.AllocsPerRun(100, func() { _ = b.Sys() }))
}

func TestLeases(t *testing.T) {
	dir := t.TempDir()
	shared := new(Leases)
	a := openAt(t, dir, &Options{Leases: shared})
	b := openAt(t, dir, &Options{Leases: shared})
	write(t, dir+"/d/file", "x")
	require.NoError(t, os.Symlink("d/file", dir+"/link"))
	ctx := t.Context()
	release, err := a.Lease(ctx, "d/file")
	require.NoError(t, err)
	_, err = b.Lease(ctx, "link")
	fails(t, err, "link", vfs.ErrLocked)
	other, err := b.Lease(ctx, "d/other")
	require.NoError(t, err)
	release()
	again, err := b.Lease(ctx, "link")
	require.NoError(t, err)
	release() // must not release what another has now
	_, err = a.Lease(ctx, "d/file")
	fails(t, err, "d/file", vfs.ErrLocked)
	again()
	other()
	for _, name := range []string{"d/file", "d/other"} {
		release, err := b.Lease(ctx, name)
		require.NoError(t, err, name)
		release()
	}
}

func TestDirOf100000IsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 100,000 files")
	}
	f, dir := open1(t)
	const n = 100_000
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer root.Close()
	for i := range n {
		h, err := root.Create("f" + itoa(i))
		require.NoError(t, err)
		h.Close()
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	d, err := f.OpenDir(t.Context(), ".")
	require.NoError(t, err)
	defer d.Close()
	before, most, count := heap(), uint64(0), 0
	for {
		entries, err := d.ReadDir(256)
		count += len(entries)
		if count%(20*256) == 0 {
			most = max(most, heap())
		}
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
	}
	assert.Equal(t, n, count)
	assert.Less(t, int64(most)-int64(before), int64(8<<20))
}

func itoa(i int) string {
	var b [8]byte
	for j := len(b) - 1; j >= 0; j-- {
		b[j], i = byte('0'+i%10), i/10
	}
	return string(b[:])
}

func TestInfoOfVanishedEntry(t *testing.T) {
	f, dir := open1(t)
	write(t, dir+"/d/a", "a")
	write(t, dir+"/d/b", "b")
	d, err := f.OpenDir(t.Context(), "d")
	require.NoError(t, err)
	entries, err := d.ReadDir(-1)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	require.NoError(t, os.Remove(dir+"/d/"+entries[0].Name()))
	_, err = entries[0].Info()
	fails(t, err, "d/"+entries[0].Name(), fs.ErrNotExist)
	require.NoError(t, d.Close())
	fi, err := entries[1].Info()
	require.NoError(t, err)
	assert.Equal(t, entries[1].Name(), fi.Name())
	_, err = d.ReadDir(1)
	fails(t, err, "d", fs.ErrClosed)
}

func TestValidWindowsName(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "a.b": true, "console": true, "com": true, "com10": true, "COM0": true, "lpt": true, "nul1": true,
		".hidden": true, "ünï": true, "conin": true, "x.con": true,
		"": false, "a.": false, "a ": false, ".": false, "..": false, "a:b": false, "a::$DATA": false, `a\b`: false,
		"a/b": false, "a<": false, "a>": false, `a"`: false, "a|b": false, "a?": false, "a*": false, "a\x01": false,
		"a\n": false, "CON": false, "con": false, "Con.txt": false, "PRN": false, "aux.c": false, "nul": false,
		"NUL.tar.gz": false, "com1": false, "COM9.log": false, "lpt1": false, "COM¹": false, "lpt².x": false, "COM³": false,
		"CONIN$": false, "conout$": false, "conout$.x": false, "con .txt": false, "nul  .x": false,
	} {
		assert.Equal(t, want, validWindowsName(name), "%q", name)
	}
}

func TestCopyRange(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("Linux only")
	}
	f, dir := open1(t)
	ctx := t.Context()
	text := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	write(t, dir+"/src", string(text))
	src, err := f.OpenFile(ctx, "src", os.O_RDWR, 0)
	require.NoError(t, err)
	defer src.Close()
	dst, err := f.CreateAtomic(ctx, "dst", 0o644)
	require.NoError(t, err)
	n, err := dst.(vfs.RangeCopier).CopyRange(5, src, 3, 1000)
	require.NoError(t, err)
	assert.Equal(t, int64(1000), n)
	n, err = vfs.CopyRange(ctx, dst, 0, src, 0, -1)
	require.NoError(t, err)
	assert.Equal(t, int64(len(text)), n)
	n, err = dst.(vfs.RangeCopier).CopyRange(0, src, int64(len(text)), 10)
	require.NoError(t, err)
	assert.Zero(t, n)
	require.NoError(t, dst.Close())
	assert.Equal(t, string(text), read(t, dir+"/dst"))

	require.NoError(t, f.Link(ctx, "src", "twin"))
	twin, err := f.OpenFile(ctx, "twin", os.O_RDWR, 0)
	require.NoError(t, err)
	defer twin.Close()
	if f.Features().StagedUpdate { // copies, which don't overlap
		return
	}
	_, err = twin.(vfs.RangeCopier).CopyRange(10, src, 0, 100)
	fails(t, err, "twin", fs.ErrInvalid)
	n, err = twin.(vfs.RangeCopier).CopyRange(200, src, 0, 100)
	require.NoError(t, err)
	assert.Equal(t, int64(100), n)
	_, err = dst.(vfs.RangeCopier).CopyRange(0, src, 0, 1)
	assert.ErrorIs(t, err, fs.ErrClosed)
}

func TestOwnerNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no numeric owners")
	}
	f, _ := open1(t)
	users, groups, err := f.OwnerNames(t.Context(), []uint32{0, 4000000000}, []uint32{4000000000})
	require.NoError(t, err)
	assert.Equal(t, []string{"root", ""}, users)
	assert.Equal(t, []string{""}, groups)
}

func TestSpace(t *testing.T) {
	f, dir := open1(t)
	write(t, dir+"/file", "x")
	for _, name := range []string{".", "file"} {
		s, err := f.Space(t.Context(), name)
		require.NoError(t, err)
		assert.NotZero(t, s.Total*s.FragmentSize)
		assert.LessOrEqual(t, s.Available, s.Total)
	}
	_, err := f.Space(t.Context(), "none")
	fails(t, err, "none", fs.ErrNotExist)
}
