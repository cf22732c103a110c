package osfs

import (
	"io/fs"
	"os"
	"strconv"
	"testing"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func symlinks(t *testing.T, links map[string]string) {
	t.Helper()
	for name, target := range links {
		if err := os.Symlink(target, name); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
	}
}

func TestAbsoluteLinksInside(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	write(t, outside+"/secret", "secret")
	write(t, dir+"/d/file", "inside")
	symlinks(t, map[string]string{
		dir + "/abs":      dir + "/d/file",
		dir + "/absdir":   dir + "/d",
		dir + "/chain":    dir + "/rel",
		dir + "/rel":      "absdir/file",
		dir + "/top":      dir,
		dir + "/out":      outside,
		dir + "/outfile":  outside + "/secret",
		dir + "/outrel":   "../../../../../../../../etc/passwd",
		dir + "/dangling": dir + "/none",
		dir + "/loop":     dir + "/loop",
		dir + "/d/up":     "../d/file",
	})
	f := openAt(t, dir, nil)
	ctx := t.Context()
	for name, want := range map[string]error{
		"abs": nil, "absdir/file": nil, "chain": nil, "rel": nil, "top/absdir/file": nil, "top/top/chain": nil,
		"absdir/up": nil,
		"out":       vfs.ErrEscape, "out/secret": vfs.ErrEscape, "outfile": vfs.ErrEscape, "outrel": vfs.ErrEscape,
		"top/out/secret": vfs.ErrEscape, "dangling": fs.ErrNotExist, "loop": vfs.ErrLoop, "loop/x": vfs.ErrLoop,
	} {
		_, err := f.Stat(ctx, name)
		file, err2 := f.OpenFile(ctx, name, os.O_RDONLY, 0)
		if want == nil {
			require.NoError(t, err, name)
			require.NoError(t, err2, name)
			buf := make([]byte, 6)
			_, err = file.ReadAt(buf, 0)
			require.NoError(t, err)
			assert.Equal(t, "inside", string(buf), name)
			require.NoError(t, file.Close())
			continue
		}
		fails(t, err, name, want, dir, outside)
		fails(t, err2, name, want, dir, outside)
		_, err = f.OpenFile(ctx, name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
		if name != "dangling" {
			fails(t, err, name, want, dir, outside)
			_, err = f.CreateAtomic(ctx, name, 0o644)
			fails(t, err, name, want, dir, outside)
			_, err = f.OpenDir(ctx, name)
			fails(t, err, name, want, dir, outside)
			fails(t, f.SetAttr(ctx, name, &vfs.Attr{Mask: vfs.AttrMode}), name, want, dir, outside)
		}
	}
	assert.Equal(t, "secret", read(t, outside+"/secret"))
	assert.Contains(t, list(t, f, "absdir"), "file")
	_, err := f.Lstat(ctx, "top/absdir/file")
	assert.NoError(t, err)
}

func TestWritingKeepsTheLink(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/d/file", "old")
	symlinks(t, map[string]string{
		dir + "/abs": dir + "/d/file", dir + "/rel": "d/file", dir + "/dangling": dir + "/d/new", dir + "/relnew": "d/new2",
	})
	f := openAt(t, dir, nil)
	for _, name := range []string{"abs", "rel", "dangling", "relnew"} {
		file, err := f.CreateAtomic(t.Context(), name, 0o644)
		require.NoError(t, err, name)
		put(t, file, "through "+name)
		fi, err := f.Lstat(t.Context(), name)
		require.NoError(t, err)
		assert.NotZero(t, fi.Mode()&fs.ModeSymlink, name)
		assert.Equal(t, "through "+name, read(t, dir+"/"+name))
	}
	assert.Equal(t, "through rel", read(t, dir+"/d/file"))
	_, err := f.OpenFile(t.Context(), "rel", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	fails(t, err, "rel", fs.ErrExist)
	require.NoError(t, f.Remove(t.Context(), "abs"))
	assert.FileExists(t, dir+"/d/file")
	assert.Empty(t, reserved(t, dir))
}

func TestLinkChains(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/l0", "end")
	for i := 1; i <= maxHops+1; i++ {
		symlinks(t, map[string]string{dir + "/l" + strconv.Itoa(i): "l" + strconv.Itoa(i-1)})
	}
	f := openAt(t, dir, nil)
	_, err := f.Stat(t.Context(), "l"+strconv.Itoa(maxHops))
	assert.NoError(t, err)
	_, err = f.Stat(t.Context(), "l"+strconv.Itoa(maxHops+1))
	fails(t, err, "l"+strconv.Itoa(maxHops+1), vfs.ErrLoop)
}

func TestReadlinkShowsNothingOutside(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/d/e/file", "x")
	symlinks(t, map[string]string{
		dir + "/d/abs": dir + "/d/e/file", dir + "/d/rel": "../d/e/file", dir + "/d/same": "e/file", dir + "/root": dir,
		dir + "/out": "/etc/passwd", dir + "/d/out": "../../x", dir + "/to": "d/e", dir + "/d/e/up": "../../other",
	})
	f := openAt(t, dir, nil)
	for name, want := range map[string]string{
		"d/abs": "../d/e/file", "d/rel": "../d/e/file", "d/same": "e/file", "root": ".",
		"to/up": "../other", "d/e/up": "../../other",
	} {
		got, err := f.Readlink(t.Context(), name)
		require.NoError(t, err, name)
		assert.Equal(t, want, got, name)
	}
	for _, name := range []string{"out", "d/out"} {
		got, err := f.Readlink(t.Context(), name)
		fails(t, err, name, vfs.ErrEscape, "passwd")
		assert.Empty(t, got)
	}
	_, err := f.Readlink(t.Context(), "d/e/file")
	fails(t, err, "d/e/file", fs.ErrInvalid)
}

func TestSymlinkMustStayInside(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/a/b/file", "x")
	write(t, dir+"/d/file", "x")
	symlinks(t, map[string]string{dir + "/a/b/near": "../../d"})
	f := openAt(t, dir, nil)
	for name, target := range map[string]string{
		"l1": "/etc/passwd", "l2": dir + "/d", "a/l3": "../../x", "l4": "..",
		"a/b/near/l5": "../../x", // d/l5 would lead out, a/b/near/l5 seems not to
	} {
		fails(t, f.Symlink(t.Context(), target, name), name, vfs.ErrEscape, dir)
	}
	require.NoError(t, f.Symlink(t.Context(), "../d/file", "a/ok"))
	assert.Equal(t, "x", read(t, dir+"/a/ok"))
	fails(t, f.Symlink(t.Context(), "x", "a/ok"), "a/ok", fs.ErrExist)
}

// TestRootIsEverything checks that with "/" as root every absolute link is
// inside.
func TestRootIsEverything(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/d/file", "x")
	symlinks(t, map[string]string{dir + "/abs": dir + "/d/file"})
	f, err := Open("/", &Options{NoRecovery: true})
	if err != nil {
		t.Skip("no root directory to open: ", err)
	}
	defer f.Close()
	if len(dir) < 2 || dir[0] != '/' {
		t.Skip("paths do not begin at one root here")
	}
	fi, err := f.Stat(t.Context(), dir[1:]+"/abs")
	require.NoError(t, err)
	assert.True(t, fi.Mode().IsRegular())
	file, err := f.CreateAtomic(t.Context(), dir[1:]+"/abs", 0o644)
	require.NoError(t, err)
	put(t, file, "new")
	assert.Equal(t, "new", read(t, dir+"/d/file"))
	assert.NoFileExists(t, "/"+journalName)
}
