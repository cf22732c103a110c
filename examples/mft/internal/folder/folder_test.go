package folder_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/quaymaster/quaymaster/examples/mft/internal/folder"
)

func TestComponent(t *testing.T) {
	for _, test := range []struct{ user, want string }{
		{"anna", "anna"},
		{"Anna.Blu_me-2@example.com+x", "Anna.Blu_me-2@example.com+x"},
		{"a/../b", "a....b"},
		{`a\b:c`, "a.b.c"},
		{"a b$c%d~e\x00f", "a.b.c.d.e.f"},
		{"jürgen", "jürgen"},
		{"ju\u0308rgen", "jürgen"},
		{"..a", "..a"},
		{"", ""}, {".", ""}, {"..", ""}, {"...", ""}, {"/", ""}, {"//..//", ""},
	} {
		got, err := folder.Component(test.user)
		if got != test.want || (err != nil) != (test.want == "") {
			t.Errorf("Component(%q) = %q, %v; want %q", test.user, got, err, test.want)
		}
	}
}

// A name can't bring a path or a variable of its own into the template.
func TestTemplateInjection(t *testing.T) {
	for _, user := range []string{"..", "a/../b", "${USER}", "../../etc", `..\..\x`, "a\u2215b"} {
		got, err := folder.Expand("/home/${USER}/in", user)
		if err != nil {
			continue
		}
		if rel, err := filepath.Rel("/home", filepath.FromSlash(got)); err != nil || filepath.Dir(filepath.Dir(rel)) != "." {
			t.Errorf("%q became %q", user, got)
		}
	}
	if got, err := folder.Expand("/x/${USER}/${HOME}", "a"); err == nil {
		t.Errorf("unknown variable: %q", got)
	}
	if got, err := folder.Expand("/x/${SHARED}", ".."); err == nil {
		t.Errorf("unknown variable: %q", got)
	}
}

func FuzzComponent(f *testing.F) {
	f.Add("a/../b")
	f.Fuzz(func(t *testing.T, user string) {
		name, err := folder.Component(user)
		if err != nil {
			return
		}
		if !filepath.IsLocal(name) || filepath.Base(name) != name || name == "." || name == ".." {
			t.Errorf("%q became %q", user, name)
		}
	})
}

func TestRealAndOverlap(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("making symbolic links needs a privilege on Windows")
	}
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(top, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(at("u/sub"), 0o755))
	must(os.Mkdir(at("u-evil"), 0o755))
	must(os.Symlink("u/sub", at("link")))
	must(os.Symlink("nowhere", at("dangling")))

	real := func(name string) string {
		t.Helper()
		got, err := folder.Real(at(name))
		must(err)
		return got
	}
	for name, want := range map[string]string{
		"u": "u", "link": "u/sub", "link/new/er": "u/sub/new/er", "u/../link": "u/sub", "missing/x": "missing/x",
	} {
		if got := real(name); got != at(want) {
			t.Errorf("Real(%s) = %s, want %s", name, got, at(want))
		}
	}
	if got, err := folder.Real(at("dangling/x")); err == nil {
		t.Errorf("dangling link: %s", got)
	}
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"u", "u", true}, {"u", "u/sub", true}, {"u/sub/x", "u", true}, {"u", "link/new", true}, {".", "missing", true},
		{"u", "u-evil", false}, {"u", "missing", false}, {"u-evil", "link", false},
	} {
		for _, pair := range [][2]string{{test.a, test.b}, {test.b, test.a}} {
			if got := folder.Overlap(real(pair[0]), real(pair[1])); got != test.want {
				t.Errorf("Overlap(%s, %s) = %v", pair[0], pair[1], got)
			}
		}
	}
}
