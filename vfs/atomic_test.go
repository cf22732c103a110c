package vfs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
	"github.com/quaymaster/quaymaster/vfs/vfstest"
)

func TestAtomicConformance(t *testing.T) {
	vfstest.TestFS(t, func(*testing.T) vfs.FS { return vfs.Atomic(memfs.Bare(memfs.Options{})) })
}

func TestAtomicKeepsWhatIsAtomic(t *testing.T) {
	if fsys := memfs.New(); vfs.Atomic(fsys) != vfs.FS(fsys) {
		t.Error("wrapped an FS that needs no help")
	}
}

// TestAtomicFaults: whatever fails, the name holds all of the old or all of the
// new content, and the new if success was reported.
func TestAtomicFaults(t *testing.T) {
	const oldText = "the old content"
	newText := strings.Repeat("the new content ", 1000)
	for label, before := range map[string]string{"Replace": oldText, "Create": ""} {
		t.Run(label, func(t *testing.T) {
			newFS := func(t *testing.T) vfs.FS {
				fsys := memfs.Bare(memfs.Options{})
				if before != "" {
					put(t, fsys, "file", before)
				}
				return fsys
			}
			scenario := func(ctx context.Context, fsys vfs.FS) error {
				f, err := vfs.CreateAtomic(ctx, vfs.Atomic(fsys), "file", 0o644)
				if err != nil {
					return err
				}
				for off := 0; off < len(newText); off += 5000 {
					if _, err := f.WriteAt([]byte(newText[off:min(off+5000, len(newText))]), int64(off)); err != nil {
						return errors.Join(err, vfs.Abort(f, err))
					}
				}
				return f.Close()
			}
			vfstest.EveryFault(t, newFS, scenario, func(t *testing.T, fsys vfs.FS, err error) {
				got, rerr := fs.ReadFile(vfs.IOFS(t.Context(), fsys), "file")
				switch {
				case rerr != nil && (before != "" || !errors.Is(rerr, fs.ErrNotExist)):
					t.Errorf("after %v: %v", err, rerr)
				case err == nil && string(got) != newText:
					t.Errorf("false success: the file holds %d bytes", len(got))
				case rerr == nil && string(got) != newText && string(got) != before:
					t.Errorf("after %v the file holds %d bytes of neither", err, len(got))
				}
				names := list(t, vfs.Atomic(fsys), ".", 10)
				if i := slices.IndexFunc(names, vfs.IsReserved); i >= 0 {
					t.Errorf("a staged file is listed: %q", names[i])
				}
			})
		})
	}
}

// TestAtomicLeavesNothing: an upload that fails by itself is cleaned up.
func TestAtomicLeavesNothing(t *testing.T) {
	base := memfs.Bare(memfs.Options{})
	fsys := vfs.Atomic(base)
	f, err := vfs.CreateAtomic(t.Context(), fsys, "file", 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := base.Mkdir(t.Context(), "file", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); !errors.Is(err, vfs.ErrIsDir) {
		t.Errorf("Close: %v", err)
	}
	if got := list(t, base, ".", -1); !slices.Equal(got, []string{"file"}) {
		t.Errorf("left %q", got)
	}
}

// TestAtomicAfterCancel: the end of the caller's context does not keep a file
// that was written whole from being published.
func TestAtomicAfterCancel(t *testing.T) {
	fsys := vfs.Atomic(memfs.Bare(memfs.Options{}))
	ctx, cancel := context.WithCancel(t.Context())
	f, err := vfs.CreateAtomic(ctx, fsys, "file", 0o644)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := get(t, fsys, "file"); got != "" {
		t.Errorf("holds %q", got)
	}
}

func TestHideReserved(t *testing.T) {
	base := memfs.Bare(memfs.Options{})
	for _, name := range []string{vfs.StageName("x"), "a", vfs.StageName("x"), "b", vfs.StageName("x")} {
		put(t, base, name, "")
	}
	for _, n := range []int{-1, 0, 1, 2, 10} {
		d, err := base.OpenDir(t.Context(), ".")
		if err != nil {
			t.Fatal(err)
		}
		h := vfs.HideReserved(d)
		var got []string
		for {
			entries, err := h.ReadDir(n)
			for _, e := range entries {
				got = append(got, e.Name())
			}
			if err == io.EOF || n <= 0 {
				break
			}
			if err != nil || len(entries) == 0 {
				t.Fatalf("ReadDir(%d) = %v, %v", n, entries, err)
			}
		}
		if !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("by %d: %q", n, got)
		}
	}
}

// plain hides the optional methods of a file.
type plain struct{ vfs.File }

func TestCopyRangeFallback(t *testing.T) {
	fsys := memfs.New()
	want := bytes.Repeat([]byte("0123456789"), 100000)
	put(t, fsys, "src", string(want))
	open := func(name string, flag int) vfs.File {
		f, err := fsys.OpenFile(t.Context(), name, flag, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	for label, wrap := range map[string]func(vfs.File) vfs.File{
		"direct": func(f vfs.File) vfs.File { return f },
		"plain":  func(f vfs.File) vfs.File { return plain{f} },
	} {
		dst := wrap(open("dst "+label, os.O_RDWR|os.O_CREATE))
		n, err := vfs.CopyRange(t.Context(), dst, 3, plain{open("src", os.O_RDONLY)}, 5, -1)
		if n != int64(len(want)-5) || err != nil {
			t.Errorf("%s: copied %d, %v", label, n, err)
		}
		if got := get(t, fsys, "dst "+label); got != "\x00\x00\x00"+string(want[5:]) {
			t.Errorf("%s: %d bytes, and not the right ones", label, len(got))
		}
	}
	n, err := vfs.CopyRange(t.Context(), plain{open("src", os.O_RDONLY)}, 0, open("src", os.O_RDONLY), 0, 10)
	if n != 0 || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("into a read-only file: %d, %v", n, err)
	}
}

func TestPathError(t *testing.T) {
	if err := vfs.PathError("op", "name", nil); err != nil {
		t.Errorf("of nil: %v", err)
	}
	inner := &fs.PathError{Op: "openat", Path: "/srv/secret/name", Err: fs.ErrNotExist}
	err := vfs.PathError("open", "name", inner)
	if err.Error() != "open name: file does not exist" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := vfs.PathError("open", "name", vfs.ErrReadOnly); !errors.Is(err, fs.ErrPermission) || !errors.Is(err, vfs.ErrReadOnly) {
		t.Errorf("got %v", err)
	}
}

func TestUnsupported(t *testing.T) {
	fsys := memfs.Bare(memfs.Options{})
	put(t, fsys, "file", "content")
	if err := vfs.SetAttr(t.Context(), fsys, "file", &vfs.Attr{Mask: vfs.AttrMode}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("SetAttr: %v", err)
	}
	if _, err := vfs.Lstat(t.Context(), fsys, "file"); err != nil {
		t.Errorf("Lstat is Stat where there are no links: %v", err)
	}
	err := vfs.Link(t.Context(), fsys, "file", "new")
	var pe *fs.PathError
	if !errors.As(err, &pe) || pe.Path != "file" {
		t.Errorf("Link: %v", err)
	}
}
