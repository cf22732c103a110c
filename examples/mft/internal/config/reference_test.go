package config_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/quaymaster/quaymaster/examples/mft/internal/config"
)

const (
	manual = "../../docs/configuration.md"
	begin  = "<!-- options: made by go test ./internal/config -run TestManual -update -->\n"
	end    = "<!-- end of options -->\n"
)

var update = flag.Bool("update", false, "rewrite the tables of the manual")

// The tables of the operators' manual are made from the structs.
func TestManual(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the options", manual)
	}
	want := before + begin + "\n" + tables() + end + after
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("%s is out of date: run go test ./internal/config -run TestManual -update", manual)
	}
	if err := os.WriteFile(manual, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func tables() string {
	var b strings.Builder
	for _, f := range config.Families() {
		title := f.Name + "/ID"
		if f.Single {
			title = f.Name
		}
		fmt.Fprintf(&b, "### [%s]\n\n| option | value | default | meaning |\n|---|---|---|---|\n", title)
		for _, o := range f.Options {
			value := o.Kind
			if o.Values != nil {
				value = "`" + strings.Join(o.Values, "`, `") + "`"
			}
			if o.Multiline {
				value += ", several lines"
			}
			byDefault := ""
			switch {
			case o.Required:
				byDefault = "required"
			case o.Default != "":
				byDefault = "`" + o.Default + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", o.Name, value, byDefault, o.Doc)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Every field must have a type that can be read, and say what it means.
func TestSchema(t *testing.T) {
	for _, f := range config.Families() {
		for _, o := range f.Options {
			if o.Kind == "unknown" || o.Doc == "" {
				t.Errorf("[%s] %s: kind %q, doc %q", f.Name, o.Name, o.Kind, o.Doc)
			}
		}
	}
}
