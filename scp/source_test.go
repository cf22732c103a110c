package scp_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/internal/peer"
	"github.com/quaymaster/quaymaster/scp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
	"github.com/quaymaster/quaymaster/vfs/osfs"
	"github.com/quaymaster/quaymaster/vfs/vfstest"
)

// source runs a command line that sends, and begins.
func source(t *testing.T, fsys vfs.FS, command string, change ...func(*auth.Identity, *sshd.PipeOptions)) *raw {
	t.Helper()
	c := newRaw(t, &scp.Handler{}, fsys, command, change...)
	c.say("\x00")
	return c
}

func TestSourceFile(t *testing.T) {
	rec := &recorder{}
	fsys := tree(t, map[string]string{"f": "abc", "empty": ""})
	c := source(t, fsys, "scp -f /f empty", func(_ *auth.Identity, o *sshd.PipeOptions) { o.Sink = rec })
	c.want("C0644 3 f\n")
	c.ask("\x00", "abc\x00")
	c.ask("\x00", "C0644 0 empty\n")
	c.ask("\x00", "\x00")
	c.say("\x00")
	out, err := c.rest()
	require.NoError(t, err)
	assert.Empty(t, out)
	downloads := rec.of(quaymaster.KindDownload)
	require.Len(t, downloads, 2)
	assert.Equal(t, int64(3), downloads[0].Bytes)
	assert.NoError(t, downloads[0].Err)
	assert.Equal(t, "/empty", downloads[1].Path)
}

func TestSourceTree(t *testing.T) {
	fsys := tree(t, map[string]string{"d/e/f": "abc"}, "d", "d/e")
	for name, mtime := range map[string]int64{"d": 1, "d/e": 3, "d/e/f": 5} {
		a := &vfs.Attr{Mask: vfs.AttrMtime | vfs.AttrAtime, Mtime: time.Unix(mtime, 0), Atime: time.Unix(mtime+1, 0)}
		require.NoError(t, vfs.SetAttr(t.Context(), fsys, name, a))
	}
	c := source(t, fsys, "scp -r -p -f d/")
	c.want("T1 0 2 0\n")
	c.ask("\x00", "D0755 0 d\n")
	c.ask("\x00", "T3 0 4 0\n")
	c.ask("\x00", "D0755 0 e\n")
	c.ask("\x00", "T5 0 6 0\n")
	c.ask("\x00", "C0644 3 f\n")
	c.ask("\x00", "abc\x00")
	c.ask("\x00", "E\n")
	c.ask("\x00", "E\n")
	c.say("\x00")
	_, err := c.rest()
	require.NoError(t, err)
}

// ProFTPD bugs 3798 and 3935: it hung.
func TestSourceMissing(t *testing.T) {
	c := source(t, tree(t, map[string]string{"f": "abc"}, "d"), "scp -f x d f .")
	c.want("\x01scp: x: No such file or directory\n") // no reply to these
	c.want("\x01scp: d: not a regular file\n")
	c.want("C0644 3 f\n")
	c.ask("\x00", "abc\x00")
	c.ask("\x00", "\x01scp: .: not a regular file\n")
	_, err := c.rest()
	exitOne(t, err)
}

// ProFTPD bug 3904.
func TestSourceGlob(t *testing.T) {
	files := map[string]string{"d/b.csv": "b", "d/a.csv": "a", "d/.h.csv": "h", "d/c*": "c", "d/cx": "x"}
	for command, want := range map[string][]string{
		"scp -f d/*.csv":       {"a.csv", "b.csv"},
		"scp -f /*/[!a]*v":     {"b.csv"},
		"scp -f ~/d/.*":        {".h.csv"},
		"scp -f d/c?":          {"c*", "cx"},
		`scp -f d/c\*`:         {"c*"},
		`scp -f 'd/c*' d"/"c?`: {"c*", "c*", "cx"},
	} {
		c := source(t, tree(t, files, "d"), command)
		for _, name := range want {
			c.want(fmt.Sprintf("C0644 1 %s\n", name))
			c.ask("\x00", files["d/"+name]+"\x00")
			c.say("\x00")
		}
		_, err := c.rest()
		require.NoError(t, err, command)
	}
	out, err := source(t, tree(t, files, "d"), "scp -f d/*.pdf").rest()
	exitOne(t, err)
	assert.Equal(t, "\x01scp: d/*.pdf: No such file or directory\n", out)
}

