package getopt_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/quaymaster/quaymaster/examples/mft/internal/getopt"
)

func TestParse(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"", ""},
		{"-e -R", "e R"},
		{"-eR", "e R"},
		{"-eRlINFO", "e R l=INFO"},
		{"-el debug3 -R", "e l=debug3 R"},
		{"-l -e", "l=-e"},
		{"-e -- -R", "e | -R"},
		{"-e word -R", "e | word -R"},
		{"-e - -R", "e | - -R"},
		{"-ex", `e ! invalid option -- "x"`},
		{"-e -l", `e ! option requires an argument -- "l"`},
		{"--help", `! invalid option -- "-"`},
	} {
		options, rest, err := getopt.Parse(strings.Fields(test.args), "eR", "l")
		var got []string
		for _, o := range options {
			word := string(rune(o.Letter))
			if o.Arg != "" {
				word += "=" + o.Arg
			}
			got = append(got, word)
		}
		if err != nil {
			got = append(got, "! "+err.Error())
		} else if len(rest) > 0 {
			got = append(got, "| "+strings.Join(rest, " "))
		}
		if g := strings.Join(got, " "); g != test.want {
			t.Errorf("%q: got %s, want %s", test.args, g, test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("-eR\x00-lINFO\x00--")
	f.Fuzz(func(t *testing.T, line string) {
		options, _, _ := getopt.Parse(strings.Split(line, "\x00"), "eR", "l")
		_ = fmt.Sprint(options)
	})
}
