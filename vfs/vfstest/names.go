package vfstest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/quaymaster/quaymaster/vfs"
)

func quote(s string) string { return strconv.Quote(s) }

// nameTests: which names are taken, and that they come back unchanged.
func nameTests() []test {
	tests := []test{
		{name: "Invalid", run: testInvalidNames},
		{name: "NUL", run: testNUL},
		{name: "TooLong", run: testTooLong},
		{name: "Case", run: testCase},
		{name: "BelowFile", run: testBelowFile},
	}
	for _, h := range []struct{ label, name string }{
		{"Spaces", " two  spaces "},
		{"LeadingDash", "-rf"},
		{"LeadingDot", ".hidden"},
		{"ThreeDots", "..."},
		{"Newline", "a\nb"},
		{"CarriageReturn", "a\rb"},
		{"Tab", "a\tb"},
		{"Escape", "a\x1b[31mb"},
		{"SingleQuote", "a'b"},
		{"DoubleQuote", `a"b`},
		{"Backquote", "a`b"},
		{"Backslash", `a\b`},
		{"Percent", "a%2fb%00"},
		{"Glob", "a*?[b]"},
		{"Shell", "$(x);|&<>!#~"},
		{"Colon", "a:b"},
		{"NFC", "caf\u00e9"},
		{"NFD", "cafe\u0301"},
		{"Emoji", "\U0001F6A2 ship"},
		{"RightToLeft", "\u202egnp.exe"},
		{"Length255", strings.Repeat("n", 255)},
		{"Length255Unicode", strings.Repeat("\u00e9", 127) + "n"},
	} {
		tests = append(tests, test{name: h.label, run: func(e *env) { testHostile(e, h.name) }})
	}
	return tests
}

// invalidNames are not fs.ValidPath.
func invalidNames() []string {
	return []string{"", "/", "/a", "a/", "a//b", "./a", "a/.", "..", "../x", "a/../b", "a/..", "\xff", "a\xc0\xaf"}
}

// onNames calls every operation that takes a name.
func onNames(ctx context.Context, fsys vfs.FS, name string, report func(op string, err error)) {
	attr := &vfs.Attr{Mask: vfs.AttrMode, Mode: 0o600}
	do := func(op string, err error) { report(op, err) }
	_, err := fsys.Stat(ctx, name)
	do("Stat", err)
	f, err := fsys.OpenFile(ctx, name, os.O_RDONLY, 0)
	do("OpenFile to read", err)
	closeFile(f, err)
	f, err = fsys.OpenFile(ctx, name, os.O_RDWR|os.O_CREATE, 0o600)
	do("OpenFile to create", err)
	closeFile(f, err)
	d, err := fsys.OpenDir(ctx, name)
	do("OpenDir", err)
	if err == nil {
		d.Close()
	}
	do("Mkdir", fsys.Mkdir(ctx, name, 0o700))
	do("Remove", fsys.Remove(ctx, name))
	do("Rmdir", fsys.Rmdir(ctx, name))
	do("Rename", fsys.Rename(ctx, name, "other", vfs.RenameNoReplace))
	_, err = vfs.Lstat(ctx, fsys, name)
	do("Lstat", err)
	_, err = vfs.Readlink(ctx, fsys, name)
	do("Readlink", err)
	do("Symlink", vfs.Symlink(ctx, fsys, "target", name))
	err = vfs.Link(ctx, fsys, name, "other")
	if errors.Is(err, fs.ErrInvalid) || errors.Is(err, vfs.ErrNotDir) || errors.Is(err, errUnsupported) {
		err = vfs.PathError("link", name, err) // it may have either name
	}
	do("Link", err)
	do("SetAttr", vfs.SetAttr(ctx, fsys, name, attr))
	do("LsetAttr", vfs.LsetAttr(ctx, fsys, name, attr))
	f, err = vfs.CreateAtomic(ctx, fsys, name, 0o600)
	do("CreateAtomic", err)
	abortFile(f, err)
	f, err = vfs.CreatePartial(ctx, fsys, name, 0o600, me)
	do("CreatePartial", err)
	abortFile(f, err)
	f, err = vfs.OpenPartial(ctx, fsys, name, me)
	do("OpenPartial", err)
	abortFile(f, err)
	_, err = vfs.StatPartial(ctx, fsys, name, me)
	do("StatPartial", err)
	do("RemovePartial", vfs.RemovePartial(ctx, fsys, name, me))
	release, err := vfs.Lease(ctx, fsys, name)
	do("Lease", err)
	if err == nil {
		release()
	}
	_, err = vfs.SpaceOf(ctx, fsys, name)
	do("SpaceOf", err)
}

