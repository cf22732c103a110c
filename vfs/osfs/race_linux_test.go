package osfs

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func openFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}

// tree is a picture of all that is below dir.
func picture(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := make(map[string]string)
	require.NoError(t, filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(name, &st); err != nil {
			return err
		}
		text := fi.Mode().String() + fi.ModTime().String() + strconv.Itoa(int(st.Uid)) + "/" + strconv.Itoa(int(st.Nlink))
		if fi.Mode().IsRegular() {
			text += read(t, name)
		}
		got[name] = text
		return nil
	}))
	return got
}

// TestSymlinkRace swaps a directory and a file for links that lead out while
// everything that can be done is done below them.
func TestSymlinkRace(t *testing.T) {
	base := t.TempDir()
	outside, dir := base+"/outside", base+"/root"
	write(t, outside+"/file", "canary")
	write(t, outside+"/sub/file", "canary")
	write(t, dir+"/d/file", "mine")
	write(t, dir+"/d/sub/file", "mine")
	write(t, dir+"/f", "mine")
	require.NoError(t, os.Symlink(outside, dir+"/evil"))
	require.NoError(t, os.Symlink(outside+"/file", dir+"/evilfile"))
	before := picture(t, outside)
	f := openAt(t, dir, &Options{Durability: RenameOnly})
	first, err := f.CreateAtomic(t.Context(), "first", 0o644)
	require.NoError(t, err)
	put(t, first, "opens the journal")
	fds := openFDs(t)

	stop := make(chan struct{})
	var wg sync.WaitGroup
	loop := func(body func(i int)) {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					body(i)
				}
			}
		})
	}
	loop(func(int) {
		unix.Renameat2(unix.AT_FDCWD, dir+"/d", unix.AT_FDCWD, dir+"/evil", unix.RENAME_EXCHANGE)
	})
	loop(func(int) {
		unix.Renameat2(unix.AT_FDCWD, dir+"/f", unix.AT_FDCWD, dir+"/evilfile", unix.RENAME_EXCHANGE)
	})
	ctx := t.Context()
	var did atomic.Int64
	ok := func(err error) {
		if err == nil {
			did.Add(1)
			return
		}
		assert.NotContains(t, err.Error(), base)
	}
	for _, d := range []string{"d", "evil", "d/sub"} {
		names := []string{d + "/file", d + "/new"}
		if d == "d" {
			names = append(names, "f", "evilfile")
		}
		for _, name := range names {
			loop(func(int) {
				if file, err := f.OpenFile(ctx, name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600); err == nil {
					_, err = file.WriteAt([]byte("mine"), 0)
					ok(err)
					vfs.SetFileAttr(file, &vfs.Attr{Mask: vfs.AttrMode, Mode: 0o611})
					file.Close()
				} else {
					ok(err)
				}
			})
			loop(func(i int) {
				if file, err := f.CreatePartial(ctx, name, 0o600, "me"); err == nil {
					file.WriteAt([]byte("mine"), 0)
					if i%3 == 0 {
						ok(vfs.Keep(file, 2))
					} else {
						ok(file.Close())
					}
				} else {
					ok(err)
				}
			})
			loop(func(int) {
				ok(f.SetAttr(ctx, name, &vfs.Attr{Mask: vfs.AttrMode | vfs.AttrMtime | vfs.AttrSize, Mode: 0o666, Size: 1}))
				if file, err := f.OpenFile(ctx, name, os.O_RDONLY, 0); err == nil {
					buf := make([]byte, 6)
					file.ReadAt(buf, 0)
					assert.NotEqual(t, "canary", string(buf))
					file.Close()
				}
			})
		}
		loop(func(int) {
			ok(f.Rename(ctx, d+"/new", d+"/newer", vfs.RenameReplace))
			ok(f.Rename(ctx, d+"/newer", "moved", vfs.RenameNoReplace))
			ok(f.Remove(ctx, "moved"))
			ok(f.Remove(ctx, d+"/new"))
			ok(f.Mkdir(ctx, d+"/dir", 0o755))
			ok(f.Symlink(ctx, "file", d+"/link"))
			ok(f.Remove(ctx, d+"/link"))
			ok(f.Link(ctx, d+"/file", d+"/hard"))
			ok(f.Remove(ctx, d+"/hard"))
			ok(f.Rmdir(ctx, d+"/dir"))
			if l, err := f.OpenDir(ctx, d); err == nil {
				l.ReadDir(-1)
				l.Close()
			}
		})
	}
	<-time.After(2 * time.Second)
	close(stop)
	wg.Wait()
	assert.Equal(t, before, picture(t, outside))
	assert.Equal(t, fds, openFDs(t), "descriptors leak")
	t.Logf("%d operations succeeded", did.Load())
	assert.Greater(t, did.Load(), int64(100))
}

