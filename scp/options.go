package scp

import (
	"fmt"
	"strings"

	"github.com/quaymaster/quaymaster/sshd"
)

// options are what a command line says besides its paths.
type options struct {
	source    bool // -f; otherwise -t
	recursive bool // -r
	preserve  bool // -p
	directory bool // -d: the target must be a directory
}

// ignoredFlags are the ones that make no difference to the far side: verbosity,
// batch mode, compression, protocol and address family, and the client's own
// checks.
const ignoredFlags = "qvBCOT1246"

// parseOptions reads args, which begin with the name of the command, and
// returns what follows the options.
func parseOptions(args []sshd.Word) (options, []sshd.Word, error) {
	var o options
	var sink bool
	if len(args) > 0 {
		args = args[1:]
	}
	for len(args) > 0 && len(args[0].Text) > 1 && args[0].Text[0] == '-' {
		flags := args[0].Text[1:]
		args = args[1:]
		if flags == "-" {
			break
		}
		for _, c := range flags {
			switch {
			case c == 'f':
				o.source = true
			case c == 't':
				sink = true
			case c == 'r':
				o.recursive = true
			case c == 'p':
				o.preserve = true
			case c == 'd':
				o.directory = true
			case !strings.ContainsRune(ignoredFlags, c):
				return o, nil, fmt.Errorf("unknown option -- %c", c)
			}
		}
	}
	switch {
	case sink == o.source:
		return o, nil, errNotServed
	case sink && len(args) != 1:
		return o, nil, fmt.Errorf("ambiguous target: %d paths", len(args))
	case len(args) == 0:
		return o, nil, fmt.Errorf("no path")
	}
	return o, args, nil
}
