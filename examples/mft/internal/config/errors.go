package config

import (
	"fmt"
	"slices"
	"strings"
)

// Error is one thing that is wrong in a configuration file.
type Error struct {
	File    string
	Line    int    // 1 is the first; 0 when no line is to blame
	Section string // as in the file, without the brackets; may be empty
	Option  string // may be empty
	Text    string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	b.WriteString(": ")
	if e.Section != "" {
		fmt.Fprintf(&b, "[%s] ", e.Section)
	}
	if e.Option != "" {
		fmt.Fprintf(&b, "%s: ", e.Option)
	}
	b.WriteString(e.Text)
	return b.String()
}

// Errors is everything that is wrong in a configuration file, in the order of
// its lines.
type Errors []*Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the single errors to errors.As.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i, one := range e {
		list[i] = one
	}
	return list
}

// Err returns e in order, or nil when it is empty.
func (e Errors) Err() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b *Error) int { return a.Line - b.Line })
	return e
}

// Origin is where a section stands. It is embedded in the structs.
type Origin struct {
	file    string
	section string
	line    int                  // of the header
	lines   map[string]rawOption // the options that are there
}

// Errorf reports something wrong with an option, or with the whole section
// when option is empty.
func (o *Origin) Errorf(option, format string, args ...any) *Error {
	line := o.line
	if there, ok := o.lines[option]; ok {
		line = there.line
	}
	return &Error{File: o.file, Line: line, Section: o.section, Option: option, Text: fmt.Sprintf(format, args...)}
}

// atLine is Errorf for the line n, from 1, of the value of option.
func (o *Origin) atLine(option string, n int, format string, args ...any) *Error {
	e := o.Errorf(option, format, args...)
	if value := o.lines[option].value; n >= 1 && n <= len(value) {
		e.Line = value[n-1]
	}
	return e
}

// Line is where the section begins.
func (o *Origin) Line() int { return o.line }
