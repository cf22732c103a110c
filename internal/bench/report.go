package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// report is the outcome of a run.
type report struct {
	suite   *suite
	options options
	tmpfs   bool
	began   time.Time
	took    time.Duration
	load    string // average of the machine before
	results []*result

	versions []string // of the other programs
	absent   []string // peers, and why
}

// err joins what went wrong in the cases.
func (r *report) err() error {
	var errs []error
	for _, res := range r.results {
		if res.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", res.c.name, res.err))
		}
	}
	return errors.Join(errs...)
}

// summary is a metric of one peer over all rounds.
type summary struct {
	Median, Min, Max float64
	Rounds           []float64
}

func summarize(rounds []values, name string) summary {
	var all []float64
	for _, v := range rounds {
		all = append(all, v[name])
	}
	return summary{Median: median(all), Min: slices.Min(all), Max: slices.Max(all), Rounds: all}
}

// row has one metric of all peers, and compares ours with one of them.
type row struct {
	Case, About, Metric, Unit string
	Ours                      summary
	Others                    map[string]summary // by name
	Reference                 string             // name of the peer that the ratios are to; "" if there is none
	Ratio                     float64            // of the medians, ours to the reference
	PerRound                  float64            // median of the rounds' ratios
	Target                    string
	Met                       bool

	unit   unit
	kind   targetKind
	others []*peer // columns
	best   bool    // the reference was chosen
}

// rows has nothing for cases that were skipped or failed.
func (r *report) rows() []row {
	ours, others := r.suite.peers[0], r.suite.peers[1:]
	var out []row
	for _, res := range r.results {
		if res.err != nil || res.skipped != "" {
			continue
		}
		for _, m := range res.c.metrics {
			w := row{
				Case: res.c.name, About: res.c.about, Metric: m.name, Unit: m.unit.suffix,
				Ours: summarize(res.rounds[ours.name], m.name), Others: map[string]summary{},
				Target: m.target.text(m.unit), unit: m.unit, kind: m.target.kind, others: others,
			}
			for _, p := range others {
				if rounds := res.rounds[p.name]; len(rounds) > 0 {
					w.Others[p.name] = summarize(rounds, m.name)
				}
			}
			w.compare(res.c.reference)
			w.Met = m.target.met(w.Ours.Median, w.Ratio)
			out = append(out, w)
		}
	}
	return out
}

// compare takes the ratios to the peer of that name, or to the best.
func (w *row) compare(reference string) {
	for _, p := range w.others {
		b, ok := w.Others[p.name]
		if !ok || reference != "" && p.name != reference {
			continue
		}
		if w.Reference == "" || w.unit.better(b.Median, w.Others[w.Reference].Median) {
			w.Reference = p.name
		}
	}
	w.best = reference == ""
	b := w.Others[w.Reference] // zero if there is none
	if b.Median != 0 {
		w.Ratio = w.Ours.Median / b.Median
	}
	if each := ratios(w.Ours.Rounds, b.Rounds); len(each) > 0 {
		w.PerRound = median(each)
	}
}

// cells are the columns of a row below those of header.
func (w row) cells() []string {
	out := []string{w.Case, w.Metric, w.spread(w.Ours)}
	for _, p := range w.others {
		if s, ok := w.Others[p.name]; ok {
			out = append(out, w.spread(s))
		} else {
			out = append(out, "–")
		}
	}
	if len(w.others) > 1 {
		out = append(out, w.beside())
	}
	return append(out, ratioText(w.Ratio), ratioText(w.PerRound), w.verdict())
}

// beside says whom the ratios are to.
func (w row) beside() string {
	for _, p := range w.others {
		if p.name == w.Reference && w.best {
			return p.title + ", best"
		}
		if p.name == w.Reference {
			return p.title
		}
	}
	return "–"
}

func (r *report) header() []string {
	ours, others := r.suite.peers[0], r.suite.peers[1:]
	out := []string{"case", "measured", ours.title}
	for _, p := range others {
		out = append(out, p.title)
	}
	if len(others) > 1 {
		out = append(out, "beside")
	}
	return append(out, "ratio", "per round", "target")
}

// spread is the median with the range that all rounds were in.
func (w row) spread(s summary) string {
	text := w.unit.text(s.Median)
	if len(s.Rounds) > 1 {
		text += fmt.Sprintf(" (%.*f–%.*f)", w.unit.digits, s.Min, w.unit.digits, s.Max)
	}
	return text
}

func (w row) verdict() string {
	switch {
	case w.Target == "":
		return "–"
	case w.Met:
		return w.Target + " met"
	case w.Reference == "" && w.kind != oursAtMost:
		return w.Target + " not compared"
	}
	return w.Target + " missed"
}

// ratioText has "–" for none, when a peer's value was too small to measure.
func ratioText(v float64) string {
	if v == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", v)
}

// text writes the table for a terminal.
func (r *report) text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells []string) {
		for _, c := range cells {
			fmt.Fprintf(t, "%s\t", c)
		}
		fmt.Fprintln(t)
	}
	line(r.header())
	for _, w := range r.rows() {
		line(w.cells())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, note := range r.notes() {
		fmt.Fprintln(w, note)
	}
	return nil
}

// notes say what the table does not show.
func (r *report) notes() []string {
	out := slices.Clone(r.absent)
	for _, res := range r.results {
		switch {
		case res.err != nil:
			out = append(out, fmt.Sprintf("%s failed", res.c.name))
		case res.skipped != "":
			out = append(out, fmt.Sprintf("%s was skipped: %s", res.c.name, res.skipped))
		}
	}
	if !r.tmpfs {
		out = append(out, "The files were on a disk, not in memory: there is no tmpfs at /dev/shm.")
	}
	if r.options.profile != "" {
		out = append(out, "Our server wrote profiles, which costs it a little.")
	}
	return out
}

func (r *report) writeJSON(file string) error {
	text, err := json.MarshalIndent(r.rows(), "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
