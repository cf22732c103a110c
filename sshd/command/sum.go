package command

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"strings"

	"github.com/quaymaster/quaymaster/vfs"
)

// hashChunk is how much is read at a time.
const hashChunk = 256 << 10

// sum is a program that digests files.
type sum struct {
	new  func() hash.Hash
	line func(digest []byte, size int64, name string, o format) string
}

// format is how one call wants its lines.
type format struct {
	binary bool // -b
	many   bool // more than one file
}

// sums returns the digest programs. The old algorithms are for integrity
// against accidents, as clients ask for them.
func sums() map[string]sum {
	return map[string]sum{
		"md5sum":    {md5.New, coreutilsLine},
		"sha1sum":   {sha1.New, coreutilsLine},
		"sha224sum": {sha256.New224, coreutilsLine},
		"sha256sum": {sha256.New, coreutilsLine},
		"sha384sum": {sha512.New384, coreutilsLine},
		"sha512sum": {sha512.New, coreutilsLine},
		"crc32":     {func() hash.Hash { return crc32.NewIEEE() }, crc32Line},
		"cksum":     {newCksum, cksumLine},
	}
}

// coreutilsLine is the format of GNU coreutils: digest, blank, "*" or blank,
// name. A name with a backslash or a line break is escaped, and a backslash
// before the line says so.
func coreutilsLine(digest []byte, _ int64, name string, o format) string {
	mark := " "
	if o.binary {
		mark = "*"
	}
	escaped := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(name)
	if escaped != name {
		return fmt.Sprintf("\\%x %s%s\n", digest, mark, escaped)
	}
	return fmt.Sprintf("%x %s%s\n", digest, mark, name)
}

// crc32Line is the format of the crc32 program of Perl's Archive::Zip.
func crc32Line(digest []byte, _ int64, name string, o format) string {
	if o.many {
		return fmt.Sprintf("%x\t%s\n", digest, name)
	}
	return fmt.Sprintf("%x\n", digest)
}

// cksumLine is the format of POSIX cksum, which names no standard input.
func cksumLine(digest []byte, size int64, name string, _ format) string {
	crc := uint32(digest[0])<<24 | uint32(digest[1])<<16 | uint32(digest[2])<<8 | uint32(digest[3])
	if name == "" {
		return fmt.Sprintf("%d %d\n", crc, size)
	}
	return fmt.Sprintf("%d %d %s\n", crc, size, name)
}

// run digests the files that the arguments name, or standard input.
func (s sum) run(j *job) error {
	given, bad := j.options("bt")
	if bad != "" {
		return j.usage(bad)
	}
	paths, err := j.paths()
	if err != nil {
		return err
	}
	o := format{binary: strings.LastIndexByte(given, 'b') > strings.LastIndexByte(given, 't'), many: len(paths) > 1}
	if len(paths) == 0 {
		name := "-"
		if j.name == "cksum" {
			name = ""
		}
		return s.input(j, name, o)
	}
	for _, p := range paths {
		if p == "-" {
			err = s.input(j, p, o)
		} else {
			err = s.file(j, p, o)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// input digests standard input.
func (s sum) input(j *job, name string, o format) error {
	h := s.new()
	size, err := io.CopyBuffer(h, j.sess.Input(), make([]byte, hashChunk))
	if err != nil {
		return err
	}
	_, err = j.out.WriteString(s.line(h.Sum(nil), size, name, o))
	return err
}

// file digests one file, or tells why not.
func (s sum) file(j *job, p string, o format) error {
	name, err := vfs.Clean(j.cwd, p)
	if err != nil {
		j.fail(p, err)
		return nil
	}
	f, err := j.fsys.OpenFile(j.ctx, name, os.O_RDONLY, 0)
	if err != nil {
		j.fail(p, err)
		return nil
	}
	h := s.new()
	size, err := digest(j.ctx, h, f)
	if err != nil {
		if aborted := vfs.Abort(f, err); aborted != nil {
			j.sess.Logger().Warn("close after reading", "path", p, "error", aborted)
		}
		j.fail(p, err)
		return nil
	}
	if err := f.Close(); err != nil {
		j.fail(p, err)
		return nil
	}
	_, err = j.out.WriteString(s.line(h.Sum(nil), size, p, o))
	return err
}

// digest feeds h with all of f. It stops when ctx ends.
func digest(ctx context.Context, h hash.Hash, f vfs.File) (size int64, err error) {
	buf := make([]byte, hashChunk)
	for {
		if ctx.Err() != nil {
			return size, context.Cause(ctx)
		}
		n, err := f.ReadAt(buf, size)
		h.Write(buf[:n]) // never fails
		size += int64(n)
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return size, err
		}
	}
}
