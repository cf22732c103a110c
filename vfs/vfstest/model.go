package vfstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// Fuzz runs random operations on a file system and on memfs and compares what
// they answer and what they hold. newFS makes an empty, writable file system.
// Operations that need a feature which is not claimed are left out.
//
// These differences are allowed, because systems differ in them:
//   - fs.ErrNotExist and vfs.ErrNotDir for a name below a file;
//   - which error a refused rename or hard link, a symbolic link that can't
//     be followed, or an operation on the root answers;
//   - whether "file/.." in the target of a link is refused or is the directory
//     of the file, so that no target in use has it;
//   - whether the text of a link that leads out can be read;
//   - modification times that nobody set, and access times.
func Fuzz(f *testing.F, newFS func(t *testing.T) vfs.FS) {
	for _, seed := range seeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, program []byte) { Compare(t, newFS(t), program) })
}

// Compare is one run of Fuzz: program is the bytes that operations are made
// of.
func Compare(t *testing.T, fsys vfs.FS, program []byte) {
	t.Helper()
	has := vfs.FeaturesOf(fsys)
	got := &machine{ctx: t.Context(), fs: fsys, has: has}
	want := &machine{ctx: t.Context(), fs: memfs.New(), has: has}
	defer got.close()
	defer want.close()
	in := &tape{rest: program}
	var log []string
	for step := 0; len(in.rest) > 0 && step < 200; step++ {
		o := next(in, has)
		if o.run == nil {
			continue
		}
		g, w := o.run(got), o.run(want)
		log = append(log, fmt.Sprintf("%s = %s", o.label, w))
		if !same(g, w, o.loose) {
			t.Fatalf("%s\ngot  %s\nwant %s", strings.Join(log, "\n"), g, w)
		}
	}
	g, w := got.tree("."), want.tree(".")
	if g != w {
		t.Fatalf("%s\ngot the tree:\n%s\nwant:\n%s", strings.Join(log, "\n"), g, w)
	}
}

// tape gives bytes, and zeros when they are used up.
type tape struct{ rest []byte }

func (t *tape) next(n int) int {
	if len(t.rest) == 0 {
		return 0
	}
	b := t.rest[0]
	t.rest = t.rest[1:]
	return int(b) % n
}

func pick[T any](t *tape, from []T) T { return from[t.next(len(from))] }

// operation is one step. loose: any error is as good as any other.
type operation struct {
	label string
	loose bool
	run   func(m *machine) string
}

// machine is one of the two sides, with the handles that are open on it.
type machine struct {
	ctx   context.Context
	fs    vfs.FS
	has   vfs.Features
	files [3]vfs.File
}

func (m *machine) close() {
	for _, f := range m.files {
		if f != nil {
			vfs.Abort(f, nil)
		}
	}
}

// outcome is "ok" and what else is to compare, or the class of err.
func outcome(err error, more ...any) string {
	if err != nil {
		return "error " + class(err)
	}
	return "ok " + strings.TrimSuffix(fmt.Sprintln(more...), "\n")
}

// class names the sentinel that err matches.
func class(err error) string {
	for _, c := range []struct {
		name string
		err  error
	}{
		{"ErrEscape", vfs.ErrEscape}, {"ErrReadOnly", vfs.ErrReadOnly}, {"ErrNotExist", fs.ErrNotExist},
		{"ErrExist", fs.ErrExist}, {"ErrInvalid", fs.ErrInvalid}, {"ErrClosed", fs.ErrClosed},
		{"ErrNotEmpty", vfs.ErrNotEmpty}, {"ErrIsDir", vfs.ErrIsDir}, {"ErrNotDir", vfs.ErrNotDir},
		{"ErrLoop", vfs.ErrLoop}, {"ErrLocked", vfs.ErrLocked}, {"ErrPermission", fs.ErrPermission},
		{"ErrUnsupported", errors.ErrUnsupported},
	} {
		if errors.Is(err, c.err) {
			return c.name
		}
	}
	return "other: " + err.Error()
}

// same compares two outcomes with the allowed differences.
func same(got, want string, loose bool) bool {
	if got == want {
		return true
	}
	if !strings.HasPrefix(got, "error ") || !strings.HasPrefix(want, "error ") {
		return false
	}
	if loose {
		return true
	}
	for _, w := range []string{"ErrLoop", "ErrEscape"} {
		if strings.Contains(want, w) {
			return true
		}
	}
	missing := []string{"error ErrNotExist", "error ErrNotDir"}
	return slices.Contains(missing, got) && slices.Contains(missing, want)
}

// read returns what is in a file.
func (m *machine) read(name string) string {
	got, err := readAll(m.ctx, m.fs, name)
	return outcome(err, brief(got), len(got))
}

// list returns the names in a directory.
func (m *machine) list(dir string) string {
	names, err := listNames(m.ctx, m.fs, dir)
	return outcome(err, names)
}

func listNames(ctx context.Context, fsys vfs.FS, dir string) ([]string, error) {
	d, err := fsys.OpenDir(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	var names []string
	for {
		entries, err := d.ReadDir(2)
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		if err == io.EOF {
			slices.Sort(names)
			return names, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// describe gives what two file systems must agree on.
func (m *machine) describe(fi fs.FileInfo) string {
	s := fi.Mode().Type().String()
	if fi.Mode().IsRegular() {
		s += fmt.Sprint(" ", fi.Size(), " bytes")
		if n := vfs.SysOf(fi).Links; m.has.Link && n != 0 {
			s += fmt.Sprint(" ", n, " links")
		}
	}
	if m.has.SetMode && fi.Mode().Type() != fs.ModeSymlink {
		s += " " + fi.Mode().Perm().String()
	}
	return s
}

// tree prints all that there is below dir.
func (m *machine) tree(dir string) string {
	names, err := listNames(m.ctx, m.fs, dir)
	if err != nil {
		return outcome(err)
	}
	var all strings.Builder
	for _, n := range names {
		name := path.Join(dir, n)
		fi, err := vfs.Lstat(m.ctx, m.fs, name)
		if err != nil {
			fmt.Fprintln(&all, name, outcome(err))
			continue
		}
		fmt.Fprint(&all, name, " ", m.describe(fi))
		switch fi.Mode().Type() {
		case fs.ModeDir:
			fmt.Fprint(&all, "\n", m.tree(name))
		case fs.ModeSymlink:
			target, err := vfs.Readlink(m.ctx, m.fs, name)
			if _, out := vfs.RelTarget(name, target); err == nil && out != nil {
				target, err = "", vfs.ErrEscape
			}
			fmt.Fprintln(&all, " ->", target, outcome(err))
		default:
			fmt.Fprintln(&all, "", m.read(name))
		}
	}
	return all.String()
}

// open opens a file into a slot of the machine.
func (m *machine) open(slot int, name string, flag int) string {
	if m.files[slot] != nil {
		m.files[slot].Close()
		m.files[slot] = nil
	}
	f, err := m.fs.OpenFile(m.ctx, name, flag, 0o600)
	if err == nil {
		m.files[slot] = f
	}
	return outcome(err)
}

// writeFile is the way most programs write.
func (m *machine) writeFile(name string, flag int, off int64, content string) string {
	f, err := m.fs.OpenFile(m.ctx, name, flag, 0o600)
	if err != nil {
		return outcome(err)
	}
	n, err := f.WriteAt([]byte(content), off)
	return outcome(errors.Join(err, f.Close()), n)
}

const rewrite = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
