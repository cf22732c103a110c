package vfs_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"testing"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// mounted is a root with "shared", "a/b" and, within that, "a/b/c/d".
type mounted struct {
	vfs.FS
	root, shared, b, d *memfs.FS
}

func newMounted(t *testing.T) mounted {
	t.Helper()
	m := mounted{root: memfs.New(), shared: memfs.New(), b: memfs.New(), d: memfs.New()}
	put(t, m.root, "file", "root")
	put(t, m.root, "shared", "hidden by the mount")
	put(t, m.shared, "file", "shared")
	put(t, m.b, "file", "b")
	put(t, m.d, "file", "d")
	fsys, err := vfs.Mount(m.root, map[string]vfs.FS{"shared": m.shared, "a/b": m.b, "a/b/c/d": m.d})
	if err != nil {
		t.Fatal(err)
	}
	m.FS = fsys
	return m
}

// list reads a directory n entries at a time.
func list(t *testing.T, fsys vfs.FS, dir string, n int) []string {
	t.Helper()
	d, err := fsys.OpenDir(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var names []string
	for {
		entries, err := d.ReadDir(n)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if err == io.EOF || n <= 0 {
			slices.Sort(names)
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestMountRoutes(t *testing.T) {
	m := newMounted(t)
	for name, want := range map[string]string{
		"file": "root", "shared/file": "shared", "a/b/file": "b", "a/b/c/d/file": "d",
	} {
		if got := get(t, m, name); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	put(t, m, "a/b/new", "x")
	if got := get(t, m.b, "new"); got != "x" {
		t.Errorf("written to %q", got)
	}
	if _, err := m.Stat(t.Context(), "sharedfile"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a name that only begins like a mount: %v", err)
	}
}

func TestMountLists(t *testing.T) {
	m := newMounted(t)
	for dir, want := range map[string][]string{
		".": {"a", "file", "shared"}, "a": {"b"}, "a/b": {"c", "file"}, "a/b/c": {"d"}, "a/b/c/d": {"file"}, "shared": {"file"},
	} {
		for _, n := range []int{-1, 1, 2, 100} {
			if got := list(t, m, dir, n); !slices.Equal(got, want) {
				t.Errorf("%s by %d lists %q, want %q", dir, n, got, want)
			}
		}
		fi, err := m.Stat(t.Context(), dir)
		if err != nil || !fi.IsDir() {
			t.Errorf("%s: %v, %v", dir, fi, err)
		}
	}
	fi, err := m.Stat(t.Context(), "a/b")
	if err != nil || fi.Name() != "b" {
		t.Errorf("the mount point is called %v, %v", fi, err)
	}
}

// TestMountProtectsPoints: neither a mount point nor a way to one can go.
func TestMountProtectsPoints(t *testing.T) {
	m := newMounted(t)
	ctx := t.Context()
	for _, name := range []string{"shared", "a", "a/b", "a/b/c", "a/b/c/d", "."} {
		for op, err := range map[string]error{
			"Remove":      m.Remove(ctx, name),
			"Rmdir":       m.Rmdir(ctx, name),
			"Rename":      m.Rename(ctx, name, "elsewhere", vfs.RenameReplace),
			"Rename onto": m.Rename(ctx, "file", name, vfs.RenameReplace),
			"Link":        vfs.Link(ctx, m.FS, name, "elsewhere"),
			"Link onto":   vfs.Link(ctx, m.FS, "file", name),
			"Symlink":     vfs.Symlink(ctx, m.FS, "file", name),
			"Mkdir":       m.Mkdir(ctx, name, 0o755),
		} {
			if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrExist) {
				t.Errorf("%s %s: %v", op, name, err)
			}
		}
		_, err := m.OpenFile(ctx, name, os.O_WRONLY|os.O_CREATE, 0o600)
		if err == nil {
			t.Errorf("opened %s as a file", name)
		}
		f, err := vfs.CreateAtomic(ctx, m.FS, name, 0o600)
		if err == nil {
			t.Errorf("CreateAtomic took %s", name)
			vfs.Abort(f, nil)
		}
	}
	if got := get(t, m, "a/b/c/d/file"); got != "d" {
		t.Errorf("the innermost mount holds %q", got)
	}
}

func TestMountCrossDevice(t *testing.T) {
	m := newMounted(t)
	for _, c := range [][2]string{
		{"file", "shared/new"}, {"shared/file", "new"}, {"shared/file", "a/b/new"}, {"a/b/file", "a/b/c/d/new"},
	} {
		if err := m.Rename(t.Context(), c[0], c[1], vfs.RenameReplace); !errors.Is(err, vfs.ErrCrossDevice) {
			t.Errorf("Rename %s to %s: %v", c[0], c[1], err)
		}
		if err := vfs.Link(t.Context(), m.FS, c[0], c[1]); !errors.Is(err, vfs.ErrCrossDevice) {
			t.Errorf("Link %s to %s: %v", c[0], c[1], err)
		}
	}
	if err := m.Rename(t.Context(), "a/b/file", "a/b/new", vfs.RenameNoReplace); err != nil {
		t.Errorf("Rename within a mount: %v", err)
	}
}

func TestMountWithoutRoot(t *testing.T) {
	inner := memfs.New()
	put(t, inner, "file", "x")
	m, err := vfs.Mount(nil, map[string]vfs.FS{"a/b": inner})
	if err != nil {
		t.Fatal(err)
	}
	if got := list(t, m, ".", 1); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the root lists %q", got)
	}
	if got := get(t, m, "a/b/file"); got != "x" {
		t.Errorf("the file holds %q", got)
	}
	for _, name := range []string{"new", "a/new"} {
		if err := m.Mkdir(t.Context(), name, 0o755); !errors.Is(err, vfs.ErrReadOnly) {
			t.Errorf("Mkdir %s: %v", name, err)
		}
		if _, err := m.Stat(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Stat %s: %v", name, err)
		}
	}
	if _, err := m.OpenFile(t.Context(), "a", os.O_RDONLY, 0); !errors.Is(err, vfs.ErrIsDir) {
		t.Errorf("opening a made-up directory as a file: %v", err)
	}
	if err := vfs.SetAttr(t.Context(), m, "a", &vfs.Attr{Mask: vfs.AttrMode}); !errors.Is(err, vfs.ErrReadOnly) {
		t.Errorf("SetAttr of a made-up directory: %v", err)
	}
}

func TestMountRefusesNames(t *testing.T) {
	for _, name := range []string{"", ".", "/a", "a/", "../a", vfs.ReservedPrefix + "x"} {
		if _, err := vfs.Mount(nil, map[string]vfs.FS{name: memfs.New()}); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("mounted at %q: %v", name, err)
		}
	}
	if _, err := vfs.Mount(nil, map[string]vfs.FS{"a": nil}); err == nil {
		t.Error("mounted nothing")
	}
}

func TestMountFeatures(t *testing.T) {
	m, err := vfs.Mount(memfs.New(), map[string]vfs.FS{"bare": memfs.Bare(memfs.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := vfs.FeaturesOf(m), vfs.FeaturesOf(memfs.Bare(memfs.Options{})); got != want {
		t.Errorf("features %+v, want those that all have: %+v", got, want)
	}
	if err := vfs.Symlink(t.Context(), m, "x", "bare/link"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Symlink where there are none: %v", err)
	}
	if err := vfs.Symlink(t.Context(), m, "x", "link"); err != nil {
		t.Errorf("Symlink in the root: %v", err)
	}
}

// TestMountBelowFile: a file of root that lies on the way to a mount gives way
// to a directory.
func TestMountBelowFile(t *testing.T) {
	root, inner := memfs.New(), memfs.New()
	put(t, root, "a", "in the way")
	put(t, inner, "file", "x")
	m, err := vfs.Mount(root, map[string]vfs.FS{"a/b": inner})
	if err != nil {
		t.Fatal(err)
	}
	for _, stat := range []func(name string) (fs.FileInfo, error){
		func(name string) (fs.FileInfo, error) { return m.Stat(t.Context(), name) },
		func(name string) (fs.FileInfo, error) { return vfs.Lstat(t.Context(), m, name) },
	} {
		if fi, err := stat("a"); err != nil || !fi.IsDir() {
			t.Errorf("got %v, %v", fi, err)
		}
	}
	if got := list(t, m, "a", 1); !slices.Equal(got, []string{"b"}) {
		t.Errorf("lists %q", got)
	}
	if got := get(t, m, "a/b/file"); got != "x" {
		t.Errorf("the file holds %q", got)
	}
}
