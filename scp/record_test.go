package scp

import (
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseRecord(t *testing.T) {
	file := func(mode fs.FileMode, size int64, name string) record {
		return record{kind: 'C', mode: mode, size: size, name: name}
	}
	for line, want := range map[string]record{
		"C0644 3 a":                     file(0o644, 3, "a"),
		"C0000 0  with  blanks ":        file(0, 0, " with  blanks "),
		"C0644 9223372036854775807 max": file(0o644, 1<<63-1, "max"),
		"C7777 1 bits":                  file(0o777, 1, "bits"), // CVE-2026-35385
		"D0755 0 d":                     {kind: 'D', mode: 0o755, name: "d"},
		"E":                             {kind: 'E'},
		"T1 0 2 0":                      {kind: 'T', mtime: time.Unix(1, 0), atime: time.Unix(2, 0)},
		"T1 999999 2 1":                 {kind: 'T', mtime: time.Unix(1, 999999000), atime: time.Unix(2, 1000)},
		"T253402300799 0 0 0":           {kind: 'T', mtime: time.Unix(253402300799, 0), atime: time.Unix(0, 0)},
	} {
		got, err := parseRecord([]byte(line))
		require.NoError(t, err, line)
		assert.Equal(t, want, got, line)
	}
	for _, line := range []string{
		"", "X", "E ", "C", "C0644", "C0644 ", "C0644 3", "C0644 3 ", "C644 3 a", "C00644 3 a", "C0648 3 a", "C+644 3 a", "C-644 3 a",
		"C0x44 3 a", "C0644  3 a", "C0644 -3 a", "C0644 +3 a", "C0644 3x a", "C0644 0x3 a", "C0644 9223372036854775808 a",
		"C0644 18446744073709551617 a", "C0644 3 .", "C0644 3 ..", "C0644 3 /", "C0644 3 a/b", "C0644 3 ../a", "D0755 0 ..", "D0755 0 ",
		"T", "T1 0 2", "T1 0 2 0 ", "T1 0 2 0 0", "T-1 0 2 0", "T1 1000000 2 0", "T1 0 253402300800 0", "T1  0 2 0", "Tx 0 2 0",
		"t1 0 2 0", "\x00", "scp: command not found",
	} {
		_, err := parseRecord([]byte(line))
		var broken *protocolError
		assert.ErrorAs(t, err, &broken, line)
	}
}

func TestSafeNames(t *testing.T) {
	for _, name := range []string{"a", " ", "...", ".hidden", "-x", "~", "a b", "ünï", "$(id)", "\u202egnp", strings.Repeat("x", 255)} {
		assert.True(t, isSafe(name), name)
	}
	for _, name := range []string{"", ".", "..", "/", "a/", `a\b`, `..\x`, "\x00", "a\nb", "a\rb", "\x1b[2J", "\x7f", "\u0085", "\xff"} {
		assert.False(t, isSafe(name), name)
	}
}

func TestAppendRecords(t *testing.T) {
	entry := appendEntry(nil, 'C', fs.ModeSetuid|0o755, 5, "a b")
	assert.Equal(t, "C0755 5 a b\n", string(entry))
	times := appendTimes(nil, time.Unix(-5, 0), time.Unix(7, 8))
	assert.Equal(t, "T0 0 7 0\n", string(times))
}

// FuzzRecord parses any line: what comes out is harmless, and the same again
// when it is sent on.
func FuzzRecord(f *testing.F) {
	for _, line := range []string{"C0644 3 a", "D0755 0 d", "E", "T1 0 2 0", "C7777 9223372036854775807 x y", "C0644 3 ../x", "\x01scp: x"} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parseRecord(line)
		if err != nil {
			return
		}
		if r.mode&^fs.ModePerm != 0 || r.size < 0 {
			t.Errorf("%q: mode %v, size %d", line, r.mode, r.size)
		}
		switch r.kind {
		case recordFile, recordDir:
			if leads(r.name) {
				t.Errorf("%q: name %q", line, r.name)
			}
			again := appendEntry(nil, r.kind, r.mode, r.size, r.name)
			if back, err := parseRecord(again[:len(again)-1]); err != nil || back != r {
				t.Errorf("%q: %q became %+v, %v", line, again, back, err)
			}
		case recordTimes:
			if r.mtime.Year() > 9999 || r.atime.Year() > 9999 || r.mtime.Unix() < 0 || r.atime.Unix() < 0 {
				t.Errorf("%q: %v, %v", line, r.mtime, r.atime)
			}
		}
	})
}
