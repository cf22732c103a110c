package scp

import (
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The first byte of records and replies.
const (
	replyOK      = 0
	replyWarning = 1 // and a line: what was asked for last did not work
	replyFatal   = 2 // and a line: nothing more will

	recordFile  = 'C'
	recordDir   = 'D'
	recordEnd   = 'E' // of a directory
	recordTimes = 'T' // of what comes next
)

const (
	// maxLine bounds a record or message, without which no memory is enough.
	maxLine = 8192
	// maxSeconds is the end of the year 9999.
	maxSeconds = 253402300799
)

// protocolError ends a transfer whose other side does not keep to the rules;
// why is what it is told.
type protocolError struct{ why string }

func (e *protocolError) Error() string { return "scp: " + e.why }

func malformed(why string) error { return &protocolError{"protocol error: " + why} }

// record is what a source announces.
type record struct {
	kind         byte
	mode         fs.FileMode // permission bits only
	size         int64
	name         string
	atime, mtime time.Time
}

// parseRecord reads a line without its newline.
func parseRecord(line []byte) (record, error) {
	if len(line) == 0 {
		return record{}, malformed("unexpected <newline>")
	}
	r := record{kind: line[0]}
	switch r.kind {
	case recordEnd:
		if len(line) > 1 {
			return record{}, malformed("text after E")
		}
		return r, nil
	case recordTimes:
		return r, r.parseTimes(line[1:])
	case recordFile, recordDir:
		return r, r.parseEntry(line[1:])
	}
	return record{}, malformed("expected control record")
}

// parseTimes reads "<mtime> <microseconds> <atime> <microseconds>".
func (r *record) parseTimes(rest []byte) error {
	var numbers [4]int64
	fields := bytes.Split(rest, []byte(" "))
	if len(fields) != len(numbers) {
		return malformed("times not delimited")
	}
	for i, field := range fields {
		n, err := number(field)
		if err != nil || n > maxSeconds || i%2 == 1 && n > 999999 {
			return malformed("time out of range")
		}
		numbers[i] = n
	}
	r.mtime = time.Unix(numbers[0], numbers[1]*1000)
	r.atime = time.Unix(numbers[2], numbers[3]*1000)
	return nil
}

// parseEntry reads "<mode> <size> <name>". Of the four octal digits of the mode
// the first one, set-user-ID, set-group-ID and sticky, is dropped.
func (r *record) parseEntry(rest []byte) error {
	mode, rest, ok := bytes.Cut(rest, []byte(" "))
	if !ok {
		return malformed("mode not delimited")
	}
	if len(mode) != 4 {
		return malformed("bad mode")
	}
	bits, err := strconv.ParseUint(string(mode), 8, 16)
	if err != nil {
		return malformed("bad mode")
	}
	r.mode = fs.FileMode(bits) & fs.ModePerm
	size, name, ok := bytes.Cut(rest, []byte(" "))
	if !ok {
		return malformed("size not delimited")
	}
	if r.size, err = number(size); err != nil {
		return malformed("bad size")
	}
	r.name = string(name)
	if leads(r.name) {
		return &protocolError{"error: unexpected filename: " + r.name}
	}
	return nil
}

// number reads decimal digits and nothing else, up to the largest int64.
func number(digits []byte) (int64, error) {
	if len(digits) == 0 || digits[0] < '0' || digits[0] > '9' { // ParseInt takes a sign
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(string(digits), 10, 64)
}

// leads tells whether name is not one in its directory: no source sends it
// but to get out of there.
func leads(name string) bool {
	return name == "" || name == "." || name == ".." || strings.Contains(name, "/")
}

// isSafe tells whether name is one file's everywhere, and harmless to a
// terminal: a backslash separates directories on some systems.
func isSafe(name string) bool {
	return !leads(name) && utf8.ValidString(name) && !strings.Contains(name, `\`) && !strings.ContainsFunc(name, unicode.IsControl)
}

// appendEntry writes a file or directory record.
func appendEntry(b []byte, kind byte, mode fs.FileMode, size int64, name string) []byte {
	return fmt.Appendf(b, "%c%04o %d %s\n", kind, mode.Perm(), size, name)
}

// appendTimes writes a times record. Times before 1970 become that.
func appendTimes(b []byte, mtime, atime time.Time) []byte {
	seconds := func(t time.Time) int64 { return min(max(t.Unix(), 0), math.MaxInt64) }
	return fmt.Appendf(b, "T%d 0 %d 0\n", seconds(mtime), seconds(atime))
}
