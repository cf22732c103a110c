package vfstest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
)

// The alphabet is small, so that operations meet.
func alphabet() []string {
	return []string{"a", "b", "d", "d/a", "d/b", "d/d", "d/d/a", "l", "l/a", "a/a", "."}
}

func targets() []string {
	return []string{"a", "b", "d", "l", "d/a", "../a", "../d", "./d", ".."}
}

func offsets() []int64 { return []int64{0, 1, 5, 4096, 65535, 65536, 70000, -1} }

func sizes() []int64 { return []int64{0, 1, 3, 4096, 65536, 100000} }

func contentsOf() []string {
	return []string{"", "x", "hello", strings.Repeat("0123456789abcdef", 300), strings.Repeat("z", 70000)}
}

func seeds() [][]byte {
	return [][]byte{
		nil,
		{2, 2, 0, 3, 2, 0, 0, 2, 6, 3, 0},        // mkdir, put, rename
		{0, 0, 2, 8, 0, 1, 1, 1, 2, 1, 13, 0, 3}, // put, link, write, remove
		{2, 2, 7, 7, 2, 0, 8, 2, 15, 8, 17, 7, 4, 7, 3, 7},        // a link to a directory
		{7, 0, 7, 7, 7, 0, 15, 0, 0, 7, 1, 16, 0},                 // a loop
		{0, 0, 2, 11, 0, 3, 13, 0, 0, 2, 3, 0, 14, 0, 1, 2, 2, 0}, // atomic, handles of removed files
		{20, 0, 2, 21, 0, 0, 20, 1, 1, 21, 1, 1, 20, 1, 2},        // partials
		{18, 0, 18, 0, 19, 0, 9, 19, 1, 11, 9, 0, 4, 10, 0, 1, 12, 0, 2, 22, 0},
	}
}

// next decodes one operation. Its run is nil when the file system can't do it.
func next(in *tape, has vfs.Features) operation {
	kind := in.next(24)
	name := pick(in, alphabet())
	switch {
	case kind <= 4 || kind >= 15 && kind <= 19:
		return basicStep(kind, name, in, has)
	case kind <= 8:
		return linkStep(kind, name, in, has)
	case kind <= 12 || kind >= 20:
		return featureStep(kind, name, in, has)
	}
	return handleStep(kind, name, in, has)
}

// step makes an operation of a call. Operations on the root may fail as they
// like.
func step(name string, run func(m *machine) string, format string, args ...any) operation {
	return operation{label: fmt.Sprintf(format, args...), run: run, loose: name == "."}
}

func basicStep(kind int, name string, in *tape, has vfs.Features) operation {
	switch kind {
	case 0:
		content := pick(in, contentsOf())
		return step(name, func(m *machine) string { return m.writeFile(name, rewrite, 0, content) },
			"put %s %s", name, brief(content))
	case 1:
		off, content := pick(in, offsets()), pick(in, contentsOf())
		if !has.RandomWrite {
			return operation{}
		}
		return step(name, func(m *machine) string { return m.writeFile(name, os.O_RDWR, off, content) },
			"write %s at %d %s", name, off, brief(content))
	case 2:
		return step(name, func(m *machine) string { return outcome(m.fs.Mkdir(m.ctx, name, 0o700)) }, "mkdir %s", name)
	case 3:
		return step(name, func(m *machine) string { return outcome(m.fs.Remove(m.ctx, name)) }, "remove %s", name)
	case 4:
		return step(name, func(m *machine) string { return outcome(m.fs.Rmdir(m.ctx, name)) }, "rmdir %s", name)
	case 15:
		return step(name, func(m *machine) string { return m.read(name) }, "read %s", name)
	case 16:
		return step(name, func(m *machine) string {
			fi, err := m.fs.Stat(m.ctx, name)
			if err != nil {
				return outcome(err)
			}
			if name == "." { // its mode is not ours
				return outcome(nil, fi.IsDir())
			}
			return outcome(nil, m.describe(fi))
		}, "stat %s", name)
	case 17:
		return step(name, func(m *machine) string { return m.list(name) }, "list %s", name)
	case 18:
		return step(name, func(m *machine) string {
			return m.writeFile(name, createNew, 0, "excl")
		}, "create new %s", name)
	}
	var flags []int
	eachFlag(func(flag int, _ string) { flags = append(flags, flag) })
	flag := pick(in, flags)
	return step(name, func(m *machine) string {
		f, err := m.fs.OpenFile(m.ctx, name, flag, 0o600)
		if err == nil {
			err = f.Close()
		}
		return outcome(err)
	}, "open %s %s", name, flagLabel(flag))
}

func linkStep(kind int, name string, in *tape, has vfs.Features) operation {
	newname := pick(in, alphabet())
	switch kind {
	case 5, 6:
		if name == newname {
			return operation{} // TestFS has it
		}
		mode := vfs.RenameMode(kind - 5)
		o := step(name, func(m *machine) string { return outcome(m.fs.Rename(m.ctx, name, newname, mode)) },
			"rename %s to %s, mode %d", name, newname, mode)
		o.loose = true
		return o
	case 7:
		target := pick(in, targets())
		if _, err := vfs.RelTarget(name, target); err != nil || !has.Symlink {
			return operation{}
		}
		return step(name, func(m *machine) string { return outcome(vfs.Symlink(m.ctx, m.fs, target, name)) },
			"symlink %s -> %s", name, target)
	}
	if !has.Link {
		return operation{}
	}
	o := step(name, func(m *machine) string {
		if fi, err := vfs.Lstat(m.ctx, m.fs, name); err == nil && fi.Mode().Type() == fs.ModeSymlink {
			return "not done" // some systems can't
		}
		return outcome(vfs.Link(m.ctx, m.fs, name, newname))
	}, "link %s %s", name, newname)
	o.loose = true
	return o
}

