package vfstest

import (
	"os"

	"github.com/quaymaster/quaymaster/vfs"
)

// unsupportedTests: what is not claimed is not done by accident.
func unsupportedTests() []test {
	without := func(name string, claimed func(vfs.Features) bool, run func(e *env)) test {
		return test{name: name, need: func(f vfs.Features) bool { return !claimed(f) }, run: run}
	}
	attr := func(a vfs.Attr) func(e *env) {
		return func(e *env) {
			name := e.someFile()
			e.unsupported(vfs.SetAttr(e.ctx(), e.fs, name, &a))
			e.unsupported(vfs.LsetAttr(e.ctx(), e.fs, name, &a))
			f := e.open(name, os.O_RDONLY)
			e.unsupported(vfs.SetFileAttr(f, &a))
		}
	}
	return []test{
		without("Symlink", func(f vfs.Features) bool { return f.Symlink }, func(e *env) {
			name := e.someFile()
			e.unsupported(vfs.Symlink(e.ctx(), e.fs, name, "link"))
			_, err := vfs.Readlink(e.ctx(), e.fs, name)
			e.unsupported(err)
			e.lstat(name) // works as Stat
		}),
		without("Link", func(f vfs.Features) bool { return f.Link }, func(e *env) {
			e.unsupported(vfs.Link(e.ctx(), e.fs, e.someFile(), "link"))
		}),
		without("SetSize", func(f vfs.Features) bool { return f.SetSize }, attr(vfs.Attr{Mask: vfs.AttrSize, Size: 1})),
		without("SetMode", func(f vfs.Features) bool { return f.SetMode }, attr(vfs.Attr{Mask: vfs.AttrMode, Mode: 0o600})),
		without("SetOwner", func(f vfs.Features) bool { return f.SetOwner }, attr(vfs.Attr{Mask: vfs.AttrOwner, UID: 1, GID: 1})),
		without("SetTimes", func(f vfs.Features) bool { return f.SetTimes },
			attr(vfs.Attr{Mask: vfs.AttrMtime | vfs.AttrAtime, Mtime: longAgo(), Atime: longAgo()})),
		without("AtomicClose", func(f vfs.Features) bool { return f.AtomicClose }, func(e *env) {
			_, err := vfs.CreateAtomic(e.ctx(), e.fs, "new", 0o644)
			e.unsupported(err)
		}),
		without("Partial", func(f vfs.Features) bool { return f.Partial }, unsupportedPartial),
		without("Lease", func(f vfs.Features) bool { return f.Lease }, func(e *env) {
			_, err := vfs.Lease(e.ctx(), e.fs, "new")
			e.unsupported(err)
		}),
		without("Space", func(f vfs.Features) bool { return f.Space }, func(e *env) {
			_, err := vfs.SpaceOf(e.ctx(), e.fs, ".")
			e.unsupported(err)
		}),
		without("Sync", func(f vfs.Features) bool { return f.Sync || !f.Write }, func(e *env) {
			e.unsupported(vfs.Sync(e.open(e.someFile(), os.O_RDONLY)))
		}),
		without("OSFile", func(f vfs.Features) bool { return f.OSFile }, func(e *env) {
			if _, ok := vfs.OSFile(e.open(e.someFile(), os.O_RDONLY)); ok {
				e.Error("gives a file of the operating system")
			}
		}),
	}
}

func unsupportedPartial(e *env) {
	_, err := vfs.CreatePartial(e.ctx(), e.fs, "new", 0o644, me)
	e.unsupported(err)
	_, err = vfs.OpenPartial(e.ctx(), e.fs, "new", me)
	e.unsupported(err)
	e.unsupported(vfs.RemovePartial(e.ctx(), e.fs, "new", me))
	if !e.has.Write {
		return // what was kept below may be seen
	}
	_, err = vfs.StatPartial(e.ctx(), e.fs, "new", me)
	e.unsupported(err)
	_, err = vfs.Partials(e.ctx(), e.fs, ".", me)
	e.unsupported(err)
	f := e.open(e.someFile(), os.O_RDONLY)
	e.matches(vfs.Keep(f, 0), errUnsupported)
}

// unsupported checks err against errors.ErrUnsupported. What can't be written
// may also say that it is read-only.
func (e *env) unsupported(err error) {
	e.Helper()
	if !e.has.Write && refused(err) {
		return
	}
	e.matches(err, errUnsupported)
}

// someFile returns the name of a file, made for it where that can be.
func (e *env) someFile() string {
	e.Helper()
	if e.has.Write {
		e.put("some file", "content")
		return "some file"
	}
	for _, name := range e.names(".") {
		if e.stat(name).Mode().IsRegular() {
			return name
		}
	}
	e.Skip("no file in the root")
	return ""
}
