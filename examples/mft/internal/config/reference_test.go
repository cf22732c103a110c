package config_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
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
		fmt.Fprintf(&b, "### [%s]\n\n", title)
		for _, types := range typesOf(f.Options) {
			if types != "" {
				fmt.Fprintf(&b, "With `type = %s`:\n\n", strings.ReplaceAll(types, ",", "` or `type = "))
			}
			b.WriteString("| option | value | default | meaning |\n|---|---|---|---|\n")
			for _, o := range f.Options {
				if strings.Join(o.For, ",") == types {
					b.WriteString(row(o))
				}
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// typesOf returns for which types there are options, "" for all first.
func typesOf(options []config.Option) []string {
	types := []string{""}
	for _, o := range options {
		if t := strings.Join(o.For, ","); !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	return types
}

func row(o config.Option) string {
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
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", o.Name, value, byDefault, o.Doc)
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