func closeFile(f vfs.File, err error) {
	if err == nil {
		f.Close()
	}
}

func abortFile(f vfs.File, err error) {
	if err == nil {
		vfs.Abort(f, nil)
	}
}

func testInvalidNames(e *env) {
	e.put("kept", "x")
	for _, name := range invalidNames() {
		_, err := vfs.Partials(e.ctx(), e.fs, name, me)
		e.fails(err, name, fs.ErrInvalid, errUnsupported)
		onNames(e.ctx(), e.fs, name, func(op string, err error) {
			e.Helper()
			if err == nil {
				e.Errorf("%s took the name %q", op, name)
				return
			}
			e.fails(err, name, fs.ErrInvalid, errUnsupported)
		})
		e.fails(e.fs.Rename(e.ctx(), "kept", name, vfs.RenameReplace), "kept", fs.ErrInvalid)
		e.linkFails("kept", name, fs.ErrInvalid, errUnsupported)
	}
	e.lists(".", "kept")
}

func testNUL(e *env) {
	for _, name := range []string{"\x00", "a\x00b", "d/\x00"} {
		onNames(e.ctx(), e.fs, name, func(op string, err error) {
			e.Helper()
			if err == nil {
				e.Errorf("%s took the name %q", op, name)
			}
		})
	}
	e.lists(".")
}

func testTooLong(e *env) {
	for _, name := range []string{strings.Repeat("n", 4000), strings.Repeat("n", 4000) + "/x"} {
		_, err := e.fs.OpenFile(e.ctx(), name, os.O_WRONLY|os.O_CREATE, 0o644)
		e.fails(err, name)
		e.fails(e.fs.Mkdir(e.ctx(), name, 0o755), name)
		_, err = e.fs.Stat(e.ctx(), name)
		e.fails(err, name)
	}
	e.lists(".")
}

func testCase(e *env) {
	e.put("Readme", "one")
	_, err := e.fs.Stat(e.ctx(), "README")
	if e.has.CaseFold {
		e.must(err)
		e.holds("README", "one")
		e.lists(".", "Readme")
		return
	}
	e.fails(err, "README", fs.ErrNotExist)
	e.put("README", "two")
	e.holds("Readme", "one")
	e.lists(".", "README", "Readme")
}

// testBelowFile: a file is no directory, whatever is asked below it.
func testBelowFile(e *env) {
	e.put("file", "x")
	onNames(e.ctx(), e.fs, "file/below", func(op string, err error) {
		e.Helper()
		if err == nil {
			e.Errorf("%s did something below a file", op)
			return
		}
		e.fails(err, "file/below", vfs.ErrNotDir, fs.ErrNotExist, errUnsupported)
	})
	e.holds("file", "x")
}

// testHostile sends a name through everything that takes and gives names.
func testHostile(e *env, name string) {
	e.mkdir("dir")
	inner := "dir/" + name
	e.put(inner, "content of "+name)
	e.holds(inner, "content of "+name)
	e.lists("dir", name)
	if got := e.stat(inner).Name(); got != name {
		e.Errorf("Stat gives the name %q, want %q", got, name)
	}
	e.must(e.fs.Rename(e.ctx(), inner, "plain", vfs.RenameNoReplace))
	e.must(e.fs.Rename(e.ctx(), "plain", name, vfs.RenameNoReplace))
	if !slices.Contains(e.names("."), name) {
		e.Errorf("renamed to %q, listed as %q", name, e.names("."))
	}
	e.must(e.fs.Remove(e.ctx(), name))
	e.must(e.fs.Mkdir(e.ctx(), name, 0o755))
	e.put(name+"/"+"inner", "x")
	e.must(e.fs.Remove(e.ctx(), name+"/"+"inner"))
	e.must(e.fs.Rmdir(e.ctx(), name))
	e.lists(".", "dir")
}
