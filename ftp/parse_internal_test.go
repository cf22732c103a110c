package ftp

import (
	"bytes"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParsePort(t *testing.T) {
	got, err := parsePort("192,0,2,7,30,1")
	require.NoError(t, err)
	assert.Equal(t, netip.MustParseAddrPort("192.0.2.7:7681"), got)
	for _, bad := range []string{"", "1,2,3,4,5", "1,2,3,4,5,6,7", "256,0,0,1,1,1", "-1,0,0,1,1,1", "a,b,c,d,e,f", "1,2,3,4,5,"} {
		_, err := parsePort(bad)
		assert.Error(t, err, "%q", bad)
	}
}

func TestParseEPRT(t *testing.T) {
	for in, want := range map[string]string{
		"|1|192.0.2.7|7681|": "192.0.2.7:7681", "!2!2001:db8::1!21!": "[2001:db8::1]:21",
	} {
		got, err := parseEPRT(in)
		require.NoError(t, err)
		assert.Equal(t, netip.MustParseAddrPort(want), got)
	}
	for _, bad := range []string{
		"", "|", "|1|192.0.2.7|7681", "|2|192.0.2.7|1|", "|1|2001:db8::1|1|", "|1|x|1|", "|1|192.0.2.7|65536|",
		"|1|192.0.2.7|-1|", "|3|192.0.2.7|1|", " 1 192.0.2.7 1 ", "|2|fe80::1%eth0|21|", "|1|192.0.2.7|1||",
	} {
		_, err := parseEPRT(bad)
		assert.Error(t, err, "%q", bad)
	}
}

// FuzzEndpoints: what is taken has an address and a family.
func FuzzEndpoints(f *testing.F) {
	f.Add("1,2,3,4,5,6")
	f.Add("|1|192.0.2.7|7681|")
	f.Add("|2|::1|21|")
	f.Fuzz(func(t *testing.T, arg string) {
		if ap, err := parsePort(arg); err == nil {
			assert.True(t, ap.Addr().Is4())
		}
		if ap, err := parseEPRT(arg); err == nil {
			assert.True(t, ap.IsValid())
			assert.Empty(t, ap.Addr().Zone())
		}
	})
}

func TestParseSizes(t *testing.T) {
	for in, want := range map[string]int64{"0": 0, "42": 42, "9223372036854775807": maxInt64} {
		n, ok := parseSize(in)
		assert.True(t, ok)
		assert.Equal(t, want, n)
	}
	for _, bad := range []string{"", "-1", "+1", " 1", "1 ", "0x1", "1_0", "9223372036854775808", "1e3"} {
		_, ok := parseSize(bad)
		assert.False(t, ok, "%q", bad)
	}
	n, ok := parseALLO("5 R 10")
	assert.True(t, ok)
	assert.EqualValues(t, 5, n)
	for _, bad := range []string{"", "5 R", "5 X 1", "R 5", "5 R -1", "-5"} {
		_, ok := parseALLO(bad)
		assert.False(t, ok, "%q", bad)
	}
}

func TestParseTime(t *testing.T) {
	got, ok := parseTime("20260102030405.5")
	assert.True(t, ok)
	assert.Equal(t, time.Date(2026, 1, 2, 3, 4, 5, 5e8, time.UTC), got)
	got, ok = parseTime("19650102030405")
	assert.True(t, ok)
	assert.Equal(t, 1965, got.Year())
	for _, bad := range []string{"", "2026", "20261302030405", "20260102030460", "20260102030405.", "2026010203040a", "20260102030405.1234567890", "-0260102030405"} {
		_, ok := parseTime(bad)
		assert.False(t, ok, "%q", bad)
	}
}

func TestParseMode(t *testing.T) {
	got, ok := parseMode("640")
	assert.True(t, ok)
	assert.Equal(t, fs.FileMode(0o640), got)
	for _, bad := range []string{"", "4755", "1000", "888", "-1", "0x1", "rwx"} {
		_, ok := parseMode(bad)
		assert.False(t, ok, "%q", bad)
	}
}

func TestSplitQuoted(t *testing.T) {
	got, ok := splitQuoted(`"a b" c  "d"`)
	assert.True(t, ok)
	assert.Equal(t, []string{"a b", "c", "d"}, got)
	for _, bad := range []string{`"a`, `a ""`, `"`} {
		_, ok := splitQuoted(bad)
		assert.False(t, ok, "%q", bad)
	}
}

func TestParseRangeArg(t *testing.T) {
	type result struct {
		file      string
		from, end int64
		ok        bool
	}
	for in, want := range map[string]result{
		"a":         {"a", 0, 0, true},
		`"a b"`:     {"a b", 0, 0, true},
		"a b":       {"a b", 0, 0, true},
		"a b 3":     {"a b", 3, 0, true},
		"a 3 7":     {"a", 3, 7, true},
		`"a 1" 3 7`: {"a 1", 3, 7, true},
		"7":         {"7", 0, 0, true},
		"a 7 3":     {"a", 7, 3, false},
		`"a`:        {},
		`"a" 1 2 3`: {},
		`"a" x`:     {},
		"1 2 3":     {"1", 2, 3, true},
		`""`:        {},
	} {
		file, from, end, ok := parseRangeArg(in)
		if !want.ok {
			assert.False(t, ok, "%q", in)
			continue
		}
		assert.Equal(t, want, result{file, from, end, ok}, "%q", in)
	}
}

// FuzzArguments: no parser of arguments fails badly.
func FuzzArguments(f *testing.F) {
	for _, s := range []string{"a b 3", `"a b" c`, "5 R 10", "20260102030405.5", "type;size;", "640"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		if file, from, end, ok := parseRangeArg(arg); ok {
			assert.NotEmpty(t, file)
			assert.True(t, end == 0 || from <= end)
		}
		if words, ok := splitQuoted(arg); ok {
			assert.NotContains(t, words, "")
		}
		parseALLO(arg)
		if when, ok := parseTime(arg); ok {
			assert.Equal(t, arg[:14], when.Format(timeVal))
		}
		assert.Zero(t, parseFacts(arg)&^defaultFacts())
		parseMode(arg)
		listFlags(arg)
	})
}

