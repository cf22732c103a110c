package vfs_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

var errNo = errors.New("no") // a refusal that nothing else returns

// arguments makes arguments for a method of an FS or File. Text is the name
// "file", and the modes and flags are zero.
func arguments(ctx context.Context, method reflect.Type) []reflect.Value {
	args := make([]reflect.Value, method.NumIn())
	for i := range args {
		switch in := method.In(i); in {
		case reflect.TypeFor[context.Context]():
			args[i] = reflect.ValueOf(ctx)
		case reflect.TypeFor[string]():
			args[i] = reflect.ValueOf("file")
		case reflect.TypeFor[*vfs.Attr]():
			args[i] = reflect.ValueOf(&vfs.Attr{})
		default:
			args[i] = reflect.Zero(in)
		}
	}
	return args
}

// lastError is the error that a method returned.
func lastError(results []reflect.Value) error {
	err, _ := results[len(results)-1].Interface().(error)
	return err
}

// TestGuardAsksForEveryMethod calls all methods that an FS can have by
// reflection: none may do anything before the check was asked.
func TestGuardAsksForEveryMethod(t *testing.T) {
	asked := 0
	g := reflect.ValueOf(vfs.Guard(memfs.New(), func(context.Context, *vfs.Op) error {
		asked++
		return errNo
	}))
	for i := range g.NumMethod() {
		name := g.Type().Method(i).Name
		if name == "Features" {
			continue // says nothing about any file
		}
		asked = 0
		err := lastError(g.Method(i).Call(arguments(t.Context(), g.Method(i).Type())))
		if asked != 1 || !errors.Is(err, errNo) {
			t.Errorf("%s asked %d times and returned %v", name, asked, err)
		}
		var pe *fs.PathError
		if !errors.As(err, &pe) {
			t.Errorf("%s returned %T", name, err)
		}
	}
}

// TestForwardHasEveryMethod: what memfs can do, Forward passes on.
func TestForwardHasEveryMethod(t *testing.T) {
	forward, full := reflect.TypeFor[*vfs.Forward](), reflect.TypeFor[*memfs.FS]()
	for i := range full.NumMethod() {
		if name := full.Method(i).Name; !hasMethod(forward, name) {
			t.Errorf("Forward lacks %s", name)
		}
	}
	file := reflect.TypeFor[vfs.ForwardFile]()
	for _, kind := range []reflect.Type{
		reflect.TypeFor[vfs.File](), reflect.TypeFor[vfs.Aborter](), reflect.TypeFor[vfs.Keeper](),
		reflect.TypeFor[vfs.OSFiler](), reflect.TypeFor[vfs.Truncater](), reflect.TypeFor[vfs.Syncer](),
		reflect.TypeFor[vfs.AttrSetter](), reflect.TypeFor[vfs.RangeCopier](),
	} {
		if !file.Implements(kind) {
			t.Errorf("ForwardFile is no %v", kind)
		}
	}
}

func hasMethod(kind reflect.Type, name string) bool {
	_, ok := kind.MethodByName(name)
	return ok
}

