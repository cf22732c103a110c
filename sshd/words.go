package sshd

import (
	"errors"
	"fmt"
	"strings"
)

// ErrShellSyntax refuses a command line that only a shell could run. It comes
// wrapped with what stands in the way.
var ErrShellSyntax = errors.New("shell syntax is not available")

// Word is one word of a command line.
type Word struct {
	// Text is the word without its quotes and escapes. An unquoted "~" or "~/"
	// at its start has become "." or "./", because a command begins in the
	// home directory; "~user" stays as it is.
	Text string
	// Pattern is not empty when the word has an unquoted "*", "?" or "[". It
	// has the syntax of path.Match: what was quoted or escaped matches itself
	// only. Glob expands it.
	Pattern string
}

// Args splits the command line as ParseWords does. Like os.Args, it begins
// with the name of the command.
func (s *Session) Args() ([]Word, error) { return ParseWords(s.command) }

// ParseWords splits line as a POSIX shell splits a simple command: section 2.2
// of its Shell Command Language for quotes, 2.3 for words, 2.6.1 for the
// tilde. All other syntax is an error that matches ErrShellSyntax: an unquoted
// ";", "&", "|", "`", "$", "(", ")", "<", ">", "#" at the start of a word, a
// newline or NUL; "`" and "$" within double quotes; a quote that is not closed.
func ParseWords(line string) ([]Word, error) {
	var words []Word
	l := lexer{rest: line}
	for {
		w, ok, err := l.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			return words, nil
		}
		words = append(words, w)
	}
}

// firstWord returns the name of the command in line: its first word, as the
// handler will see it, or nothing when a shell would have to find it out.
func firstWord(line string) string {
	l := lexer{rest: line}
	w, _, err := l.next()
	if err != nil || w.Pattern != "" {
		return ""
	}
	return w.Text
}

// lexer takes words off rest.
type lexer struct {
	rest string

	text, pattern strings.Builder
	glob          bool // the word holds something to match
	class         int  // in a bracket expression, how many bytes of it were seen; 0: not in one
}

func syntaxError(what string) error { return fmt.Errorf("%w: %s", ErrShellSyntax, what) }

// next returns the next word, or false at the end of the line.
func (l *lexer) next() (w Word, ok bool, err error) {
	l.rest = strings.TrimLeft(l.rest, " \t")
	if l.rest == "" {
		return Word{}, false, nil
	}
	l.text.Reset()
	l.pattern.Reset()
	l.glob, l.class = false, 0
	if l.rest[0] == '#' {
		return Word{}, false, syntaxError("a comment")
	}
	l.tilde()
	for l.rest != "" && l.rest[0] != ' ' && l.rest[0] != '\t' {
		c := l.rest[0]
		l.rest = l.rest[1:]
		switch c {
		case '\'':
			err = l.single()
		case '"':
			err = l.double()
		case '\\':
			err = l.escape()
		case ';', '&', '|', '`', '$', '(', ')', '<', '>', '\n', 0:
			err = syntaxError(fmt.Sprintf("%q", c))
		default:
			l.bare(c)
		}
		if err != nil {
			return Word{}, false, err
		}
	}
	w.Text = l.text.String()
	if l.glob {
		w.Pattern = l.pattern.String()
	}
	return w, true, nil
}

// tilde replaces a "~" that stands for the home directory.
func (l *lexer) tilde() {
	after, found := strings.CutPrefix(l.rest, "~")
	if found && (after == "" || after[0] == ' ' || after[0] == '\t' || after[0] == '/') {
		l.bare('.')
		l.rest = after
	}
}

// single takes the rest of a word in single quotes, where everything is itself.
func (l *lexer) single() error {
	text, rest, closed := strings.Cut(l.rest, "'")
	if !closed {
		return syntaxError("a quote that is not closed")
	}
	l.rest = rest
	for i := range len(text) {
		if err := l.quoted(text[i]); err != nil {
			return err
		}
	}
	return nil
}

// double takes the rest of a word in double quotes, where a backslash is
// itself unless it stands before a character that is special there.
func (l *lexer) double() error {
	for l.rest != "" {
		c := l.rest[0]
		l.rest = l.rest[1:]
		switch c {
		case '"':
			return nil
		case '$', '`':
			return syntaxError(fmt.Sprintf("%q in double quotes", c))
		case '\\':
			if l.rest != "" && strings.IndexByte("$`\"\\\n", l.rest[0]) >= 0 {
				if err := l.escape(); err != nil {
					return err
				}
				continue
			}
		}
		if err := l.quoted(c); err != nil {
			return err
		}
	}
	return syntaxError("a quote that is not closed")
}

// escape takes the character after a backslash.
func (l *lexer) escape() error {
	if l.rest == "" {
		return syntaxError("a backslash at the end")
	}
	c := l.rest[0]
	if c == '\n' {
		return syntaxError("a line that goes on")
	}
	l.rest = l.rest[1:]
	return l.quoted(c)
}

// quoted adds a character that stands for itself.
func (l *lexer) quoted(c byte) error {
	if c == 0 {
		return syntaxError("NUL")
	}
	l.text.WriteByte(c)
	if strings.IndexByte(`*?[]\-^`, c) >= 0 {
		l.pattern.WriteByte('\\')
	}
	l.pattern.WriteByte(c)
	l.inClass(c)
	return nil
}

// bare adds an unquoted character.
func (l *lexer) bare(c byte) {
	l.text.WriteByte(c)
	first := l.class == 1
	l.inClass(c)
	switch {
	case c == '*' || c == '?':
		l.glob = true
	case c == '[' && l.class == 0:
		l.glob, l.class = true, 1
	case c == ']' && l.class > 2: // the first one is an ordinary member
		l.class = 0
	case c == '!' && first:
		c = '^' // what path.Match calls it
	}
	l.pattern.WriteByte(c)
}

// inClass counts c when it is in a bracket expression, which "/" ends.
func (l *lexer) inClass(c byte) {
	switch {
	case c == '/':
		l.class = 0
	case l.class > 0:
		l.class++
	}
}
