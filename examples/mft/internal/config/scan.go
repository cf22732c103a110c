package config

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxFile is the size of a configuration file beyond which it is a mistake.
const maxFile = 16 << 20

// rawSection is one section as the lines show it: where it and its options
// are. The values are read from text by the INI library.
type rawSection struct {
	name    string
	line    int
	options []rawOption
	text    []byte // what the INI library gets: the lines without an error
}

type rawOption struct {
	name  string
	line  int
	value []int // the lines of the value that are not empty
}

// scanner finds sections and options with their line numbers, which the INI
// library does not tell, and refuses what that library would read in a way
// that nobody expects from the look of the file.
type scanner struct {
	file     string
	sections []*rawSection
	errs     Errors
	inValue  bool // an indented line continues the value
	skip     bool // that value belongs to an option that was refused
}

// scan goes through data line by line.
func scan(file string, data []byte) ([]*rawSection, Errors) {
	s := &scanner{file: file}
	if len(data) > maxFile {
		s.errorf(0, "", "larger than %d MiB", maxFile>>20)
		return nil, s.errs
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	number := 0
	for rest := data; len(rest) > 0; {
		number++
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line = rest[:i+1]
		}
		rest = rest[len(line):]
		s.line(number, line)
	}
	return s.sections, s.errs
}

func (s *scanner) errorf(line int, option, format string, args ...any) {
	e := &Error{File: s.file, Line: line, Option: option, Text: fmt.Sprintf(format, args...)}
	if n := len(s.sections); n > 0 {
		e.Section = s.sections[n-1].name
	}
	s.errs = append(s.errs, e)
}

// line takes one line, its end included. A line with an error is left out of
// the section, so that the rest of it can still be checked.
func (s *scanner) line(number int, raw []byte) {
	keep := s.classify(number, raw)
	if n := len(s.sections); n > 0 && keep {
		s.sections[n-1].text = append(s.sections[n-1].text, raw...)
	}
}

// classify tells whether the line is fit for its section.
func (s *scanner) classify(number int, raw []byte) (keep bool) {
	text := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	indented := strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\t")
	trimmed := strings.Trim(text, " \t")
	switch {
	case !utf8.ValidString(text) || strings.ContainsFunc(text, isControl):
		s.errorf(number, "", "the line holds control characters or is not UTF-8")
		return false
	case trimmed == "":
		s.inValue = s.inValue && indented
		return s.inValue && !s.skip
	case indented && s.inValue:
		if !s.skip { // whatever it looks like
			o := s.lastOption()
			o.value = append(o.value, number)
		}
		return !s.skip
	case indented:
		s.errorf(number, "", "indented, but there is no value that it could continue")
		return false
	}
	s.inValue, s.skip = false, false
	switch text[0] {
	case '#', ';':
		return false
	case '[':
		return s.header(number, text)
	}
	s.inValue = true
	s.skip = !s.option(number, text)
	return !s.skip
}

// lastOption is the one that was found last. There is one within a value.
func (s *scanner) lastOption() *rawOption {
	options := s.sections[len(s.sections)-1].options
	return &options[len(options)-1]
}

// isControl tells which characters a configuration file can't hold. Some of
// them end a line for one program and not for another.
func isControl(r rune) bool {
	return r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\ufeff'
}

func (s *scanner) header(number int, text string) (ok bool) {
	name, ok := strings.CutSuffix(strings.TrimRight(text[1:], " \t"), "]")
	if !ok || name == "" || strings.ContainsAny(name, "[]") {
		// What follows belongs to no section that is known.
		s.sections = append(s.sections, &rawSection{line: number})
		s.errorf(number, "", "%q is not a section header: write [family/ID]", brief(text))
		return false
	}
	s.sections = append(s.sections, &rawSection{name: name, line: number})
	return true
}

// optionName is what every option is called.
var optionName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

func (s *scanner) option(number int, text string) (ok bool) {
	end := strings.IndexAny(text, "=:")
	if end < 0 {
		s.errorf(number, "", "%q is neither a section nor \"option = value\"", brief(text))
		return false
	}
	name, value := strings.TrimRight(text[:end], " \t"), strings.TrimSpace(text[end+1:])
	if !optionName.MatchString(name) {
		s.errorf(number, "", "%q is not the name of an option", brief(name))
		return false
	}
	if strings.HasPrefix(value, "`") || strings.HasPrefix(value, `"""`) {
		s.errorf(number, name, "a value can't begin with a back quote or three quotation marks")
		return false
	}
	if len(s.sections) == 0 {
		s.errorf(number, name, "stands before the first section")
		return false
	}
	section := s.sections[len(s.sections)-1]
	for _, o := range section.options {
		if o.name == name {
			s.errorf(number, name, "set twice in this section; the first is in line %d", o.line)
			return false
		}
	}
	o := rawOption{name: name, line: number}
	if value != "" {
		o.value = []int{number}
	}
	section.options = append(section.options, o)
	return true
}

// brief shortens what is quoted in an error, and never shows what may be a
// secret behind the first few characters.
func brief(s string) string {
	const most = 32
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