// TestGuardOps looks at what the check is told.
func TestGuardOps(t *testing.T) {
	var got *vfs.Op
	base := memfs.New()
	g := vfs.Guard(base, func(_ context.Context, op *vfs.Op) error { got = op; return errNo })
	ctx := t.Context()
	attr := &vfs.Attr{Mask: vfs.AttrMode}
	for _, c := range []struct {
		label string
		call  func()
		want  vfs.Op
	}{
		{"Stat", func() { g.Stat(ctx, "a") }, vfs.Op{Kind: vfs.OpStat, Name: "a"}},
		{"Lstat", func() { vfs.Lstat(ctx, g, "a") }, vfs.Op{Kind: vfs.OpStat, Name: "a"}},
		{"StatPartial", func() { vfs.StatPartial(ctx, g, "a", "me") }, vfs.Op{Kind: vfs.OpStat, Name: "a"}},
		{"OpenFile", func() { g.OpenFile(ctx, "a", os.O_WRONLY|os.O_CREATE, 0) },
			vfs.Op{Kind: vfs.OpOpen, Name: "a", Flag: os.O_WRONLY | os.O_CREATE}},
		{"CreateAtomic", func() { vfs.CreateAtomic(ctx, g, "a", 0) },
			vfs.Op{Kind: vfs.OpOpen, Name: "a", Flag: os.O_RDWR | os.O_CREATE | os.O_TRUNC}},
		{"CreatePartial", func() { vfs.CreatePartial(ctx, g, "a", 0, "me") },
			vfs.Op{Kind: vfs.OpOpen, Name: "a", Flag: os.O_RDWR | os.O_CREATE | os.O_TRUNC}},
		{"OpenPartial", func() { vfs.OpenPartial(ctx, g, "a", "me") },
			vfs.Op{Kind: vfs.OpOpen, Name: "a", Flag: os.O_RDWR | os.O_CREATE}},
		{"Lease", func() { vfs.Lease(ctx, g, "a") }, vfs.Op{Kind: vfs.OpOpen, Name: "a", Flag: os.O_WRONLY}},
		{"OpenDir", func() { g.OpenDir(ctx, "a") }, vfs.Op{Kind: vfs.OpList, Name: "a"}},
		{"Partials", func() { vfs.Partials(ctx, g, "a", "me") }, vfs.Op{Kind: vfs.OpList, Name: "a"}},
		{"Mkdir", func() { g.Mkdir(ctx, "a", 0) }, vfs.Op{Kind: vfs.OpMkdir, Name: "a"}},
		{"Remove", func() { g.Remove(ctx, "a") }, vfs.Op{Kind: vfs.OpRemove, Name: "a"}},
		{"RemovePartial", func() { vfs.RemovePartial(ctx, g, "a", "me") }, vfs.Op{Kind: vfs.OpRemove, Name: "a"}},
		{"Rmdir", func() { g.Rmdir(ctx, "a") }, vfs.Op{Kind: vfs.OpRmdir, Name: "a"}},
		{"Rename", func() { g.Rename(ctx, "a", "b", vfs.RenameReplace) },
			vfs.Op{Kind: vfs.OpRename, Name: "a", Target: "b", Flag: int(vfs.RenameReplace)}},
		{"Readlink", func() { vfs.Readlink(ctx, g, "a") }, vfs.Op{Kind: vfs.OpReadlink, Name: "a"}},
		{"Symlink", func() { vfs.Symlink(ctx, g, "t", "a") }, vfs.Op{Kind: vfs.OpSymlink, Name: "a", Target: "t"}},
		{"Link", func() { vfs.Link(ctx, g, "a", "b") }, vfs.Op{Kind: vfs.OpLink, Name: "a", Target: "b"}},
		{"SetAttr", func() { vfs.SetAttr(ctx, g, "a", attr) }, vfs.Op{Kind: vfs.OpSetAttr, Name: "a", Attr: attr}},
		{"LsetAttr", func() { vfs.LsetAttr(ctx, g, "a", attr) }, vfs.Op{Kind: vfs.OpSetAttr, Name: "a", Attr: attr}},
		{"SpaceOf", func() { vfs.SpaceOf(ctx, g, "a") }, vfs.Op{Kind: vfs.OpSpace, Name: "a"}},
		{"OwnerNames", func() { vfs.OwnerNames(ctx, g, nil, nil) }, vfs.Op{Kind: vfs.OpOwners, Name: "."}},
	} {
		got = nil
		c.call()
		if got == nil || *got != c.want {
			t.Errorf("%s: the check saw %+v, want %+v", c.label, got, c.want)
		}
	}
}

// TestGuardOpenFile: what changes attributes or hands out the file below is
// asked about again while a file is open.
func TestGuardOpenFile(t *testing.T) {
	deny := false
	var kinds []vfs.OpKind
	base := &osFiles{FS: memfs.New()}
	g := vfs.Guard(base, func(_ context.Context, op *vfs.Op) error {
		kinds = append(kinds, op.Kind)
		if deny {
			return errNo
		}
		return nil
	})
	for label, open := range map[string]func() (vfs.File, error){
		"OpenFile":      func() (vfs.File, error) { return g.OpenFile(t.Context(), "a", os.O_RDWR|os.O_CREATE, 0o600) },
		"CreateAtomic":  func() (vfs.File, error) { return vfs.CreateAtomic(t.Context(), g, "b", 0o600) },
		"CreatePartial": func() (vfs.File, error) { return vfs.CreatePartial(t.Context(), g, "c", 0o600, "me") },
	} {
		deny = false
		f, err := open()
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := vfs.OSFile(f); ok != (label == "OpenFile") {
			t.Errorf("%s: OSFile is %v though allowed", label, ok)
		}
		deny, kinds = true, nil
		if err := vfs.Truncate(f, 1); !errors.Is(err, errNo) {
			t.Errorf("%s: Truncate: %v", label, err)
		}
		if err := vfs.SetFileAttr(f, &vfs.Attr{Mask: vfs.AttrMode}); !errors.Is(err, errNo) {
			t.Errorf("%s: SetAttr: %v", label, err)
		}
		if _, ok := vfs.OSFile(f); ok {
			t.Errorf("%s: OSFile got around the check", label)
		}
		if want := []vfs.OpKind{vfs.OpSetAttr, vfs.OpSetAttr, vfs.OpOSFile}; !reflect.DeepEqual(kinds, want) {
			t.Errorf("%s: the check saw %v", label, kinds)
		}
		if err := f.Close(); err != nil {
			t.Errorf("%s: Close: %v", label, err)
		}
	}
}

