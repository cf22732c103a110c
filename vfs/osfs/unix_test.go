//go:build unix

package osfs

import (
	"io/fs"
	"net"
	"os"
	"testing"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestFIFODoesNotBlock(t *testing.T) {
	f, dir := open1(t)
	ctx := t.Context()
	require.NoError(t, unix.Mkfifo(dir+"/fifo", 0o666))
	require.NoError(t, os.Symlink("fifo", dir+"/link"))
	l, err := net.Listen("unix", dir+"/socket")
	require.NoError(t, err)
	defer l.Close()
	names := []string{"fifo", "link", "socket"}
	if makeDevice(dir + "/null") {
		names = append(names, "null")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, name := range names {
			for _, flag := range []int{os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_CREATE | os.O_TRUNC} {
				_, err := f.OpenFile(ctx, name, flag, 0o644)
				assert.ErrorIs(t, err, vfs.ErrNotRegular, "%s %x", name, flag)
			}
			_, err := f.CreateAtomic(ctx, name, 0o644)
			assert.ErrorIs(t, err, vfs.ErrNotRegular, name)
			assert.ErrorIs(t, f.SetAttr(ctx, name, &vfs.Attr{Mask: vfs.AttrSize}), vfs.ErrNotRegular)
			assert.NoError(t, f.SetAttr(ctx, name, &vfs.Attr{Mask: vfs.AttrMode, Mode: 0o600}), name)
			// Past the first look, as in a race.
			p, fi, err := f.follow(name)
			if assert.NoError(t, err) {
				assert.Equal(t, fs.FileMode(0o600), fi.Mode().Perm())
				for _, flag := range []int{os.O_RDONLY, os.O_WRONLY, os.O_RDWR} {
					_, _, err = p.dir.open(p.base, flag, 0)
					assert.ErrorIs(t, mapErr(err), vfs.ErrNotRegular, "%s %x", name, flag)
				}
				p.close()
			}
		}
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("it waits for the other end")
	}
}

func TestSetAttrOfUnreadable(t *testing.T) {
	f, dir := open1(t)
	write(t, dir+"/a", "abc")
	require.NoError(t, os.Chmod(dir+"/a", 0))
	ctx := t.Context()
	at := time.Unix(1e9, 5000)
	require.NoError(t, f.SetAttr(ctx, "a", &vfs.Attr{Mask: vfs.AttrMtime, Mtime: at}))
	require.NoError(t, f.SetAttr(ctx, "a", &vfs.Attr{Mask: vfs.AttrMode, Mode: fs.ModeSetuid | 0o640}))
	before, err := f.Stat(ctx, "a")
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o640), before.Mode())
	assert.True(t, at.Equal(before.ModTime()))
	require.NoError(t, f.SetAttr(ctx, "a", &vfs.Attr{Mask: vfs.AttrAtime, Atime: at.Add(time.Hour)}))
	after, err := f.Stat(ctx, "a")
	require.NoError(t, err)
	assert.True(t, at.Equal(after.ModTime()))
	assert.True(t, at.Add(time.Hour).Equal(vfs.SysOf(after).Atime))
	require.NoError(t, f.SetAttr(ctx, "a", &vfs.Attr{Mask: vfs.AttrSize | vfs.AttrMtime, Size: 1, Mtime: at}))
	after, err = f.Stat(ctx, "a")
	require.NoError(t, err)
	assert.Equal(t, int64(1), after.Size())
	assert.True(t, at.Equal(after.ModTime()), "times come after the size")
	fails(t, f.SetAttr(ctx, "a", &vfs.Attr{Mask: vfs.AttrSize, Size: -1}), "a", fs.ErrInvalid)
	fails(t, f.SetAttr(ctx, ".", &vfs.Attr{Mask: vfs.AttrSize}), ".", vfs.ErrIsDir)
}

func TestLsetAttr(t *testing.T) {
	f, dir := open1(t)
	ctx := t.Context()
	write(t, dir+"/a", "abc")
	require.NoError(t, os.Symlink("a", dir+"/link"))
	at := time.Unix(1e9, 0)
	require.NoError(t, f.LsetAttr(ctx, "link", &vfs.Attr{Mask: vfs.AttrMtime, Mtime: at}))
	fi, err := f.Lstat(ctx, "link")
	require.NoError(t, err)
	assert.True(t, at.Equal(fi.ModTime()))
	fi, err = f.Stat(ctx, "link")
	require.NoError(t, err)
	assert.False(t, at.Equal(fi.ModTime()))
	fails(t, f.LsetAttr(ctx, "link", &vfs.Attr{Mask: vfs.AttrSize}), "link", vfs.ErrNotRegular)
	if os.Getuid() == 0 {
		require.NoError(t, f.LsetAttr(ctx, "link", &vfs.Attr{Mask: vfs.AttrOwner, UID: 77, GID: 78}))
		fi, err = f.Lstat(ctx, "link")
		require.NoError(t, err)
		assert.Equal(t, uint32(77), vfs.SysOf(fi).UID)
		fi, err = f.Stat(ctx, "link")
		require.NoError(t, err)
		assert.Equal(t, uint32(0), vfs.SysOf(fi).UID)
	}
	require.NoError(t, f.LsetAttr(ctx, "a", &vfs.Attr{Mask: vfs.AttrMode, Mode: 0o600}))
}

func TestDirectoryKeepsSetgid(t *testing.T) {
	f, dir := open1(t)
	require.NoError(t, os.Mkdir(dir+"/d", 0o755))
	require.NoError(t, os.Chmod(dir+"/d", fs.ModeSetgid|fs.ModeSticky|0o755))
	require.NoError(t, f.SetAttr(t.Context(), "d", &vfs.Attr{Mask: vfs.AttrMode, Mode: 0o700}))
	fi, err := f.Stat(t.Context(), "d")
	require.NoError(t, err)
	assert.Equal(t, fs.ModeDir|fs.ModeSetgid|fs.ModeSticky|0o700, fi.Mode())
}

func TestRenameByLink(t *testing.T) {
	f, dir := open1(t)
	write(t, dir+"/a", "a")
	write(t, dir+"/b", "b")
	write(t, dir+"/d/x", "x")
	assert.ErrorIs(t, mapErr(f.top.renameByLink("a", f.top, "b")), fs.ErrExist)
	assert.ErrorIs(t, mapErr(f.top.renameByLink("d", f.top, "b")), fs.ErrExist)
	require.NoError(t, f.top.renameByLink("a", f.top, "c"))
	require.NoError(t, f.top.renameByLink("d", f.top, "e"))
	assert.Equal(t, "a", read(t, dir+"/c"))
	assert.NoFileExists(t, dir+"/a")
	assert.Equal(t, "x", read(t, dir+"/e/x"))
}
