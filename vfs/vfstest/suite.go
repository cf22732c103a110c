package vfstest

import (
	"context"
	"strings"
	"testing"

	"github.com/quaymaster/quaymaster/vfs"
)

// Skip names a test of the suite that a file system can't pass. Name is
// "Section/Test", or "Section" for all of its tests; with a wrapper before it
// ("Sub/Section/Test") it holds only there. A Skip without a reason, or one
// that fits no test, fails the suite.
type Skip struct{ Name, Reason string }

// test is one behaviour.
type test struct {
	name   string
	need   func(vfs.Features) bool // nil: any FS
	direct bool                    // not repeated through the wrappers
	run    func(e *env)
}

// section groups tests of one interface or feature.
type section struct {
	name  string
	tests []test
}

// sections lists the suite for a file system with those features.
func sections(has vfs.Features) []section {
	if !has.Write {
		return []section{
			{"ReadOnly", readOnlyTests()},
			{"Unsupported", unsupportedTests()},
		}
	}
	return []section{
		{"Names", nameTests()},
		{"Open", openTests()},
		{"File", fileTests()},
		{"RandomWrite", randomWriteTests()},
		{"Dir", dirTests()},
		{"Mkdir", mkdirTests()},
		{"Remove", removeTests()},
		{"Rename", renameTests()},
		{"Symlink", symlinkTests()},
		{"Link", linkTests()},
		{"SetAttr", setAttrTests()},
		{"Atomic", atomicTests()},
		{"Partial", partialTests()},
		{"Lease", leaseTests()},
		{"CopyRange", copyRangeTests()},
		{"Space", spaceTests()},
		{"Context", contextTests()},
		{"Unsupported", unsupportedTests()},
	}
}

// wrapper is a way to see a file system through package vfs; the first is the
// file system itself.
type wrapper struct {
	name string
	wrap func(t *testing.T, fsys vfs.FS) vfs.FS
}

func wrappers() []wrapper {
	return []wrapper{
		{"Direct", func(_ *testing.T, fsys vfs.FS) vfs.FS { return fsys }},
		{"Guard", func(_ *testing.T, fsys vfs.FS) vfs.FS {
			return vfs.Guard(fsys, func(context.Context, *vfs.Op) error { return nil })
		}},
		{"Sub", wrapSub},
		{"Mount", wrapMount},
	}
}

// wrapSub shows a new directory of fsys, or one that a read-only fsys has.
func wrapSub(t *testing.T, fsys vfs.FS) vfs.FS {
	t.Helper()
	dir := "sub dir"
	if vfs.FeaturesOf(fsys).Write {
		if err := fsys.Mkdir(t.Context(), dir, 0o755); err != nil {
			t.Fatal(err)
		}
	} else if dir = firstDir(t, fsys); dir == "" {
		t.Skip("no directory to look below")
	}
	sub, err := vfs.Sub(fsys, dir)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// wrapMount mounts fsys at "m" and shows what lies below that.
func wrapMount(t *testing.T, fsys vfs.FS) vfs.FS {
	t.Helper()
	mounted, err := vfs.Mount(nil, map[string]vfs.FS{"m": fsys})
	if err != nil {
		t.Fatal(err)
	}
	sub, err := vfs.Sub(mounted, "m")
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// TestFS runs the conformance suite. newFS is called for each test and returns
// a new empty file system, or a filled one that can't be written.
func TestFS(t *testing.T, newFS func(t *testing.T) vfs.FS, skips ...Skip) {
	has := vfs.FeaturesOf(newFS(t))
	all := sections(has)
	checkSkips(t, all, skips)
	for _, w := range wrappers() {
		t.Run(w.name, func(t *testing.T) {
			for _, s := range all {
				t.Run(s.name, func(t *testing.T) {
					for _, c := range s.tests {
						if w.name != "Direct" && c.direct {
							continue
						}
						t.Run(c.name, func(t *testing.T) {
							if skip, ok := findSkip(skips, w.name, s.name, c.name); ok {
								t.Skip(skip.Reason)
							}
							if c.need != nil && !c.need(has) {
								t.Skip("not among the claimed features")
							}
							c.run(&env{T: t, fs: w.wrap(t, newFS(t)), has: has})
						})
					}
				})
			}
		})
	}
}

// matches tells whether a Skip of that name fits the test.
func (s Skip) matches(wrapper, section, test string) bool {
	name := strings.TrimPrefix(s.Name, wrapper+"/")
	return name == section || name == section+"/"+test
}

func findSkip(skips []Skip, wrapper, section, test string) (Skip, bool) {
	for _, s := range skips {
		if s.matches(wrapper, section, test) {
			return s, true
		}
	}
	return Skip{}, false
}

// checkSkips fails for skips without a reason or a test.
func checkSkips(t *testing.T, all []section, skips []Skip) {
	t.Helper()
	for _, skip := range skips {
		if strings.TrimSpace(skip.Reason) == "" {
			t.Errorf("skip of %q has no reason", skip.Name)
		}
		if !fitsAny(skip, all) {
			t.Errorf("skip of %q fits no test", skip.Name)
		}
	}
}

func fitsAny(skip Skip, all []section) bool {
	for _, w := range wrappers() {
		for _, s := range all {
			for _, c := range s.tests {
				if skip.matches(w.name, s.name, c.name) {
					return true
				}
			}
		}
	}
	return false
}
