package ftp

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// linesOf reads everything from r; "!" stands for a line that is too long.
func linesOf(t testing.TB, r io.Reader, limit int) (lines []string) {
	t.Helper()
	l := newLineReader(r, limit)
	for {
		line, err := l.next()
		switch {
		case errors.Is(err, errLineTooLong):
			lines = append(lines, "!")
		case err == io.EOF:
			return lines
		default:
			require.NoError(t, err)
			lines = append(lines, string(line))
		}
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 3000)
	for in, want := range map[string][]string{
		"":                                     nil,
		"NOOP\r\n":                             {"NOOP"},
		"NOOP\nPWD\r\n\n":                      {"NOOP", "PWD", ""},
		"a\rb\r\n":                             {"a\rb"},
		"a\r\r\n":                              {"a\r"},
		"no end":                               nil,
		long + "\r\nNOOP\r\n":                  {"!", "NOOP"},
		long + "DELE x\nNOOP\n":                {"!", "NOOP"},
		strings.Repeat("y", 1000) + "\n":       {strings.Repeat("y", 1000)},
		strings.Repeat("y", 1001) + "\n":       {"!"},
		"\xff\xf4\xff\xf2ABOR\r\n":             {"ABOR"},
		"\xff\xf4\xffABOR\r\n":                 {"ABOR"}, // DM was sent as urgent data
		"\xff\xfb\x01\xff\xfd\x03USER a\r\n":   {"USER a"},
		"CWD \xff\xff\r\n":                     {"CWD \xff"},
		"NOOP\xff\r\n\xff\xfd\n":               {"NOOP", ""},
		"\xff\xfeNOOP\r\n":                     {"OOP"}, // an option
		"\xff\xff\xff\xf4\xff\xff\xff\xf1\r\n": {"\xff\xff"},
	} {
		assert.Equal(t, want, linesOf(t, strings.NewReader(in), 1000), "%.60q", in)
		assert.Equal(t, want, linesOf(t, iotest.OneByteReader(strings.NewReader(in)), 1000), "%.60q byte by byte", in)
	}
}

// FuzzLines: however the bytes arrive, the lines are the same, within the limit
// and without line ends.
func FuzzLines(f *testing.F) {
	f.Add([]byte("USER a\r\nPASS b\r\n"))
	f.Add([]byte("\xff\xf4\xff\xf2ABOR\r\n"))
	f.Add(bytes.Repeat([]byte("x\xff"), 200))
	f.Fuzz(func(t *testing.T, in []byte) {
		lines := linesOf(t, bytes.NewReader(in), 100)
		assert.Equal(t, lines, linesOf(t, iotest.OneByteReader(bytes.NewReader(in)), 100))
		assert.Equal(t, lines, linesOf(t, iotest.HalfReader(bytes.NewReader(in)), 100))
		for _, line := range lines {
			assert.LessOrEqual(t, len(line), 100)
			assert.NotContains(t, line, "\n")
		}
	})
}

func TestParseCommand(t *testing.T) {
	for in, want := range map[string]command{
		"NOOP":                  {"NOOP", ""},
		"user Ann":              {"USER", "Ann"},
		"RETR  a b ":            {"RETR", " a b "},
		"XSHA256 x":             {"XSHA256", "x"},
		"":                      {},
		" NOOP":                 {},
		"NO\xd6P":               {},
		"İNFO":                  {},
		"1ABC":                  {},
		"A-B":                   {},
		"CD\x00":                {},
		"AVERYLONGVERBINDEED x": {},
	} {
		assert.Equal(t, want, parseCommand(in), "%q", in)
	}
}

func TestForeign(t *testing.T) {
	for _, line := range []string{"GET / HTTP/1.1", "POST / HTTP/1.1", "Host: x", "HOST: x", "CONNECT a:1 HTTP/1.1", "EHLO x"} {
		assert.True(t, foreign(line), line)
	}
	for _, line := range []string{"HOST x", "HELP", "GET", "host x", "STAT / HTTP/1.1"} {
		assert.False(t, foreign(line), line)
	}
}

func TestReplyBytes(t *testing.T) {
	assert.Equal(t, "200 OK.\r\n", string(say(codeOK, "OK.").bytes()))
	r := &reply{code: codeSystem, text: "Features:", lines: []string{"UTF8", "211 not the end"}, end: "End."}
	assert.Equal(t, "211-Features:\r\n UTF8\r\n 211 not the end\r\n211 End.\r\n", string(r.bytes()))
	assert.Equal(t, `"/a""b"`, quote(`/a"b`))
	assert.Equal(t, "200 100% %d\r\n", string(say(codeOK, "100%% %s", "%d").bytes()))
}