func TestNoDescriptorLeaks(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/d/a", "a")
	require.NoError(t, os.Symlink(dir+"/d", dir+"/link"))
	before := openFDs(t)
	for range 3 {
		f, err := Open(dir, nil)
		require.NoError(t, err)
		ctx := t.Context()
		keep(t, f, "link/p", "me", "kept")
		keep(t, f, "link/p", "me", "again")
		for _, name := range []string{"link/a", "d/none", "d", "d/a/b", "link/new"} {
			for _, flag := range []int{os.O_RDONLY, os.O_RDWR | os.O_CREATE, os.O_RDWR | os.O_CREATE | os.O_EXCL} {
				if file, err := f.OpenFile(ctx, name, flag, 0o644); err == nil {
					file.Close()
				}
			}
			if file, err := f.CreateAtomic(ctx, name, 0o644); err == nil {
				file.Close()
			}
			if file, err := f.OpenPartial(ctx, "link/p", "me"); err == nil {
				vfs.Keep(file, 3)
			}
			f.SetAttr(ctx, name, &vfs.Attr{Mask: vfs.AttrMtime | vfs.AttrSize, Size: 1})
			f.Rename(ctx, name, "d/x", vfs.RenameNoReplace)
			f.Rename(ctx, "d/x", name, vfs.RenameReplace)
			f.Rmdir(ctx, name)
			f.Space(ctx, name)
			f.Partials(ctx, "d", "me")
			if release, err := f.Lease(ctx, name); err == nil {
				release()
			}
			if d, err := f.OpenDir(ctx, name); err == nil {
				d.Close()
			}
		}
		require.NoError(t, f.RemovePartial(ctx, "d/p", "me"))
		require.NoError(t, f.Close())
	}
	assert.Equal(t, before, openFDs(t))
}

// makeDevice makes a /dev/null at name, if the process may.
func makeDevice(name string) bool {
	return unix.Mknod(name, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))) == nil
}

// mountTmpfs mounts a store of size at a new directory.
func mountTmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skip("needs the right to mount a tmpfs: ", err)
	}
	t.Cleanup(func() { assert.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

func TestNoSpaceKeepsTheOldFile(t *testing.T) {
	dir := mountTmpfs(t, "size=1m")
	f := openAt(t, dir, nil)
	ctx := t.Context()
	file, err := f.CreateAtomic(ctx, "a", 0o644)
	require.NoError(t, err)
	put(t, file, "old")
	file, err = f.CreateAtomic(ctx, "a", 0o644)
	require.NoError(t, err)
	_, err = file.WriteAt(bytes.Repeat([]byte("x"), 2<<20), 0)
	fails(t, err, "a", vfs.ErrNoSpace, dir)
	require.NoError(t, vfs.Abort(file, err))
	assert.Equal(t, "old", read(t, dir+"/a"))
	assert.Empty(t, reserved(t, dir))
	file, err = f.CreateAtomic(ctx, "a", 0o644)
	require.NoError(t, err, "it recovers")
	put(t, file, "new")
	assert.Equal(t, "new", read(t, dir+"/a"))
}

func TestReadOnlyStore(t *testing.T) {
	dir := mountTmpfs(t, "size=1m")
	write(t, dir+"/a", "a")
	write(t, dir+"/d/a", "a")
	require.NoError(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	f := openAt(t, dir, nil)
	assert.False(t, f.Features().Write)
	_, err := f.CreateAtomic(t.Context(), "b", 0o644)
	fails(t, err, "b", vfs.ErrReadOnly, dir)
	fails(t, f.Remove(t.Context(), "a"), "a", vfs.ErrReadOnly, dir)
	assert.Equal(t, []string{"a"}, list(t, f, "d"))
}

func TestCrossDevice(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/a", "a")
	require.NoError(t, os.Mkdir(dir+"/m", 0o755))
	if err := unix.Mount("tmpfs", dir+"/m", "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("needs the right to mount a tmpfs: ", err)
	}
	defer unix.Unmount(dir+"/m", unix.MNT_DETACH)
	f := openAt(t, dir, nil)
	for _, mode := range []vfs.RenameMode{vfs.RenameNoReplace, vfs.RenameReplace} {
		fails(t, f.Rename(t.Context(), "a", "m/a", mode), "a", vfs.ErrCrossDevice, dir)
	}
}

func BenchmarkStat(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(dir+"/a", nil, 0o644); err != nil {
		b.Fatal(err)
	}
	f, err := Open(dir, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Stat(b.Context(), "a"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenReadClose(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(dir+"/a", make([]byte, 4096), 0o644); err != nil {
		b.Fatal(err)
	}
	f, err := Open(dir, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		file, err := f.OpenFile(b.Context(), "a", os.O_RDONLY, 0)
		if err != nil {
			b.Fatal(err)
		}
		file.ReadAt(buf, 0)
		file.Close()
	}
}

func benchmarkCreate(b *testing.B, d Durability) {
	f, err := Open(b.TempDir(), &Options{Durability: d})
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, 4096)
	var n atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			file, err := f.CreateAtomic(b.Context(), "f"+strconv.FormatInt(n.Add(1)%1000, 10), 0o644)
			if err != nil {
				b.Error(err)
				return
			}
			file.WriteAt(buf, 0)
			if err := file.Close(); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkCreateRenameOnly(b *testing.B) { benchmarkCreate(b, RenameOnly) }
func BenchmarkCreateFull(b *testing.B)       { benchmarkCreate(b, Full) }

func BenchmarkStatPartialMiss(b *testing.B) {
	f, err := Open(b.TempDir(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for b.Loop() {
		f.StatPartial(b.Context(), "d/x", "me")
	}
}