// The client skips what it can't store.
func TestSourceRefused(t *testing.T) {
	fsys := tree(t, map[string]string{"d/e/f": "abc", "d/g": "g"}, "d", "d/e")
	c := source(t, fsys, "scp -r -f d")
	c.want("D0755 0 d\n")
	c.ask("\x00", "D0755 0 e\n")
	c.ask("\x01scp: e: Permission denied\n", "C0644 1 g\n")
	c.ask("\x01scp: g: Permission denied\n", "E\n")
	c.say("\x00")
	_, err := c.rest()
	exitOne(t, err)
	assert.ErrorContains(t, err, "e: Permission denied")

	c = source(t, fsys, "scp -f d/g d/g")
	c.want("C0644 1 g\n")
	c.say("\x02scp: no more\n")
	out, err := c.rest()
	assert.ErrorContains(t, err, "no more")
	assert.Empty(t, out)

	c = source(t, fsys, "scp -f d/g")
	c.want("C0644 1 g\n")
	c.say("what?\n")
	out, err = c.rest()
	assert.Error(t, err)
	assert.Equal(t, "\x02scp: protocol error: unexpected reply\n", out)

	c = source(t, fsys, "scp -f d/g")
	c.want("C0644 1 g\n")
	_, err = c.end()
	assert.ErrorIs(t, err, quaymaster.ErrConnLost)
}

// namedFS gives the entries of the root another name, as a file system of
// another kind might.
type namedFS struct {
	vfs.FS
	name string
}

func (n namedFS) OpenDir(ctx context.Context, name string) (vfs.Dir, error) {
	d, err := n.FS.OpenDir(ctx, name)
	return namedDir{d, n.name}, err
}

func (n namedFS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	if strings.HasPrefix(name, "d/") {
		name = "d/f"
	}
	return n.FS.Stat(ctx, name)
}

type namedDir struct {
	vfs.Dir
	name string
}

func (d namedDir) ReadDir(n int) ([]fs.DirEntry, error) {
	entries, err := d.Dir.ReadDir(n)
	for i, e := range entries {
		entries[i] = namedEntry{e, d.name}
	}
	return entries, err
}

type namedEntry struct {
	fs.DirEntry
	name string
}

func (e namedEntry) Name() string { return e.name }

// A name must not become a record of its own, nor do something to a terminal.
func TestSourceNames(t *testing.T) {
	for _, name := range []string{"a\nC0644 9 b", "\x1b]0;x\x07", `a\b`, "\xff"} {
		c := source(t, namedFS{tree(t, map[string]string{"d/f": "abc"}, "d"), name}, "scp -r -f d")
		c.want("D0755 0 d\n")
		c.say("\x00")
		c.want("\x01scp: d/")
		buf := make([]byte, 1024)
		n, err := c.conn.Read(buf)
		require.NoError(t, err)
		assert.NotContains(t, strings.TrimSuffix(string(buf[:n]), "\n"), "\n")
		assert.NotContains(t, string(buf[:n]), "\x1b")
		c.want("E\n")
		c.say("\x00")
		_, err = c.rest()
		exitOne(t, err)
	}
}

// Links are followed, but not around.
func TestSourceLinks(t *testing.T) {
	fsys := tree(t, map[string]string{"d/f": "abc"}, "d")
	require.NoError(t, fsys.Symlink(t.Context(), "f", "d/link"))
	require.NoError(t, fsys.Symlink(t.Context(), ".", "d/round"))
	require.NoError(t, fsys.Symlink(t.Context(), "nothing", "d/broken"))
	c := source(t, fsys, "scp -r -f d")
	c.want("D0755 0 d\n")
	seen := map[string]bool{}
	for range 4 {
		c.say("\x00")
		line := make([]byte, 256)
		for {
			n, err := c.conn.Read(line)
			require.NoError(t, err)
			seen[string(line[:n])] = true
			if line[0] != 1 {
				break
			}
		}
		if string(line[:2]) == "E\n" {
			break
		}
		if line[0] == 'C' {
			c.ask("\x00", "abc\x00")
		}
	}
	c.say("\x00")
	_, err := c.rest()
	exitOne(t, err)
	assert.Equal(t, map[string]bool{
		"C0644 3 f\n": true, "C0644 3 link\n": true, "E\n": true, "\x01scp: d/broken: No such file or directory\n": true,
		"\x01scp: d/round: not copied: it leads back to a directory around it\n": true,
	}, seen)
}

