package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// twoCases is a report with numbers that can be worked out by hand, a case that
// was skipped and one that failed.
func twoCases() *report {
	of := func(name string, v ...float64) (out []values) {
		for _, x := range v {
			out = append(out, values{name: x})
		}
		return out
	}
	return &report{
		suite:   &suite{name: "ssh", peers: []*peer{{name: ours, title: "Quaymaster"}, {name: "other", title: "Other"}}},
		options: options{runs: 3, size: 1 << 30, cases: regexp.MustCompile("")},
		tmpfs:   true, load: "0.25",
		began: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), took: 90 * time.Second,
		results: []*result{
			{
				c:      &benchCase{name: "get", about: "a download", metrics: []metric{{"time", seconds, target{ratioAtMost, 0.5}}}},
				rounds: map[string][]values{ours: of("time", 1, 3, 2), "other": of("time", 4, 4, 8)},
			},
			{c: &benchCase{name: "scp", about: "another"}, skipped: "no scp"},
			{c: &benchCase{name: "bad", about: "a third"}, err: errors.New("broken")},
		},
	}
}

func TestRows(t *testing.T) {
	r := twoCases()
	rows := r.rows()
	require.Len(t, rows, 1)
	assert.Equal(t, []string{"get", "time", "2.00 s (1.00–3.00)", "4.00 s (4.00–8.00)", "0.50", "0.25", "≤ 0.50 met"}, rows[0].cells())
	assert.ErrorContains(t, r.err(), "bad: broken")

	r.results[0].rounds[ours] = r.results[0].rounds[ours][1:2]
	rows = r.rows()
	assert.Equal(t, []string{"get", "time", "3.00 s", "4.00 s (4.00–8.00)", "0.75", "0.75", "≤ 0.50 missed"}, rows[0].cells())
}

// Ratios are to the best, which is the fastest or that with the highest rate, or
// to the peer that the case names.
func TestRowsOfSeveralPeers(t *testing.T) {
	r := twoCases()
	r.suite.peers = append(r.suite.peers, &peer{name: "third", title: "Third"})
	get := r.results[0]
	get.rounds["third"] = []values{{"time": 5}, {"time": 1}, {"time": 1}}
	cells := func() []string {
		rows := r.rows()
		require.Len(t, rows, 1)
		return rows[0].cells()[2:]
	}
	assert.Equal(t, []string{"case", "measured", "Quaymaster", "Other", "Third", "beside", "ratio", "per round", "target"}, r.header())
	assert.Equal(t, []string{"2.00 s (1.00–3.00)", "4.00 s (4.00–8.00)", "1.00 s (1.00–5.00)", "Third, best", "2.00", "2.00", "≤ 0.50 missed"}, cells())

	get.c.metrics[0].unit = perSecond
	assert.Equal(t, []string{"2 /s (1–3)", "4 /s (4–8)", "1 /s (1–5)", "Other, best", "0.50", "0.25", "≤ 0.50 met"}, cells())

	get.c.reference = "third"
	assert.Equal(t, []string{"Third", "2.00", "2.00", "≤ 0.50 missed"}, cells()[3:])

	get.rounds["third"] = []values{{"time": 0}}
	assert.Equal(t, []string{"0 /s", "Third", "–", "–", "≤ 0.50 missed"}, cells()[2:], "no ratio to zero, and no target met by it")

	delete(get.rounds, "third")
	assert.Equal(t, []string{"–", "–", "–", "–", "≤ 0.50 not compared"}, cells()[2:], "the reference lacks what the case needs")

	get.c.reference = ""
	assert.Equal(t, []string{"–", "Other, best", "0.50", "0.25", "≤ 0.50 met"}, cells()[2:])
}

func TestTargets(t *testing.T) {
	for _, tt := range []struct {
		target      target
		ours, ratio float64
		want        bool
		text        string
	}{
		{target{ratioAtMost, 0.6}, 9, 0.6, true, "≤ 0.60"},
		{target{ratioAtMost, 0.6}, 9, 0.61, false, "≤ 0.60"},
		{target{ratioAtLeast, 2}, 9, 2, true, "≥ 2.00"},
		{target{ratioAtLeast, 2}, 9, 1.9, false, "≥ 2.00"},
		{target{oursAtMost, 16}, 16, 99, true, "≤ 16.0 MiB"},
		{target{oursAtMost, 16}, 16.1, 0.1, false, "≤ 16.0 MiB"},
		{target{}, 1, 1, true, ""},
	} {
		assert.Equal(t, tt.want, tt.target.met(tt.ours, tt.ratio), "%+v", tt)
		assert.Equal(t, tt.text, tt.target.text(mib))
	}
}

func TestText(t *testing.T) {
	var out bytes.Buffer
	r := twoCases()
	r.tmpfs = false
	r.absent = []string{"Third was left out: missing"}
	require.NoError(t, r.text(&out))
	for _, want := range []string{"Quaymaster", "≤ 0.50 met", "scp was skipped: no scp", "bad failed", "no tmpfs", "Third was left out: missing"} {
		assert.Contains(t, out.String(), want)
	}
}

func TestMarkdown(t *testing.T) {
	r := twoCases()
	r.versions = []string{"OpenSSH_12"}
	text := r.markdown(machine{cpu: "Fast CPU", kernel: "7.1", memory: "8 GiB"})
	for _, want := range []string{
		"Measured on 2030-01-02 in 1m30s by `go run ./internal/bench ssh -runs 3 -size 1GiB`.",
		"Fast CPU", "7.1", "8 GiB", "OpenSSH_12", "- load average before: 0.25",
		"| case | measured | Quaymaster | Other | ratio | per round | target |\n|---|---|---|---|---|---|---|\n| get | time | 2.00 s",
		"- `get`: a download", "- scp was skipped: no scp", "- bad failed",
	} {
		assert.Contains(t, text, want)
	}
}

func TestUpdateKeepsWhatPeopleWrote(t *testing.T) {
	file := filepath.Join(t.TempDir(), "doc.md")
	begin, end := markers("ssh")
	mine := "# Title\n\n" + begin + "\nold\n" + end + "\n\nWhere the time goes.\n<!-- bench ftp: begin -->\nftp\n<!-- bench ftp: end -->\n"
	require.NoError(t, os.WriteFile(file, []byte(mine), 0o600))
	r := twoCases()
	require.NoError(t, r.updateDocument(file))
	first, err := os.ReadFile(file)
	require.NoError(t, err)
	before, after, _ := strings.Cut(mine, "\nold\n")
	assert.True(t, strings.HasPrefix(string(first), before))
	assert.True(t, strings.HasSuffix(string(first), after))
	assert.Contains(t, string(first), "| get | time |")
	require.NoError(t, r.updateDocument(file))
	second, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(first), string(second))
}

func TestReplaceBetween(t *testing.T) {
	got, err := replaceBetween("a B old E z", "B", "E", "\nnew\n\n")
	require.NoError(t, err)
	assert.Equal(t, "a B\nnew\nE z", got)
	for _, bad := range []string{"", "B", "E", "E B", "B B E", "B E E"} {
		_, err := replaceBetween(bad, "B", "E", "new")
		assert.ErrorIs(t, err, errMarkers, bad)
	}
}

func TestCPUModel(t *testing.T) {
	assert.Equal(t, "AMD EPYC", cpuModel([]byte("processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD EPYC\nmodel name\t: second\n")))
	assert.Empty(t, cpuModel([]byte("nothing")))
}
