package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// markers enclose the part of a document that belongs to a suite. What is
// outside is written by hand.
func markers(suite string) (begin, end string) {
	return "<!-- bench " + suite + ": begin -->", "<!-- bench " + suite + ": end -->"
}

var errMarkers = errors.New("the document must have one begin and, after it, one end marker")

// replaceBetween puts text on lines of its own between the two markers.
func replaceBetween(document, begin, end, text string) (string, error) {
	if strings.Count(document, begin) != 1 || strings.Count(document, end) != 1 {
		return "", fmt.Errorf("%s ... %s: %w", begin, end, errMarkers)
	}
	before, rest, _ := strings.Cut(document, begin)
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		return "", fmt.Errorf("%s ... %s: %w", begin, end, errMarkers)
	}
	return before + begin + "\n" + strings.Trim(text, "\n") + "\n" + end + after, nil
}

// withSection returns the document in file with text in the suite's part.
func withSection(file, suite, text string) (string, error) {
	old, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	begin, end := markers(suite)
	document, err := replaceBetween(string(old), begin, end, text)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return document, nil
}

// updateDocument puts the report into a document, in place of the last one.
func (r *report) updateDocument(file string) error {
	text, err := withSection(file, r.suite.name, r.markdown(thisMachine()))
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

// markdown is the report for a document.
func (r *report) markdown(m machine) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s in %s by `%s`.\n\n",
		r.began.Format(time.DateOnly), r.took.Round(time.Second), r.options.command(r.suite.name))
	for _, line := range append(m.lines(), r.versions...) {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	fmt.Fprintf(&b, "- load average before: %s\n", r.load)
	b.WriteByte('\n')
	line := func(cells []string) {
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	head := r.header()
	line(head)
	b.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	for _, w := range r.rows() {
		line(w.cells())
	}
	b.WriteString("\nThe cases:\n\n")
	for _, res := range r.results {
		fmt.Fprintf(&b, "- `%s`: %s\n", res.c.name, res.c.about)
	}
	if notes := r.notes(); len(notes) > 0 {
		b.WriteString("\nNotes:\n\n")
		for _, note := range notes {
			fmt.Fprintf(&b, "- %s\n", note)
		}
	}
	return b.String()
}

// machine is where a run took place.
type machine struct {
	cpu, kernel, memory string
}

// thisMachine knows what can be found out; the rest is "unknown".
func thisMachine() machine {
	m := machine{cpu: "unknown CPU", kernel: "unknown kernel", memory: "unknown memory"}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if name := cpuModel(text); name != "" {
			m.cpu = name
		}
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.kernel = strings.TrimSpace(string(text))
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		if n, err := parseKiB(string(text), "MemTotal"); err == nil {
			m.memory = fmt.Sprintf("%.0f GiB", float64(n)/(1<<20))
		}
	}
	return m
}

// loadAverage of the last minute; above zero, something else runs.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if one, _, ok := strings.Cut(string(text), " "); err == nil && ok {
		return one
	}
	return "unknown"
}

func (m machine) lines() []string {
	return []string{
		fmt.Sprintf("%s, %d cores, shared by clients and servers; %s of memory", m.cpu, runtime.NumCPU(), m.memory),
		fmt.Sprintf("%s %s, %s", runtime.GOOS, m.kernel, runtime.Version()),
	}
}

// cpuModel finds the name in the text of /proc/cpuinfo; "" if there is none.
func cpuModel(cpuinfo []byte) string {
	for lines := bufio.NewScanner(bytes.NewReader(cpuinfo)); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
