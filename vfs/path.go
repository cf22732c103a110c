package vfs

import (
	"io/fs"
	"path"
	"strings"
)

// ReservedPrefix begins the names of staged files and their records. Back ends
// keep those to themselves, and Clean refuses them: no client can list, open,
// create or rename to one.
const ReservedPrefix = ".quaymaster~"

// MaxPath is the longest wire path, in bytes, that Clean takes.
const MaxPath = 4096

// IsReserved tells whether any element of name is reserved. It ignores case,
// because some file systems do.
func IsReserved(name string) bool {
	for name != "" {
		elem, rest, _ := strings.Cut(name, "/")
		if len(elem) >= len(ReservedPrefix) && strings.EqualFold(elem[:len(ReservedPrefix)], ReservedPrefix) {
			return true
		}
		name = rest
	}
	return false
}

// Clean turns a path from the wire into a name for an FS. It is the only way
// from one to the other. A relative path is taken from cwd, which is a name
// ("." for the root). ".." stops at the root. A path with NUL, CR or LF, with
// invalid UTF-8, longer than MaxPath, or with a reserved element is refused
// with a *fs.PathError. The empty path is cwd.
func Clean(cwd, wire string) (string, error) {
	refuse := func(err error) (string, error) {
		return "", &fs.PathError{Op: "path", Path: wire, Err: err}
	}
	if len(wire) > MaxPath {
		return refuse(ErrNameTooLong)
	}
	if strings.ContainsAny(wire, "\x00\r\n") {
		return refuse(fs.ErrInvalid)
	}
	p := wire
	if !strings.HasPrefix(p, "/") {
		p = "/" + cwd + "/" + p
	}
	name := strings.TrimPrefix(path.Clean(p), "/")
	if name == "" {
		name = "."
	}
	if !fs.ValidPath(name) || strings.ContainsAny(name, "\x00\r\n") { // invalid UTF-8, or from a bad cwd
		return refuse(fs.ErrInvalid)
	}
	if IsReserved(name) {
		return refuse(fs.ErrPermission)
	}
	return name, nil
}

// Wire turns a name into the absolute path that clients see.
func Wire(name string) string {
	if name == "." {
		return "/"
	}
	return "/" + name
}

// RelTarget turns the target of a symbolic link as a client sent it into the
// form that Symlink stores: relative to the directory of link. An absolute
// target counts from the root of the FS. One that leads above the root is
// refused with ErrEscape.
func RelTarget(link, wire string) (string, error) {
	dir := path.Dir(link)
	if !strings.HasPrefix(wire, "/") {
		if escapes(dir, wire) {
			return "", &fs.PathError{Op: "symlink", Path: wire, Err: ErrEscape}
		}
	}
	name, err := Clean(dir, wire)
	if err != nil || wire == "" {
		return "", PathError("symlink", wire, fs.ErrInvalid)
	}
	if !strings.HasPrefix(wire, "/") {
		return wire, nil
	}
	up := 0
	if dir != "." {
		up = strings.Count(dir, "/") + 1
	}
	rel := strings.Repeat("../", up)
	if name == "." {
		return path.Clean("./" + rel), nil
	}
	return rel + name, nil
}

// escapes tells whether the relative path rel, walked from dir, rises above
// the root.
func escapes(dir, rel string) bool {
	depth := 0
	if dir != "." {
		depth = strings.Count(dir, "/") + 1
	}
	for elem := range strings.SplitSeq(rel, "/") {
		switch elem {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}