func featureStep(kind int, name string, in *tape, has vfs.Features) operation {
	switch kind {
	case 9:
		if size := pick(in, sizes()); has.SetSize {
			return setStep(name, vfs.Attr{Mask: vfs.AttrSize, Size: size})
		}
	case 10:
		// The owner may always do everything, so that nothing depends on who
		// runs the test.
		if mode := pick(in, []fs.FileMode{0o700, 0o744, 0o755, 0o777}); has.SetMode {
			return setStep(name, vfs.Attr{Mask: vfs.AttrMode, Mode: mode})
		}
	case 22:
		if at := time.Unix(int64(in.next(256))<<20, 0); has.SetTimes {
			return setStep(name, vfs.Attr{Mask: vfs.AttrMtime, Mtime: at})
		}
	case 11, 12:
		content := pick(in, contentsOf())
		if !has.AtomicClose || !has.RandomWrite {
			return operation{}
		}
		return step(name, func(m *machine) string {
			if fi, err := vfs.Lstat(m.ctx, m.fs, name); err == nil && fi.Mode().Type() == fs.ModeSymlink {
				return "not done" // a link is replaced or followed
			}
			f, err := vfs.CreateAtomic(m.ctx, m.fs, name, 0o600)
			return m.finish(f, err, content, kind == 11)
		}, "atomic %s %s, published: %v", name, brief(content), kind == 11)
	default:
		return partialStep(kind, name, in, has)
	}
	return operation{}
}

// finish writes a staged file and ends it.
func (m *machine) finish(f vfs.File, err error, content string, publish bool) string {
	if err != nil {
		return outcome(err)
	}
	_, err = f.WriteAt([]byte(content), 0)
	if publish {
		return outcome(errors.Join(err, f.Close()))
	}
	return outcome(errors.Join(err, vfs.Abort(f, nil)))
}

func setStep(name string, a vfs.Attr) operation {
	return step(name, func(m *machine) string {
		if name == "." {
			return "not done" // it is not ours
		}
		if err := vfs.SetAttr(m.ctx, m.fs, name, &a); err != nil || a.Mask != vfs.AttrMtime {
			return outcome(err)
		}
		fi, err := m.fs.Stat(m.ctx, name)
		if err != nil {
			return outcome(err)
		}
		return outcome(nil, fi.ModTime().UTC())
	}, "setattr %s %+v", name, a)
}

// partialStep keeps and resumes uploads in the root, where no rename or rmdir
// takes the directory away from under them.
func partialStep(kind int, name string, in *tape, has vfs.Features) operation {
	content, owner := pick(in, contentsOf()), pick(in, []string{me, other})
	if !has.Partial || name != "a" && name != "b" {
		return operation{}
	}
	blocked := func(m *machine) bool { // by something that is no file
		fi, err := vfs.Lstat(m.ctx, m.fs, name)
		return err == nil && !fi.Mode().IsRegular()
	}
	if kind == 20 {
		return step(name, func(m *machine) string {
			if blocked(m) {
				return "not done"
			}
			f, err := vfs.CreatePartial(m.ctx, m.fs, name, 0o600, owner)
			if err != nil {
				return outcome(err)
			}
			_, err = f.WriteAt([]byte(content), 0)
			vfs.Keep(f, int64(len(content)/2)) // an error is allowed over a file
			return outcome(err)
		}, "keep %s of %s %s", name, owner, brief(content))
	}
	return step(name, func(m *machine) string {
		if blocked(m) {
			return "not done"
		}
		f, err := vfs.OpenPartial(m.ctx, m.fs, name, owner)
		if err != nil {
			return outcome(err)
		}
		fi, err := f.Stat()
		if err != nil {
			return outcome(err)
		}
		return fmt.Sprint(fi.Size(), " ", m.finish(f, nil, content, kind == 21))
	}, "resume %s of %s %s, published: %v", name, owner, brief(content), kind == 21)
}

func handleStep(kind int, name string, in *tape, has vfs.Features) operation {
	slot := in.next(3)
	if kind == 13 {
		flag := pick(in, []int{os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_CREATE})
		return step(name, func(m *machine) string { return m.open(slot, name, flag) },
			"open %s into %d, %s", name, slot, flagLabel(flag))
	}
	act, off, content := in.next(5), pick(in, offsets()), pick(in, contentsOf())
	if !has.RandomWrite || has.StagedUpdate || (act == 2 && !has.SetSize) {
		return operation{}
	}
	return step(name, func(m *machine) string {
		f := m.files[slot]
		if f == nil {
			return "closed"
		}
		return m.onHandle(f, act, off, content)
	}, "handle %d act %d at %d %s", slot, act, off, brief(content))
}

// onHandle does something with an open file.
func (m *machine) onHandle(f vfs.File, act int, off int64, content string) string {
	switch act {
	case 0:
		buf := make([]byte, len(content))
		n, err := f.ReadAt(buf, off)
		if n == len(buf) {
			err = nil // io.EOF or not
		}
		if err != nil && n > 0 {
			return fmt.Sprint(n, brief(string(buf[:n])), " and an error")
		}
		return outcome(err, n, brief(string(buf[:n])))
	case 1:
		n, err := f.WriteAt([]byte(content), off)
		return outcome(err, n)
	case 2:
		if f, err := f.Stat(); err != nil || f.Size() > 1<<30 {
			return outcome(err)
		}
		if off < 0 || vfs.Truncate(f, off) != nil {
			return "not truncated" // systems differ in the error
		}
		return "truncated"
	case 3:
		fi, err := f.Stat()
		if err != nil {
			return outcome(err)
		}
		return outcome(nil, m.describe(fi))
	}
	return outcome(f.Close())
}