func TestSourceDepth(t *testing.T) {
	name := "d"
	dirs := []string{name}
	for range 64 {
		name += "/d"
		dirs = append(dirs, name)
	}
	c := source(t, tree(t, nil, dirs...), "scp -r -f d")
	for range 64 {
		c.want("D0755 0 d\n")
		c.say("\x00")
	}
	c.want("\x01scp: " + name + ": not copied: directories are nested too deeply\n")
	for range 64 {
		c.want("E\n")
		c.say("\x00")
	}
	_, err := c.rest()
	exitOne(t, err)
}

// shrinking is a file system whose files end before their size does.
func shrinking(fsys vfs.FS, at int64) vfs.FS {
	return &vfs.Forward{
		Route: func(_ context.Context, op *vfs.Op) (vfs.Route, error) { return vfs.Route{FS: fsys, Name: op.Name}, nil },
		Wrap: func(_ context.Context, _ *vfs.Op, f vfs.File) vfs.File {
			return &shortFile{vfs.ForwardFile{F: f}, at}
		},
		Have: func() vfs.Features { return vfs.FeaturesOf(fsys) },
	}
}

type shortFile struct {
	vfs.ForwardFile
	at int64
}

func (f *shortFile) ReadAt(p []byte, off int64) (int, error) {
	if off >= f.at {
		return 0, errors.New("/host/path: bad sector")
	}
	n := min(int64(len(p)), f.at-off)
	got, err := f.F.ReadAt(p[:n], off)
	if err == nil && n < int64(len(p)) {
		err = errors.New("/host/path: bad sector")
	}
	return got, err
}

// What can't be read is padded with zeros, and then said to be wrong: the rule
// of rcp. Nothing else may be in the place of it.
func TestSourceShrinks(t *testing.T) {
	for name, size := range map[string]int{"small": 1000, "long": 900 << 10} {
		t.Run(name, func(t *testing.T) {
			rec := &recorder{}
			at := size / 2
			fsys := tree(t, map[string]string{"f": strings.Repeat("x", size), "g": strings.Repeat("y", 900<<10)})
			c := source(t, shrinking(fsys, int64(at)), "scp -f f f", func(_ *auth.Identity, o *sshd.PipeOptions) { o.Sink = rec })
			for range 2 {
				c.want(fmt.Sprintf("C0644 %d f\n", size))
				c.ask("\x00", strings.Repeat("x", at)+strings.Repeat("\x00", size-at))
				c.want("\x01scp: f: Input/output error\n")
				c.say("\x00")
			}
			_, err := c.rest()
			exitOne(t, err)
			downloads := rec.of(quaymaster.KindDownload)
			require.Len(t, downloads, 2)
			assert.ErrorContains(t, downloads[0].Err, "bad sector")
		})
	}
	t.Run("truncated", func(t *testing.T) {
		fsys := tree(t, map[string]string{"f": strings.Repeat("x", 1000)})
		c := source(t, fsys, "scp -f f")
		c.want("C0644 1000 f\n")
		require.NoError(t, vfs.SetAttr(t.Context(), fsys, "f", &vfs.Attr{Mask: vfs.AttrSize, Size: 10}))
		c.ask("\x00", strings.Repeat("x", 10)+strings.Repeat("\x00", 990))
		c.want("\x01scp: f: file changed size while it was copied\n")
		c.say("\x00")
		_, err := c.rest()
		exitOne(t, err)
	})
}

// A client that goes away in the middle of a file does not leave a goroutine,
// which the leak check of this package would see.
func TestSourceBroken(t *testing.T) {
	rec := &recorder{}
	c := source(t, tree(t, map[string]string{"f": strings.Repeat("x", 3<<20)}), "scp -f f",
		func(_ *auth.Identity, o *sshd.PipeOptions) { o.Sink = rec })
	c.want("C0644 3145728 f\n")
	c.ask("\x00", strings.Repeat("x", 300<<10))
	_, err := c.end()
	assert.Error(t, err)
	downloads := rec.of(quaymaster.KindDownload)
	require.Len(t, downloads, 1)
	assert.Error(t, downloads[0].Err)
}

