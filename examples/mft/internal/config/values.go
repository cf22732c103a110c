package config

import (
	"fmt"
	"strings"

	"gopkg.in/ini.v1"
)

// values reads the values of one section with the INI library. A section at a
// time keeps its work linear in the size of the file.
func (s *rawSection) values() (map[string]string, error) {
	f, err := ini.LoadSources(ini.LoadOptions{
		AllowPythonMultilineValues: true,
		IgnoreContinuation:         true,             // a "\" at the end of a line is a "\"
		IgnoreInlineComment:        true,             // "#" and ";" occur in values
		PreserveSurroundedQuote:    true,             // what the file shows is the value
		ChildSectionDelimiter:      "\x00",           // no section inherits by its name
		ReaderBufferSize:           len(s.text) + 16, // the longest value must fit
	}, s.text)
	if err != nil {
		return nil, fmt.Errorf("can't be read: %w", err)
	}
	section, err := f.GetSection(s.name)
	if err != nil {
		return nil, fmt.Errorf("can't be read: %w", err)
	}
	read := make(map[string]string, len(s.options))
	for _, key := range section.Keys() {
		read[key.Name()] = tidy(key.Value())
	}
	for _, o := range s.options {
		if _, ok := read[o.name]; !ok {
			return nil, fmt.Errorf("can't be read: %s is not where it seems to be", o.name)
		}
	}
	if len(read) != len(s.options) {
		return nil, fmt.Errorf("can't be read: it has %d options instead of %d", len(read), len(s.options))
	}
	return read, nil
}

// tidy takes indentation and empty lines out of a value of several lines.
func tidy(value string) string {
	if !strings.Contains(value, "\n") {
		return strings.TrimSpace(value)
	}
	var lines []string
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
