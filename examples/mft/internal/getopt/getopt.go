// Package getopt parses options as getopt(3) does: one letter each behind a
// single dash, letters without an argument may be joined, and an argument may
// follow its letter at once or as the next word.
package getopt

import "fmt"

// Option is one option that was given.
type Option struct {
	Letter byte
	Arg    string // of a letter that takes one
}

// Parse reads options from args up to the first word that is none, or past
// "--". flags are the letters without an argument, params those with one. On a
// mistake it returns the options before it, too.
func Parse(args []string, flags, params string) (options []Option, rest []string, err error) {
	for len(args) > 0 {
		word := args[0]
		if len(word) < 2 || word[0] != '-' {
			return options, args, nil
		}
		args = args[1:]
		if word == "--" {
			return options, args, nil
		}
		for i := 1; i < len(word); i++ {
			letter := word[i]
			if has(flags, letter) {
				options = append(options, Option{Letter: letter})
				continue
			}
			if !has(params, letter) {
				return options, args, fmt.Errorf("invalid option -- %q", string(rune(letter)))
			}
			arg := word[i+1:]
			if arg == "" {
				if len(args) == 0 {
					return options, args, fmt.Errorf("option requires an argument -- %q", string(rune(letter)))
				}
				arg, args = args[0], args[1:]
			}
			options = append(options, Option{letter, arg})
			break
		}
	}
	return options, nil, nil
}

func has(letters string, letter byte) bool {
	for i := range len(letters) {
		if letters[i] == letter {
			return true
		}
	}
	return false
}