// osFiles gives every file opened by name a file of the operating system.
type osFiles struct{ *memfs.FS }

func (o *osFiles) OpenFile(ctx context.Context, name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := o.FS.OpenFile(ctx, name, flag, perm)
	if err != nil {
		return nil, err
	}
	return osFile{vfs.ForwardFile{F: f}}, nil
}

type osFile struct{ vfs.ForwardFile }

func (osFile) OSFile() (*os.File, bool) { return os.Stdin, true }

// TestReadOnlyKinds enumerates the kinds; one that is not known yet is refused.
func TestReadOnlyKinds(t *testing.T) {
	reads := map[string]bool{"stat": true, "readlink": true, "list": true, "statvfs": true, "owners": true, "osfile": true}
	known := 0
	for k := range 256 {
		kind := vfs.OpKind(k)
		op := &vfs.Op{Kind: kind, Name: "a"}
		if kind.String() != "unknown" {
			known++
		}
		want := !reads[kind.String()]
		if kind == vfs.OpOpen {
			want = false // without flags
		}
		if op.Writes() != want {
			t.Errorf("%v (%d): Writes is %v", kind, k, op.Writes())
		}
	}
	if known < 14 {
		t.Errorf("only %d kinds have names", known)
	}
	for _, flag := range []int{os.O_WRONLY, os.O_RDWR, os.O_CREATE, os.O_TRUNC, os.O_EXCL} {
		if op := (&vfs.Op{Kind: vfs.OpOpen, Flag: flag}); !op.Writes() {
			t.Errorf("open with %#x does not write", flag)
		}
	}
	if !(&vfs.Op{Kind: vfs.OpKind(200)}).Writes() {
		t.Error("an unknown kind passes as a read")
	}
}

// TestReadOnlyMethods calls everything on a read-only view: nothing changes.
func TestReadOnlyMethods(t *testing.T) {
	base := memfs.New()
	put(t, base, "file", "content")
	ro := reflect.ValueOf(vfs.ReadOnly(base))
	reads := map[string]bool{
		"Stat": true, "Lstat": true, "OpenDir": true, "Readlink": true, "StatPartial": true, "Partials": true,
		"Space": true, "OwnerNames": true, "Features": true,
		"OpenFile": true, // with zero flags
	}
	for i := range ro.NumMethod() {
		name := ro.Type().Method(i).Name
		if reads[name] {
			continue
		}
		err := lastError(ro.Method(i).Call(arguments(t.Context(), ro.Method(i).Type())))
		if !errors.Is(err, vfs.ErrReadOnly) || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f, err := vfs.ReadOnly(base).OpenFile(t.Context(), "file", os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := vfs.SetFileAttr(f, &vfs.Attr{Mask: vfs.AttrMode}); !errors.Is(err, vfs.ErrReadOnly) {
		t.Errorf("SetAttr of an open file: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if got := get(t, base, "file"); got != "content" {
		t.Errorf("the file holds %q", got)
	}
}

func TestSub(t *testing.T) {
	base := memfs.New()
	if err := base.Mkdir(t.Context(), "dir", 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, base, "dir/file", "inner")
	put(t, base, "file", "outer")
	sub, err := vfs.Sub(base, "dir")
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, sub, "file"); got != "inner" {
		t.Errorf("read %q", got)
	}
	_, err = sub.Stat(t.Context(), "no/such")
	var pe *fs.PathError
	if !errors.As(err, &pe) || pe.Path != "no/such" || strings.Contains(err.Error(), "dir") {
		t.Errorf("the error tells where the view is: %v", err)
	}
	for _, dir := range []string{"", "..", "/dir", "dir/", "a//b"} {
		if _, err := vfs.Sub(base, dir); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("Sub(%q): %v", dir, err)
		}
	}
	if same, err := vfs.Sub(base, "."); err != nil || same != vfs.FS(base) {
		t.Errorf("Sub of the root: %v, %v", same, err)
	}
}
