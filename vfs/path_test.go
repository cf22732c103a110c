package vfs_test

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/quaymaster/quaymaster/vfs"
)

func TestClean(t *testing.T) {
	long := strings.Repeat("x", vfs.MaxPath)
	for _, c := range []struct {
		cwd, wire, want string
		err             error
	}{
		{".", "", ".", nil},
		{"home", "", "home", nil},
		{".", "/", ".", nil},
		{".", "//", ".", nil},
		{".", ".", ".", nil},
		{"home", ".", "home", nil},
		{".", "a", "a", nil},
		{"home/user", "a", "home/user/a", nil},
		{"home/user", "/a", "a", nil},
		{".", "///a////b//", "a/b", nil},
		{".", "a/./b/.", "a/b", nil},
		{".", "a/../b", "b", nil},
		{".", "..", ".", nil},
		{".", "/..", ".", nil},
		{".", "../../../../etc/passwd", "etc/passwd", nil},
		{"home", "..", ".", nil},
		{"home/user", "../other", "home/other", nil},
		{"home", "../../..", ".", nil},
		{".", "a/..", ".", nil},
		{".", "...", "...", nil},
		{".", "..a/b..", "..a/b..", nil},
		{".", `a\b`, `a\b`, nil},
		{".", "C:", "C:", nil},
		{".", " a ", " a ", nil},
		{".", "caf\u00e9/cafe\u0301", "caf\u00e9/cafe\u0301", nil},
		{".", "%2e%2e/a", "%2e%2e/a", nil},
		{".", "a\tb", "a\tb", nil},
		{".", "a\x00b", "", fs.ErrInvalid},
		{".", "\x00", "", fs.ErrInvalid},
		{".", "a\nb", "", fs.ErrInvalid},
		{".", "a\rb", "", fs.ErrInvalid},
		{".", "a\xff", "", fs.ErrInvalid},
		{".", "a\xc0\xae\xc0\xae/b", "", fs.ErrInvalid},
		{".", "\xed\xa0\x80", "", fs.ErrInvalid},
		{"bad\xff", "a", "", fs.ErrInvalid},
		{"bad\xff", "/a", "a", nil},
		{"bad\x00", "a", "", fs.ErrInvalid},
		{"bad\n", "a", "", fs.ErrInvalid},
		{".", long, long, nil},
		{".", long + "x", "", vfs.ErrNameTooLong},
		{".", vfs.ReservedPrefix, "", fs.ErrPermission},
		{".", vfs.ReservedPrefix + "x", "", fs.ErrPermission},
		{".", "a/" + vfs.ReservedPrefix + "x/b", "", fs.ErrPermission},
		{".", strings.ToUpper(vfs.ReservedPrefix) + "x", "", fs.ErrPermission},
		{vfs.ReservedPrefix, "a", "", fs.ErrPermission},
		{".", vfs.ReservedPrefix + "/../a", "a", nil},
		{".", "x" + vfs.ReservedPrefix, "x" + vfs.ReservedPrefix, nil},
	} {
		got, err := vfs.Clean(c.cwd, c.wire)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("Clean(%q, %q) = %q, %v; want %q, %v", c.cwd, c.wire, got, err, c.want, c.err)
		}
		var pe *fs.PathError
		if err != nil && (!errors.As(err, &pe) || pe.Path != c.wire) {
			t.Errorf("Clean(%q, %q): error %#v does not carry the path", c.cwd, c.wire, err)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, wire := range []string{"", "/", "a/../..", "..//x", vfs.ReservedPrefix, "a\x00", "\xff"} {
		f.Add(".", wire)
		f.Add("home/user", wire)
		f.Add("../..", wire)
	}
	f.Fuzz(func(t *testing.T, cwd, wire string) {
		name, err := vfs.Clean(cwd, wire)
		if err != nil {
			if name != "" {
				t.Fatalf("a name beside an error: %q, %v", name, err)
			}
			return
		}
		if !fs.ValidPath(name) || strings.ContainsAny(name, "\x00") || vfs.IsReserved(name) {
			t.Fatalf("Clean(%q, %q) = %q", cwd, wire, name)
		}
		if strings.ContainsAny(wire, "\r\n\x00") {
			t.Fatalf("took %q", wire)
		}
		again, err := vfs.Clean("elsewhere", vfs.Wire(name))
		if len(name) < vfs.MaxPath && !strings.ContainsAny(name, "\r\n") && (err != nil || again != name) {
			t.Fatalf("%q comes back as %q, %v", name, again, err)
		}
	})
}

func TestWire(t *testing.T) {
	for name, want := range map[string]string{".": "/", "a": "/a", "a/b": "/a/b", "..a": "/..a"} {
		if got := vfs.Wire(name); got != want {
			t.Errorf("Wire(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestIsReserved(t *testing.T) {
	p := vfs.ReservedPrefix
	for name, want := range map[string]bool{
		".": false, "": false, "a": false, p: true, p + "x": true, "a/" + p: true, "a/" + p + "/b": true,
		strings.ToUpper(p): true, "x" + p: false, p[:len(p)-1]: false, "a" + p + "/b": false, vfs.StageName("d/f"): true,
	} {
		if got := vfs.IsReserved(name); got != want {
			t.Errorf("IsReserved(%q) = %v", name, got)
		}
	}
}

func TestStageName(t *testing.T) {
	one, two := vfs.StageName("dir/file"), vfs.StageName("dir/file")
	if one == two || path.Dir(one) != "dir" || !fs.ValidPath(one) {
		t.Errorf("got %q and %q", one, two)
	}
	if top := vfs.StageName("file"); path.Dir(top) != "." || !fs.ValidPath(top) {
		t.Errorf("got %q", top)
	}
}

func TestRelTarget(t *testing.T) {
	for _, c := range []struct {
		link, wire, want string
		err              error
	}{
		{"link", "file", "file", nil},
		{"link", "/file", "file", nil},
		{"link", "/", ".", nil},
		{"link", "./file", "./file", nil},
		{"link", "a/../b", "a/../b", nil},
		{"link", "..", "", vfs.ErrEscape},
		{"link", "../x", "", vfs.ErrEscape},
		{"link", "a/../../x", "", vfs.ErrEscape},
		{"link", "/../x", "x", nil},
		{"a/link", "..", "..", nil},
		{"a/link", "../..", "", vfs.ErrEscape},
		{"a/link", "/", "..", nil},
		{"a/link", "/file", "../file", nil},
		{"a/b/link", "/a/b/file", "../../a/b/file", nil},
		{"a/b/link", "../../x", "../../x", nil},
		{"a/b/link", "../../../x", "", vfs.ErrEscape},
		{"a/b/link", "../../../a/b/x", "", vfs.ErrEscape},
		{"link", "", "", fs.ErrInvalid},
		{"link", "a\x00", "", fs.ErrInvalid},
		{"link", "a\nb", "", fs.ErrInvalid},
		{"link", vfs.ReservedPrefix + "x", "", fs.ErrInvalid},
		{"link", "/" + vfs.ReservedPrefix + "x", "", fs.ErrInvalid},
	} {
		got, err := vfs.RelTarget(c.link, c.wire)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("RelTarget(%q, %q) = %q, %v; want %q, %v", c.link, c.wire, got, err, c.want, c.err)
		}
	}
}

func FuzzRelTarget(f *testing.F) {
	for _, wire := range []string{"", "/", "..", "a/../..", "/a/b", "./x", "../a"} {
		f.Add("link", wire)
		f.Add("a/b/link", wire)
	}
	f.Fuzz(func(t *testing.T, link, wire string) {
		if !fs.ValidPath(link) || link == "." {
			return
		}
		rel, err := vfs.RelTarget(link, wire)
		if err != nil {
			return
		}
		if rel == "" || strings.HasPrefix(rel, "/") {
			t.Fatalf("RelTarget(%q, %q) = %q", link, wire, rel)
		}
		// Walked by element the target never rises above the root.
		depth := strings.Count(link, "/")
		for elem := range strings.SplitSeq(rel, "/") {
			switch elem {
			case "", ".":
			case "..":
				depth--
			default:
				depth++
			}
			if depth < 0 {
				t.Fatalf("RelTarget(%q, %q) = %q escapes", link, wire, rel)
			}
		}
		if name := path.Join(path.Dir(link), rel); strings.HasPrefix(wire, "/") && vfs.Wire(name) != path.Clean(wire) {
			t.Fatalf("RelTarget(%q, %q) = %q leads to %q", link, wire, rel, name)
		}
	})
}