// A file system that panics ends that transfer, and no more.
func TestPanics(t *testing.T) {
	var op atomic.Value
	op.Store("read")
	fsys := vfstest.Faulty(tree(t, map[string]string{"f": strings.Repeat("x", 1<<20)}), func(c vfstest.Call) error {
		if c.Op == op.Load() {
			panic("oops")
		}
		return nil
	})
	c := source(t, fsys, "scp -f f")
	c.want("C0644 1048576 f\n")
	c.ask("\x00", strings.Repeat("\x00", 1<<20))
	c.want("\x01scp: f: Input/output error\n")
	c.say("\x00")
	_, err := c.rest()
	exitOne(t, err)

	op.Store("write")
	c = sink(t, fsys, "scp -t g")
	c.ask("C0644 1048576 g\n", "\x00")
	c.ask(strings.Repeat("x", 1<<20)+"\x00", "\x01scp: g: Input/output error\n")
	_, err = c.end()
	exitOne(t, err)
	_, err = fsys.Stat(t.Context(), "g")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// FIFOs and the like are not opened, not even for a moment: ProFTPD bugs 3312
// to 3314.
func TestSourceFIFO(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no FIFO in a folder")
	}
	root := t.TempDir()
	mkfifo := peer.Need(t, "mkfifo", "coreutils")
	run(t, mkfifo, filepath.Join(root, "fifo"))
	fsys, err := osfs.Open(root, nil)
	require.NoError(t, err)
	defer fsys.Close()
	out, err := source(t, fsys, "scp -f fifo").rest()
	exitOne(t, err)
	assert.Equal(t, "\x01scp: fifo: not a regular file\n", out)
	c := sink(t, fsys, "scp -t fifo")
	c.ask("C0644 0 fifo\n", "\x01scp: fifo: not a regular file\n")
	_, err = c.end()
	exitOne(t, err)
}

// A client without a folder is told so.
func TestNoHome(t *testing.T) {
	c := newRaw(t, &scp.Handler{}, nil, "scp -t .", func(id *auth.Identity, _ *sshd.PipeOptions) { id.Home = nil })
	_, err := c.rest()
	assert.Error(t, err)
	assert.Equal(t, "Your folder is not available.\n", c.stderr.String())
}

// FuzzSink lets a client send anything to a sink. Nothing may come into being
// outside of its target, the handler must not panic, and must end when the
// client is gone.
func FuzzSink(f *testing.F) {
	for _, text := range []string{
		"C0644 3 f\nabc\x00", "T1 0 2 0\nC0644 3 f\nabc\x00", "D0755 0 d\nC0644 0 f\n\x00E\n", "\x01scp: x\n", "\x02bye\n",
		"C0644 3 ../out\nabc\x00", "D0755 0 ..\nC0644 3 out\nabc\x00E\n", "C0644 9223372036854775807 f\nabc", "E\n", "\n",
		"D0755 0 " + vfs.ReservedPrefix + "x\nE\n", "D0755 0 d\nD0755 0 d\nE\nC0644 1 f\nf\x01no\nE\n", "C7777 1 \\..\\x\nx\x00",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := memfs.NewWith(memfs.Options{MaxBytes: 1 << 20})
		require.NoError(t, fsys.Mkdir(t.Context(), "in", 0o755))
		put(t, fsys, "out", "outside")
		ours, theirs := net.Pipe()
		ours.SetDeadline(time.Now().Add(20 * time.Second))
		opts := &sshd.PipeOptions{Command: "scp -r -p -t in", Logger: slog.New(slog.DiscardHandler)}
		s := sshd.NewSession(t.Context(), theirs, &auth.Identity{User: "u", Home: auth.Home(fsys)}, opts)
		ended := make(chan error, 1)
		go func() {
			err := (&scp.Handler{}).ServeSSH(t.Context(), s)
			s.Close(err)
			theirs.Close()
			ended <- err
		}()
		read := make(chan struct{})
		go func() {
			defer close(read)
			buf := make([]byte, 4096)
			for {
				if _, err := ours.Read(buf); err != nil {
					return
				}
			}
		}()
		ours.Write(data) // fails when the handler has had enough
		ours.Close()
		<-read
		select {
		case err := <-ended:
			if err != nil {
				require.NotContains(t, err.Error(), "panic")
			}
		case <-time.After(20 * time.Second):
			t.Fatal("the handler does not end")
		}
		assert.Equal(t, "outside", get(t, fsys, "out"))
		entries, err := fs.ReadDir(vfs.IOFS(t.Context(), fsys), ".")
		require.NoError(t, err)
		assert.Len(t, entries, 2)
		fi, err := fsys.Stat(t.Context(), "in")
		require.NoError(t, err)
		assert.True(t, fi.IsDir())
	})
}
