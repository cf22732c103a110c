package vfstest

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

func TestSkipMatches(t *testing.T) {
	for name, want := range map[string]bool{
		"Rename": true, "Rename/File": true, "Sub/Rename": true, "Sub/Rename/File": true,
		"Guard/Rename/File": false, "Rename/Fil": false, "File": false, "": false, "Sub": false,
	} {
		if got := (Skip{Name: name}).matches("Sub", "Rename", "File"); got != want {
			t.Errorf("skip of %q: %v", name, got)
		}
	}
	all := sections(vfs.FeaturesOf(memfs.New()))
	if !fitsAny(Skip{Name: "Mount/Open/BadFlags"}, all) || fitsAny(Skip{Name: "Open/NoSuchTest"}, all) {
		t.Error("fitsAny is wrong")
	}
}

// TestNamesAreUnique: a Skip means one test.
func TestNamesAreUnique(t *testing.T) {
	for _, has := range []vfs.Features{vfs.FeaturesOf(memfs.New()), {}} {
		seen := make(map[string]bool)
		for _, s := range sections(has) {
			for _, c := range s.tests {
				if name := s.name + "/" + c.name; seen[name] {
					t.Errorf("two tests are called %s", name)
				} else {
					seen[name] = true
				}
			}
		}
	}
}

// TestCompareFinds: the comparison notices a file system that loses a byte.
func TestCompareFinds(t *testing.T) {
	good := &machine{ctx: t.Context(), fs: memfs.New()}
	bad := &machine{ctx: t.Context(), fs: shortFS{memfs.New()}}
	for _, m := range []*machine{good, bad} {
		if got := m.writeFile("a", rewrite, 0, "hello"); got != "ok 5" {
			t.Fatal(got)
		}
	}
	if good.tree(".") == bad.tree(".") {
		t.Error("a lost byte goes unnoticed")
	}
}

type shortFS struct{ *memfs.FS }

func (s shortFS) OpenFile(ctx context.Context, name string, flag int, perm os.FileMode) (vfs.File, error) {
	f, err := s.FS.OpenFile(ctx, name, flag, perm)
	return shortFile{f}, err
}

type shortFile struct{ vfs.File }

func (s shortFile) WriteAt(p []byte, off int64) (int, error) {
	_, err := s.File.WriteAt(p[:len(p)-1], off)
	return len(p), err
}

// TestFaulty: a write that fails is short, and each point is asked for once.
func TestFaulty(t *testing.T) {
	var calls []Call
	boom := errors.New("boom")
	base := memfs.New()
	fsys := Faulty(base, func(c Call) error {
		calls = append(calls, c)
		if c.Op == "write" {
			return boom
		}
		return nil
	})
	f, err := fsys.OpenFile(t.Context(), "file", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.WriteAt([]byte("1234"), 0); n != 2 || !errors.Is(err, boom) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	want := []Call{
		{1, "open", "file", false}, {2, "open", "file", true}, {3, "write", "file", false},
		{4, "close", "file", false}, {5, "close", "file", true},
	}
	if len(calls) != len(want) {
		t.Fatalf("asked %v", calls)
	}
	for i := range want {
		if calls[i] != want[i] {
			t.Errorf("asked %+v, want %+v", calls[i], want[i])
		}
	}
	if got, err := readAll(t.Context(), base, "file"); got != "12" || err != nil {
		t.Errorf("the file holds %q, %v", got, err)
	}
}

// TestEveryFaultReaches: each step of a scenario fails once.
func TestEveryFaultReaches(t *testing.T) {
	failed := 0
	EveryFault(t, func(*testing.T) vfs.FS { return memfs.New() },
		func(ctx context.Context, fsys vfs.FS) error {
			return errors.Join(fsys.Mkdir(ctx, "a", 0o755), fsys.Mkdir(ctx, "b", 0o755))
		},
		func(t *testing.T, fsys vfs.FS, err error) {
			if err != nil {
				failed++
				return
			}
			for _, name := range []string{"a", "b"} {
				if _, err := fsys.Stat(t.Context(), name); err != nil {
					t.Error(err)
				}
			}
		})
	if failed != 8 { // two calls, before and after, alone and from then on
		t.Errorf("%d runs failed", failed)
	}
}
