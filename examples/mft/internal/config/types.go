package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/sshd/command"
)

// value is a field that knows its own syntax.
type value interface {
	kind() string           // what it looks like, for people
	read(text string) error // text is not empty
}

// itemError is what is wrong with one item of a list.
type itemError struct {
	line int // of the value, from 1; those that are empty don't count
	text string
}

func (e *itemError) Error() string { return e.text }

// eachItem calls f for the items of a list, until one is wrong. A list without
// any is an error.
func eachItem(text string, f func(item string) error) error {
	if len(splitList(text)) == 0 {
		return errors.New("the list is empty")
	}
	for i, line := range strings.Split(text, "\n") {
		for _, item := range splitList(line) {
			if err := f(item); err != nil {
				return &itemError{i + 1, fmt.Sprintf("%q %v", brief(item), err)}
			}
		}
	}
	return nil
}

// Count is a number of things.
type Count int

func (*Count) kind() string { return "number" }

func (c *Count) read(text string) error {
	n, err := strconv.ParseUint(text, 10, 31)
	*c = Count(n)
	return badIf(err, "a whole number")
}

// Startups says how many connections may wait for their login, see
// limit.Startups. The zero value means no limit.
type Startups struct{ Start, Rate, Full int }

func (*Startups) kind() string { return "START:PERCENT:FULL" }

func (s *Startups) read(text string) error {
	parts := strings.Split(text, ":")
	n := make([]int, len(parts))
	for i, part := range parts {
		v, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return errors.New("is neither START:PERCENT:FULL nor a number")
		}
		n[i] = int(v)
	}
	switch {
	case len(n) == 1 && n[0] == 0:
		*s = Startups{}
	case len(n) == 1:
		*s = Startups{Start: n[0], Rate: 100, Full: n[0]}
	case len(n) != 3:
		return errors.New("is neither START:PERCENT:FULL nor a number")
	case n[0] < 1 || n[2] < n[0]:
		return errors.New("must have a START of at least 1 and a FULL of at least START")
	case n[1] < 1 || n[1] > 100:
		return errors.New("must have a PERCENT from 1 to 100")
	default:
		*s = Startups{Start: n[0], Rate: n[1], Full: n[2]}
	}
	return nil
}

// Credentials says what a login takes. The zero value takes any one of those
// that the account has.
type Credentials struct{ Password, Key bool }

var credentialNames = []string{"any", "password", "ssh-key"}

func (*Credentials) kind() string {
	return "`any`, `password`, `ssh-key` or `password, ssh-key`"
}

func (c *Credentials) read(text string) error {
	alone := false
	err := eachItem(text, func(item string) error {
		switch item {
		case "any":
			alone = true
		case "password":
			c.Password = true
		case "ssh-key":
			c.Key = true
		default:
			return unknownName(item, credentialNames)
		}
		return nil
	})
	if err == nil && alone && (c.Password || c.Key) {
		return errors.New("can't be \"any\" and something else")
	}
	return err
}

// Commands are names of commands that clients may run.
type Commands []string

func (*Commands) kind() string { return "list of commands, or `all`" }

func (c *Commands) read(text string) error {
	known := command.Names()
	return eachItem(text, func(item string) error {
		switch {
		case item == "all":
			*c = known
		case !slices.Contains(known, item):
			return unknownName(item, append(known, "all"))
		case !slices.Contains(*c, item):
			*c = append(*c, item)
		}
		return nil
	})
}

func unknownName(name string, names []string) error {
	return fmt.Errorf("is not one of: %s; the nearest is %q", strings.Join(names, ", "), nearest(name, names))
}

// Algorithms is what a service negotiates. The zero value means the default.
type Algorithms struct {
	*sshd.Algorithms
	Legacy bool // some are here for old clients only
}