func TestLineEnds(t *testing.T) {
	for in, want := range map[string]string{
		"a\nb": "a\r\nb", "a\r\nb": "a\r\nb", "\n\n": "\r\n\r\n", "a\rb": "a\rb", "\r\r\n": "\r\r\n", "": "",
	} {
		assert.Equal(t, want, string((&lineEnds{}).toNet(nil, []byte(in))), "%q", in)
	}
	for in, want := range map[string]string{
		"a\r\nb": "a\nb", "a\nb": "a\nb", "a\rb": "a\rb", "\r\r\n": "\r\n", "a\r": "a\r", "\r\n\r\n": "\n\n",
	} {
		v := &converter{ends: &lineEnds{}}
		got := append([]byte{}, v.convert([]byte(in))...)
		assert.Equal(t, want, string(append(got, v.rest()...)), "%q", in)
	}
}

// FuzzLineEnds: it does not matter where the stream is cut, and a text without
// CR comes back as it was.
func FuzzLineEnds(f *testing.F) {
	f.Add([]byte("a\r\nb\rc\n\r"), uint8(3))
	f.Fuzz(func(t *testing.T, in []byte, at uint8) {
		cut := min(int(at), len(in))
		whole, parts := &lineEnds{}, &lineEnds{}
		net := whole.toNet(nil, in)
		assert.Equal(t, net, parts.toNet(parts.toNet(nil, in[:cut]), in[cut:]))
		back := &converter{ends: &lineEnds{}}
		got := append([]byte{}, back.convert(net)...)
		got = append(got, back.rest()...)
		if !bytes.ContainsRune(in, '\r') {
			assert.Equal(t, in, append([]byte{}, got...))
		}
	})
}

// TestInflater: a bomb ends, whatever is behind it.
func TestInflater(t *testing.T) {
	c := &conn{srv: &Server{ModeZ: true}}
	c.deflate = true
	var wire bytes.Buffer
	w := c.encoder(&wire)
	data := make([]byte, 3<<20)
	for i := range data {
		data[i] = byte(rand.Uint32N(4))
	}
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	in, _ := c.decoder(&wire)
	got, err := io.ReadAll(in)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(data, got))

	wire.Reset()
	c.level = 1
	w = c.encoder(&wire)
	for range 5 {
		_, err := w.Write(make([]byte, 1<<20))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	in = &inflater{in: &wire, limit: 1 << 20}
	n, err := io.Copy(io.Discard, in)
	assert.ErrorContains(t, err, "quota")
	assert.Less(t, n, int64(3<<20))

	for _, bad := range []string{"", "x", "\x78\x9c", "not zlib at all, but long enough"} {
		in, _ = c.decoder(bytes.NewReader([]byte(bad)))
		_, err = io.ReadAll(in)
		assert.Error(t, err, "%q", bad)
	}
}
