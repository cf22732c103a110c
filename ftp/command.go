package ftp

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"
)

// when says in which states a command is allowed.
type when uint8

const (
	afterLogin  when = iota // the zero value: nothing is possible before
	always                  // before the login, too
	beforeLogin             // not after it
)

// argument says what a command makes of the rest of its line.
type argument uint8

const (
	mayHave  argument = iota
	mustHave          // 501 without
	mayNot            // 501 with
)

// verb is one command that the server knows.
type verb struct {
	run  func(c *conn, ctx context.Context, arg string) *reply // nil as its answer: everything was said
	when when
	arg  argument
	// keeps are the states that outlive the command: all others that a command
	// prepares, such as REST, are cleared after it.
	keeps state
	help  string // syntax, for HELP
}

// state is what one command leaves for the next.
type state uint8

const (
	keepRename  state = 1 << iota // RNFR for RNTO
	keepRestart                   // REST and RANG for a transfer
)

// command is one line, taken apart.
type command struct {
	verb string // upper case; "" for what is no verb
	arg  string
}

// parseCommand takes line apart: a verb of letters, one blank, the rest. Only
// the letters of ASCII are folded. Other charsets than UTF-8 are decoded before.
func parseCommand(line string) command {
	name, arg, _ := strings.Cut(line, " ")
	if len(name) == 0 || len(name) > 16 {
		return command{}
	}
	upper := []byte(name)
	for i, b := range upper {
		switch {
		case b >= 'a' && b <= 'z':
			upper[i] = b - ('a' - 'A')
		case b < 'A' || b > 'Z':
			if i == 0 || b < '0' || b > '9' { // XSHA256
				return command{}
			}
		}
	}
	return command{string(upper), arg}
}

// foreign are the first words of other protocols. Somebody has a browser speak
// to this port: the connection ends without an echo.
func foreign(line string) bool {
	verbs := []string{"GET", "POST", "PUT", "HEAD", "CONNECT", "OPTIONS", "PROPFIND", "DELETE", "PATCH", "TRACE", "EHLO", "HELO"}
	name, rest, _ := strings.Cut(line, " ")
	return slices.Contains(verbs, name) && rest != "" || len(name) > 1 && strings.EqualFold(name, "host:")
}

// badArgument tells whether arg holds what no argument may: control characters
// that forge lines elsewhere, or what is no text.
func badArgument(arg string) bool {
	return strings.ContainsAny(arg, "\x00\r\n") || !utf8.ValidString(arg)
}
