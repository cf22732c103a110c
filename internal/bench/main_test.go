package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	programs "github.com/quaymaster/quaymaster/internal/peer"
)

// The test's own program is the server under test, or above it, as bench itself is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == serveCommand || os.Args[1] == reapCommand) {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// All parts at work: both servers, OpenSSH's client and ours, the table and the
// document.
func TestSuiteAgainstOpenSSH(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("needs Linux's /proc")
	}
	programs.Need(t, "ssh-keygen", "openssh-client")
	programs.Need(t, "sftp", "openssh-client")
	if _, err := findSSHD(); err != nil {
		programs.Missing(t, "sshd", "openssh-server")
	}
	document := filepath.Join(t.TempDir(), "doc.md")
	begin, end := markers("ssh")
	require.NoError(t, os.WriteFile(document, []byte("before\n"+begin+"\n"+end+"\nafter\n"), 0o600))
	profiles, results := t.TempDir(), filepath.Join(t.TempDir(), "results.json")

	var stdout, stderr bytes.Buffer
	err := run(t.Context(), []string{"ssh", "-size", "1MiB", "-runs", "1", "-case", "^(get/default|put/aes128-gcm|small|listing)$",
		"-markdown", document, "-profile", profiles, "-json", results}, &stdout, &stderr)
	require.NoError(t, err, stderr.String())
	for _, want := range []string{`get/default +time `, `put/aes128-gcm +server CPU `, `small +put .*/s`, `listing +memory .* MiB`} {
		assert.Regexp(t, want, stdout.String())
	}
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	assert.Regexp(t, `(?s)^before\n.*\| get/default \| time \|.*\nafter\n$`, string(text))
	for _, file := range []string{filepath.Join(profiles, "put-aes128-gcm.cpu"), filepath.Join(profiles, "small.heap"), results} {
		fi, err := os.Stat(file)
		if assert.NoError(t, err) {
			assert.Positive(t, fi.Size())
		}
	}
}

func TestFlags(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.md")
	for _, tt := range []struct {
		args []string
		want string // in the error
	}{
		{nil, "usage"},
		{[]string{"gopher"}, `unknown suite "gopher"`},
		{[]string{"ssh", "more"}, `unexpected argument "more"`},
		{[]string{"ssh", "-runs", "0"}, "at least one"},
		{[]string{"ssh", "-case", "("}, "-case"},
		{[]string{"ssh", "-size", "2TiB"}, "64MiB"},
		{[]string{"ssh", "-markdown", missing}, "missing.md"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			var out bytes.Buffer
			assert.ErrorContains(t, run(t.Context(), tt.args, &out, &out), tt.want)
		})
	}
}

func TestListNamesEveryCaseOnce(t *testing.T) {
	for suite, names := range map[string][]string{
		"ssh": {"get/default", "put/default", "scp/get", "small", "listing", "login", "idle", "latency"},
		"ftp": {"get/plain", "put/plain", "get/tls", "put/tls", "small/plain", "login/plain", "login/tls", "idle/plain", "idle/tls", "listing/list", "listing/mlsd"},
	} {
		var out bytes.Buffer
		require.NoError(t, run(t.Context(), []string{suite, "-list"}, &out, &out))
		seen := map[string]bool{}
		for line := range strings.Lines(out.String()) {
			name, about, _ := strings.Cut(line, " ")
			assert.False(t, seen[name], name)
			assert.NotEmpty(t, strings.TrimSpace(about), name)
			seen[name] = true
		}
		for _, want := range names {
			assert.True(t, seen[want], want)
		}
	}
}

func TestByteSize(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int64 // 0: an error
		back string
	}{
		{"1GiB", 1 << 30, "1 GiB"},
		{"1536KiB", 1536 << 10, "1536 KiB"},
		{"64MiB", 64 << 20, "64 MiB"},
		{"2048", 2048, "2 KiB"},
		{"100B", 100, "100 B"},
		{"1024GiB", 1 << 40, "1024 GiB"},
		{"1025GiB", 0, ""},
		{"9223372036854775807GiB", 0, ""},
		{"0", 0, ""},
		{"-1", 0, ""},
		{"GiB", 0, ""},
		{"1GB", 0, ""},
		{"", 0, ""},
	} {
		var b byteSize
		err := b.Set(tt.text)
		if tt.want == 0 {
			assert.Error(t, err, tt.text)
			continue
		}
		require.NoError(t, err, tt.text)
		assert.Equal(t, tt.want, int64(b))
		assert.Equal(t, tt.back, b.String())
		require.NoError(t, b.Set(strings.ReplaceAll(b.String(), " ", "")), "what a report says must be a flag again")
		assert.Equal(t, tt.want, int64(b))
	}
}

func TestSizesOfTargets(t *testing.T) {
	assert.Equal(t, sizes{big: 1 << 30, part: 256 << 20, small: 10_000, few: 2000, entries: 100_000, ours: 2000, theirs: 100}, sizesFor(1<<30))
	assert.Equal(t, 10_000, sizesFor(4<<30).small, "counts do not grow")
	tiny := sizesFor(1)
	assert.Equal(t, clients, tiny.small)
	assert.EqualValues(t, 1, tiny.part)
}
