package ftp

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
	"slices"
	"strings"

	"github.com/quaymaster/quaymaster/vfs"
)

// hashAlgo is one algorithm of HASH, draft-bryan-ftp-hash.
type hashAlgo struct {
	name string
	make func() hash.Hash
}

const defaultHash = "SHA-256"

// hashAlgos are in the order of FEAT.
func hashAlgos() []hashAlgo {
	return []hashAlgo{
		{"SHA-256", sha256.New},
		{"SHA-512", sha512.New},
		{"SHA-1", sha1.New},
		{"MD5", md5.New},
		{"CRC32", func() hash.Hash { return crc32.NewIEEE() }},
	}
}

// xhash is a command of old that digests by one algorithm.
type xhash struct {
	verb, algo string
	feature    bool // FEAT lists it by its name; WinSCP looks for these
}

func xhashes() []xhash {
	return []xhash{
		{"XCRC", "CRC32", true},
		{"XMD5", "MD5", true},
		{"XSHA", "SHA-1", false},
		{"XSHA1", "SHA-1", true},
		{"XSHA256", "SHA-256", true},
		{"XSHA512", "SHA-512", true},
	}
}

// hashNamed finds an algorithm, whatever the case of its name.
func hashNamed(name string) (string, bool) {
	algos := hashAlgos()
	i := slices.IndexFunc(algos, func(a hashAlgo) bool { return strings.EqualFold(a.name, name) })
	if i < 0 {
		return "", false
	}
	return algos[i].name, true
}

// hashFeature is the list of FEAT, with the chosen one marked.
func hashFeature(chosen string) string {
	var names []string
	for _, a := range hashAlgos() {
		if a.name == chosen {
			a.name += "*"
		}
		names = append(names, a.name)
	}
	return strings.Join(names, ";")
}

// hashCommand is HASH, of the part that RANG or REST chose.
func (c *conn) hashCommand(ctx context.Context, arg string) *reply {
	name, refusal := c.path(arg)
	if refusal != nil {
		return refusal
	}
	from, end, sum, err := c.digest(ctx, name, c.hash, c.next.restart, c.next.end)
	if err != nil {
		return c.refuse(err)
	}
	return say(codeFileStatus, "%s %d-%d %s %s", c.hash, from, max(end-1, from), sum, vfs.Wire(name))
}

// xhashCommand returns XMD5 and the like: file [first [end]].
func xhashCommand(algo string) func(*conn, context.Context, string) *reply {
	return func(c *conn, ctx context.Context, arg string) *reply {
		file, from, end, ok := parseRangeArg(arg)
		if !ok {
			return say(codeArgument, "A file, and the first byte and the end if not all of it.")
		}
		name, refusal := c.path(file)
		if refusal != nil {
			return refusal
		}
		_, _, sum, err := c.digest(ctx, name, algo, from, end)
		if err != nil {
			return c.refuse(err)
		}
		return say(codeDone, "%s", strings.ToUpper(sum))
	}
}

// md5Command is MD5, draft-twine-ftpmd5.
func (c *conn) md5Command(ctx context.Context, arg string) *reply {
	file := strings.Trim(arg, `"`)
	name, refusal := c.path(file)
	if refusal != nil {
		return refusal
	}
	_, _, sum, err := c.digest(ctx, name, "MD5", 0, 0)
	if err != nil {
		return c.refuse(err)
	}
	return say(251, "%s %s", quote(file), strings.ToUpper(sum))
}

// parseRangeArg takes `file`, `"file"` or either with one or two numbers apart.
// Numbers count only behind a quoted name, or when they are the last words.
func parseRangeArg(arg string) (file string, from, end int64, ok bool) {
	rest := ""
	if strings.HasPrefix(arg, `"`) {
		name, after, closed := strings.Cut(arg[1:], `"`)
		if !closed {
			return "", 0, 0, false
		}
		file, rest = name, after
	} else {
		words := strings.Split(arg, " ")
		n := len(words)
		for i := 0; i < 2 && n > 1; i++ {
			if _, number := parseSize(words[n-1]); !number {
				break
			}
			n--
		}
		file, rest = strings.Join(words[:n], " "), strings.Join(words[n:], " ")
	}
	numbers := strings.Fields(rest)
	if len(numbers) > 2 || file == "" {
		return "", 0, 0, false
	}
	for i, word := range numbers {
		n, number := parseSize(word)
		if !number {
			return "", 0, 0, false
		}
		if i == 0 {
			from = n
		} else {
			end = n
		}
	}
	return file, from, end, end == 0 || end >= from
}

// digest reads the file from from to end, or to its end for 0. Few run at a time
// on a server: others wait.
func (c *conn) digest(ctx context.Context, name, algo string, from, end int64) (first, last int64, sum string, err error) {
	select {
	case c.srv.hashing <- struct{}{}:
		defer func() { <-c.srv.hashing }()
	case <-ctx.Done():
		return 0, 0, "", context.Cause(ctx)
	}
	f, err := c.fsys.OpenFile(ctx, name, os.O_RDONLY, 0)
	if err != nil {
		return 0, 0, "", err
	}
	defer f.Close() // it was only read
	fi, err := f.Stat()
	if err != nil {
		return 0, 0, "", err
	}
	if end == 0 || end > fi.Size() {
		end = fi.Size()
	}
	if from > end {
		return 0, 0, "", &ReplyError{int(codeArgument), "The range is behind the end of the file."}
	}
	algos := hashAlgos()
	h := algos[slices.IndexFunc(algos, func(a hashAlgo) bool { return a.name == algo })].make()
	c.busy.Store(true)
	defer c.busy.Store(false)
	buf := c.lend()
	defer c.giveBack(buf)
	for off := from; off < end; {
		if ctx.Err() != nil {
			return 0, 0, "", context.Cause(ctx)
		}
		n, err := f.ReadAt((*buf)[:min(int64(len(*buf)), end-off)], off)
		if n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				err = errShrunk
			}
			return 0, 0, "", err
		}
		h.Write((*buf)[:n])
		off += int64(n)
	}
	return from, end, fmt.Sprintf("%x", h.Sum(nil)), nil
}
