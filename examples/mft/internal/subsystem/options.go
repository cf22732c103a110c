// Package subsystem is the SFTP engine on standard input and output, below
// another SSH server, with the options of OpenSSH's sftp-server(8).
package subsystem

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/quaymaster/quaymaster/sftp"

	"github.com/quaymaster/quaymaster/examples/mft/internal/getopt"
)

// Usage is what -h shows.
const Usage = `usage: mft sftp-server [-ehR] [-d start_directory] [-f log_facility]
	[-l log_level] [-P denied_requests] [-p allowed_requests] [-u umask]
       mft sftp-server -Q protocol_feature
`

// Options is what the command line asks for.
type Options struct {
	Help     bool
	Query    string // "requests"
	ReadOnly bool
	StartDir string // with %d, %u and %%; empty: the working directory
	Umask    *fs.FileMode
	Deny     []string // nil: not given
	Allow    []string
	Stderr   bool // log there, not to syslog
	Level    Level
	Facility string
}

// ParseOptions reads the arguments as sftp-server does.
func ParseOptions(args []string) (*Options, error) {
	o := &Options{Level: levelError, Facility: "AUTH"}
	given, _, bad := getopt.Parse(args, "cehR", "dflPpQu")
	for _, opt := range given {
		switch opt.Letter {
		case 'c':
			// A login shell is called with -c and a command line; what follows
			// is not for us.
			return o, nil
		case 'h':
			o.Help = true
			return o, nil
		}
		if err := o.set(opt); err != nil {
			return nil, err
		}
	}
	return o, bad
}

func (o *Options) set(opt getopt.Option) (err error) {
	switch opt.Letter {
	case 'e':
		o.Stderr = true
	case 'R':
		o.ReadOnly = true
	case 'd':
		o.StartDir = opt.Arg
	case 'f':
		o.Facility, err = parseFacility(opt.Arg)
	case 'l':
		o.Level, err = parseLevel(opt.Arg)
	case 'P':
		o.Deny, err = parseRequests(o.Deny, opt)
	case 'p':
		o.Allow, err = parseRequests(o.Allow, opt)
	case 'Q':
		if !strings.EqualFold(opt.Arg, "requests") {
			return fmt.Errorf("invalid query type %q", opt.Arg)
		}
		o.Query = "requests"
	case 'u':
		mask, err := strconv.ParseUint(opt.Arg, 8, 16)
		if err != nil || mask > 0o777 {
			return fmt.Errorf("invalid umask %q", opt.Arg)
		}
		m := fs.FileMode(mask)
		o.Umask = &m
	}
	return err
}

// parseRequests refuses names that do not exist: a request that is denied
// under a misspelt name would be allowed.
func parseRequests(before []string, opt getopt.Option) ([]string, error) {
	if before != nil {
		return nil, fmt.Errorf("-%c is given twice", opt.Letter)
	}
	names := strings.Split(opt.Arg, ",")
	for _, name := range names {
		if !slices.Contains(sftp.Requests(), name) {
			return nil, fmt.Errorf("-%c: unknown request %q; -Q requests lists them", opt.Letter, name)
		}
	}
	return names, nil
}

// errExpand is a "%" that means nothing.
var errExpand = errors.New("start directory: only %d, %u and %% have a meaning")

// expand replaces the tokens of -d.
func expand(text, home, user string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		if i++; i == len(text) {
			return "", errExpand
		}
		switch text[i] {
		case '%':
			b.WriteByte('%')
		case 'd':
			b.WriteString(home)
		case 'u':
			b.WriteString(user)
		default:
			return "", errExpand
		}
	}
	return b.String(), nil
}
