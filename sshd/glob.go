package sshd

import (
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/quaymaster/quaymaster/vfs"
)

// Bounds of one Glob.
const (
	maxMatches  = 10000   // paths, also on the way
	maxExamined = 1 << 20 // directory entries
)

// ErrTooManyMatches ends a Glob that would match more than a command can take.
var ErrTooManyMatches = errors.New("pattern matches too much")

// Glob expands the word as a shell does: to the sorted paths in fsys that its
// Pattern matches, or to Text when there are none. A relative pattern begins
// in the directory cwd, which is a name for vfs, and its matches are relative
// as well: paths from the wire for vfs.Clean. "*" matches no "/" and no dot at the
// start of a name. Work and result are bounded, see ErrTooManyMatches.
func (w Word) Glob(ctx context.Context, fsys vfs.FS, cwd string) ([]string, error) {
	if w.Pattern == "" {
		return []string{w.Text}, nil
	}
	g := globber{fsys: fsys, cwd: cwd}
	found := []string{""}
	if strings.HasPrefix(w.Pattern, "/") {
		found[0] = "/"
	}
	exist := true // what was found is known to exist
	for elem := range strings.SplitSeq(w.Pattern, "/") {
		if elem == "" {
			continue
		}
		text, literal := unescape(elem)
		if literal {
			for i := range found {
				found[i] = under(found[i], text)
			}
			exist = false
			continue
		}
		var err error
		if found, err = g.expand(ctx, found, elem); err != nil {
			return nil, err
		}
		exist = true
	}
	if !exist {
		found = slices.DeleteFunc(found, func(p string) bool { return !g.exists(ctx, p) })
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if len(found) == 0 {
		return []string{w.Text}, nil
	}
	slices.Sort(found)
	return found, nil
}

// globber walks fsys and counts what it looks at.
type globber struct {
	fsys     vfs.FS
	cwd      string
	examined int
}

// expand returns what matches elem in each of dirs.
func (g *globber) expand(ctx context.Context, dirs []string, elem string) ([]string, error) {
	var found []string
	for _, dir := range dirs {
		err := g.each(ctx, dir, func(name string) error {
			if strings.HasPrefix(name, ".") && elem[0] != '.' {
				return nil
			}
			if ok, err := path.Match(elem, name); err != nil || !ok { // a bad pattern matches nothing
				return nil
			}
			if found = append(found, under(dir, name)); len(found) > maxMatches {
				return ErrTooManyMatches
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// each calls f for the names in dir. One that can't be read has none.
func (g *globber) each(ctx context.Context, dir string, f func(name string) error) error {
	name, err := vfs.Clean(g.cwd, dir)
	if err != nil {
		return nil
	}
	d, err := g.fsys.OpenDir(ctx, name)
	if err != nil {
		return nil
	}
	defer d.Close() // nothing was changed through it
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		entries, err := d.ReadDir(256)
		if g.examined += len(entries); g.examined > maxExamined {
			return ErrTooManyMatches
		}
		for _, e := range entries {
			if err := f(e.Name()); err != nil {
				return err
			}
		}
		if err == io.EOF || err != nil || len(entries) == 0 {
			return nil
		}
	}
}

func (g *globber) exists(ctx context.Context, p string) bool {
	name, err := vfs.Clean(g.cwd, p)
	if err != nil {
		return false
	}
	_, err = vfs.Lstat(ctx, g.fsys, name)
	return err == nil
}

// unescape returns the text of a pattern that matches only itself.
func unescape(elem string) (text string, literal bool) {
	var b strings.Builder
	for i := 0; i < len(elem); i++ {
		switch c := elem[i]; c {
		case '*', '?', '[':
			return "", false
		case '\\':
			if i++; i == len(elem) {
				return "", false
			}
		}
		b.WriteByte(elem[i])
	}
	return b.String(), true
}

// under joins dir and name without cleaning either.
func under(dir, name string) string {
	if dir == "" || dir == "/" {
		return dir + name
	}
	return dir + "/" + name
}
