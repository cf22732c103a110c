package vfstest

import (
	"io/fs"
	"os"
	"time"

	"github.com/quaymaster/quaymaster/vfs"
)

// setAttrTests: each attribute alone, by name and through an open file.
func setAttrTests() []test {
	setTimes := func(f vfs.Features) bool { return f.SetTimes }
	setOwner := func(f vfs.Features) bool { return f.SetOwner }
	return []test{
		{name: "Size", need: needSize, run: eachWay(testSetSize)},
		{name: "Mode", need: setMode, run: eachWay(testSetMode)},
		{name: "Mtime", need: setTimes, run: eachWay(testSetMtime)},
		{name: "Atime", need: setTimes, run: eachWay(testSetAtime)},
		{name: "Owner", need: setOwner, run: eachWay(testSetOwner)},
		{name: "Together", need: func(f vfs.Features) bool { return f.SetSize && f.SetMode && f.SetTimes },
			run: eachWay(testSetTogether)},
		{name: "Nothing", need: setMode, run: eachWay(func(e *env, set setter) {
			e.put("file", "content")
			e.must(set(&vfs.Attr{}))
			e.holds("file", "content")
		})},
		{name: "Missing", run: func(e *env) {
			a := &vfs.Attr{Mask: vfs.AttrMode, Mode: 0o600}
			e.fails(vfs.SetAttr(e.ctx(), e.fs, "no", a), "no", fs.ErrNotExist, errUnsupported)
			e.fails(vfs.LsetAttr(e.ctx(), e.fs, "no", a), "no", fs.ErrNotExist, errUnsupported)
		}},
		{name: "SizeOfDirectory", need: needSize, run: func(e *env) {
			e.mkdir("dir")
			e.fails(vfs.SetAttr(e.ctx(), e.fs, "dir", &vfs.Attr{Mask: vfs.AttrSize}), "dir", vfs.ErrIsDir)
		}},
		{name: "NegativeSize", need: needSize, run: func(e *env) {
			e.put("file", "content")
			a := &vfs.Attr{Mask: vfs.AttrSize, Size: -1}
			e.fails(vfs.SetAttr(e.ctx(), e.fs, "file", a), "file", fs.ErrInvalid)
			e.holds("file", "content")
		}},
		{name: "Directory", need: func(f vfs.Features) bool { return f.SetMode && f.SetTimes }, run: func(e *env) {
			e.mkdir("dir")
			a := &vfs.Attr{Mask: vfs.AttrMode | vfs.AttrAtime | vfs.AttrMtime, Mode: 0o700, Atime: longAgo(), Mtime: longAgo()}
			e.must(vfs.SetAttr(e.ctx(), e.fs, "dir", a))
			if fi := e.stat("dir"); fi.Mode() != fs.ModeDir|0o700 || !fi.ModTime().Equal(longAgo()) {
				e.Errorf("got %v", fs.FormatFileInfo(fi))
			}
		}},
		{name: "FollowsLink", need: func(f vfs.Features) bool { return f.SetMode && f.Symlink }, run: func(e *env) {
			e.put("file", "content")
			e.symlink("file", "link")
			e.must(vfs.SetAttr(e.ctx(), e.fs, "link", &vfs.Attr{Mask: vfs.AttrMode, Mode: 0o600}))
			if got := e.stat("file").Mode(); got != 0o600 {
				e.Errorf("mode of the target is %v", got)
			}
		}},
		{name: "LsetAttr", need: func(f vfs.Features) bool { return f.SetTimes && f.Symlink }, run: testLsetAttr},
	}
}

func longAgo() time.Time { return time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC) }

// setter changes attributes of "file".
type setter func(a *vfs.Attr) error

// eachWay runs a test by name and through an open file. The test begins with
// making "file".
func eachWay(run func(e *env, set setter)) func(e *env) {
	return func(e *env) {
		run(e, func(a *vfs.Attr) error { return vfs.SetAttr(e.ctx(), e.fs, "file", a) })
		e.must(e.fs.Remove(e.ctx(), "file"))
		run(e, func(a *vfs.Attr) error {
			f := e.open("file", os.O_RDWR)
			e.must(vfs.SetFileAttr(f, a))
			return f.Close()
		})
	}
}

