package config

import (
	"fmt"
	"io/fs"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Option describes one option, as the tags of its struct field do.
type Option struct {
	Name      string
	Kind      string // what a value looks like, for people
	Default   string // empty: none
	Required  bool
	Multiline bool
	Secret    bool     // values are never quoted
	Values    []string // the only ones allowed; nil: any
	For       []string // types of sections that have it; nil: all
	Doc       string
	field     []int
}

// Family describes a kind of section.
type Family struct {
	Name    string // "server", "services", ...
	Single  bool   // [server]; the others are [family/ID]
	Options []Option
	kind    reflect.Type
}

// Families returns everything that a file can hold.
func Families() []Family {
	return []Family{
		familyOf("server", true, reflect.TypeFor[Server]()),
		familyOf("services", false, reflect.TypeFor[Service]()),
		familyOf("security-policies", false, reflect.TypeFor[Policy]()),
		familyOf("accounts", false, reflect.TypeFor[Account]()),
	}
}

func familyOf(name string, single bool, t reflect.Type) Family {
	return Family{Name: name, Single: single, Options: optionsOf(t, nil, nil), kind: t}
}

// optionsOf returns the options of a struct and of those that are embedded in
// it, which have a tag with the types of sections that they are for.
func optionsOf(t reflect.Type, index []int, types []string) []Option {
	var options []Option
	for i := range t.NumField() {
		field := t.Field(i)
		at := append(slices.Clone(index), i)
		if only := field.Tag.Get("for"); only != "" {
			options = append(options, optionsOf(field.Type, at, strings.Split(only, ","))...)
			continue
		}
		tag := field.Tag
		if tag.Get("option") == "" {
			continue
		}
		o := Option{
			Name: tag.Get("option"), Default: tag.Get("default"), Doc: tag.Get("doc"),
			Required: tag.Get("required") != "", Multiline: tag.Get("multiline") != "", Secret: tag.Get("secret") != "",
			Kind: kindOf(reflect.New(field.Type).Interface()), For: types, field: at,
		}
		if v := tag.Get("values"); v != "" {
			o.Values = strings.Split(v, ",")
		}
		options = append(options, o)
	}
	return options
}

// typeOf returns the type of a section, which decides about its options; "":
// there is none, or a wrong one.
func (f *Family) typeOf(read map[string]string) string {
	for _, o := range f.Options {
		if o.Name == "type" && slices.Contains(o.Values, read["type"]) {
			return read["type"]
		}
	}
	return ""
}

// has tells whether sections of a type have the option. Those of an unknown
// type have all.
func (opt *Option) has(kind string) bool {
	return opt.For == nil || kind == "" || slices.Contains(opt.For, kind)
}

// kindOf names the type of a field for people.
func kindOf(field any) string {
	switch f := field.(type) {
	case value:
		return f.kind()
	case *string:
		return "text"
	case *bool:
		return "Yes or No"
	case *time.Duration:
		return "seconds"
	case *uint16:
		return "port"
	case *fs.FileMode:
		return "octal number"
	case *slog.Level:
		return "level"
	case *[]string:
		return "list of files"
	}
	return "unknown"
}

// set parses text into field, a pointer to one of the types of kindOf.
func set(field any, text string) error {
	switch f := field.(type) {
	case value:
		return f.read(text)
	case *string:
		*f = text
		return nil
	case *bool:
		return setBool(f, text)
	case *time.Duration:
		n, err := strconv.ParseUint(text, 10, 31)
		*f = time.Duration(n) * time.Second
		return badIf(err, "a whole number of seconds")
	case *uint16:
		n, err := strconv.ParseUint(text, 10, 16)
		*f = uint16(n)
		return badIf(err, "a port, 0 to 65535")
	case *fs.FileMode:
		n, err := strconv.ParseUint(text, 8, 9)
		*f = fs.FileMode(n)
		return badIf(err, "an octal number, 000 to 777")
	case *slog.Level:
		return setLevel(f, text)
	case *[]string:
		*f = splitList(text)
		if len(*f) == 0 {
			return fmt.Errorf("the list is empty")
		}
		return nil
	}
	return fmt.Errorf("no way to read a %T", field)
}

func badIf(err error, want string) error {
	if err != nil {
		return fmt.Errorf("is not %s", want)
	}
	return nil
}

func setBool(f *bool, text string) error {
	switch strings.ToLower(text) {
	case "yes":
		*f = true
	case "no":
		*f = false
	default:
		return fmt.Errorf("is neither Yes nor No")
	}
	return nil
}

func setLevel(f *slog.Level, text string) error {
	level, err := ParseLevel(text)
	*f = level
	return err
}

// ParseLevel reads the name of a log level.
func ParseLevel(text string) (slog.Level, error) {
	switch strings.ToLower(text) {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("is not one of debug, info, warn and error")
}

// splitList takes a list apart at commas and line ends.
func splitList(text string) []string {
	var list []string
	for _, item := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' }) {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}