func testSetSize(e *env, set setter) {
	e.put("file", "0123456789")
	e.must(set(&vfs.Attr{Mask: vfs.AttrSize, Size: 4}))
	e.holds("file", "0123")
	e.must(set(&vfs.Attr{Mask: vfs.AttrSize, Size: 6}))
	e.holds("file", "0123\x00\x00")
}

func testSetMode(e *env, set setter) {
	e.put("file", "content")
	for _, mode := range []fs.FileMode{0o600, 0o644, 0o755, 0o777} {
		e.must(set(&vfs.Attr{Mask: vfs.AttrMode, Mode: mode}))
		if got := e.stat("file").Mode(); got != mode {
			e.Errorf("set the mode %v, got %v", mode, got)
		}
	}
	e.must(set(&vfs.Attr{Mask: vfs.AttrMode, Mode: fs.ModeDir | fs.ModeSymlink | 0o640}))
	if got := e.stat("file").Mode(); got != 0o640 {
		e.Errorf("with type bits: got %v, want %v", got, fs.FileMode(0o640))
	}
	e.holds("file", "content")
}

func testSetMtime(e *env, set setter) {
	e.put("file", "content")
	before := e.stat("file")
	e.must(set(&vfs.Attr{Mask: vfs.AttrMtime, Mtime: longAgo()}))
	fi := e.stat("file")
	if !fi.ModTime().Equal(longAgo()) {
		e.Errorf("mtime %v, want %v", fi.ModTime(), longAgo())
	}
	if got, was := vfs.SysOf(fi).Atime, vfs.SysOf(before).Atime; was.Sub(got) > time.Hour {
		e.Errorf("the atime changed from %v to %v", was, got)
	}
	if fi.Mode() != before.Mode() || fi.Size() != before.Size() {
		e.Errorf("more changed: %s", fs.FormatFileInfo(fi))
	}
}

func testSetAtime(e *env, set setter) {
	e.put("file", "content")
	before := e.stat("file")
	e.must(set(&vfs.Attr{Mask: vfs.AttrAtime, Atime: longAgo()}))
	fi := e.stat("file")
	if got := vfs.SysOf(fi).Atime; !got.IsZero() && !got.Equal(longAgo()) {
		e.Errorf("atime %v, want %v", got, longAgo())
	}
	if !fi.ModTime().Equal(before.ModTime()) {
		e.Errorf("the mtime changed from %v to %v", before.ModTime(), fi.ModTime())
	}
}

// testSetOwner gives the file to its owner, which is always allowed.
func testSetOwner(e *env, set setter) {
	e.put("file", "content")
	s := vfs.SysOf(e.stat("file"))
	if !s.HasOwner {
		e.Error("owners can be set, but Sys does not tell them")
		return
	}
	e.must(set(&vfs.Attr{Mask: vfs.AttrOwner, UID: s.UID, GID: s.GID}))
	if got := vfs.SysOf(e.stat("file")); got.UID != s.UID || got.GID != s.GID {
		e.Errorf("owner %d:%d, want %d:%d", got.UID, got.GID, s.UID, s.GID)
	}
}

// testSetTogether: the times come last, so that the new size does not touch
// them.
func testSetTogether(e *env, set setter) {
	e.put("file", "content")
	e.must(set(&vfs.Attr{
		Mask: vfs.AttrSize | vfs.AttrMode | vfs.AttrAtime | vfs.AttrMtime,
		Size: 3, Mode: 0o640, Atime: longAgo(), Mtime: longAgo(),
	}))
	fi := e.stat("file")
	if fi.Size() != 3 || fi.Mode() != 0o640 || !fi.ModTime().Equal(longAgo()) {
		e.Errorf("got %s", fs.FormatFileInfo(fi))
	}
	e.holds("file", "con")
}

// testLsetAttr: the target of a link stays as it is, whether or not links have
// attributes here.
func testLsetAttr(e *env) {
	e.put("file", "content")
	e.symlink("file", "link")
	before := e.stat("file")
	err := vfs.LsetAttr(e.ctx(), e.fs, "link", &vfs.Attr{Mask: vfs.AttrAtime | vfs.AttrMtime, Atime: longAgo(), Mtime: longAgo()})
	if err == nil && !e.lstat("link").ModTime().Equal(longAgo()) {
		e.Errorf("the link has the mtime %v", e.lstat("link").ModTime())
	}
	if got := e.stat("file").ModTime(); !got.Equal(before.ModTime()) {
		e.Errorf("the mtime of the target changed from %v to %v", before.ModTime(), got)
	}
}
