package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// Load reads a configuration file. What is wrong in it comes as Errors.
func Load(file string) (*Config, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	return Parse(file, data)
}

// Parse is Load for a file whose content is data.
func Parse(file string, data []byte) (*Config, error) {
	full, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	sections, errs := scan(file, data)
	l := &loader{cfg: &Config{File: file, Folder: filepath.Dir(full)}, errs: errs, seen: make(map[string]int)}
	l.families = Families()
	for _, s := range sections {
		l.section(s)
	}
	l.defaults()
	l.check()
	if err := l.errs.Err(); err != nil {
		return nil, err
	}
	return l.cfg, nil
}

// loader turns sections into structs.
type loader struct {
	cfg      *Config
	families []Family
	errs     Errors
	seen     map[string]int // line of each section
}

func (l *loader) add(e *Error) { l.errs = append(l.errs, e) }

// defaults adds the sections that are there when they are left out.
func (l *loader) defaults() {
	for _, name := range []string{"server", "security-policies/" + DefaultPolicy} {
		if _, ok := l.seen[name]; !ok {
			l.section(&rawSection{name: name, text: []byte("[" + name + "]\n")})
		}
	}
}

func (l *loader) section(s *rawSection) {
	if s.name == "" {
		return // reported by the scan
	}
	o := Origin{file: l.cfg.File, section: s.name, line: s.line, lines: make(map[string]rawOption)}
	for _, opt := range s.options {
		o.lines[opt.name] = opt
	}
	if first, ok := l.seen[s.name]; ok {
		l.add(o.Errorf("", "the section is there twice; the first is in line %d", first))
		return
	}
	l.seen[s.name] = s.line
	family, id := l.family(s.name, &o)
	if family == nil {
		return
	}
	read, err := s.values()
	if err != nil {
		l.add(o.Errorf("", "%v", err))
		return
	}
	switch family.Name {
	case "server":
		l.cfg.Server.Origin = o
		l.decode(family, read, reflect.ValueOf(&l.cfg.Server), &l.cfg.Server.Origin)
	case "services":
		v := &Service{Origin: o, ID: id}
		l.decode(family, read, reflect.ValueOf(v), &v.Origin)
		l.cfg.Services = append(l.cfg.Services, v)
	case "security-policies":
		v := &Policy{Origin: o, ID: id}
		l.decode(family, read, reflect.ValueOf(v), &v.Origin)
		l.cfg.Policies = append(l.cfg.Policies, v)
	case "accounts":
		v := &Account{Origin: o, ID: id}
		l.decode(family, read, reflect.ValueOf(v), &v.Origin)
		l.cfg.Accounts = append(l.cfg.Accounts, v)
	}
}

// family finds what kind of section name is.
func (l *loader) family(name string, o *Origin) (*Family, string) {
	kind, id, slash := strings.Cut(name, "/")
	shapes := make([]string, len(l.families))
	for i := range l.families {
		f := &l.families[i]
		shapes[i] = f.Name
		if f.Name != kind {
			continue
		}
		switch {
		case f.Single && slash:
			l.add(o.Errorf("", "this section has no ID: write [%s]", kind))
			return nil, ""
		case !f.Single && (id == "" || strings.ContainsAny(id, "/|") || strings.TrimSpace(id) != id):
			l.add(o.Errorf("", "the section needs an ID without \"/\" and \"|\": write [%s/ID]", kind))
			return nil, ""
		}
		return f, id
	}
	l.add(o.Errorf("", "unknown kind of section; the nearest is %q", nearest(kind, shapes)))
	return nil, ""
}

// decode sets the fields of v, a pointer to the struct of the family.
func (l *loader) decode(family *Family, read map[string]string, v reflect.Value, o *Origin) {
	kind := family.typeOf(read)
	others := make(map[string]*Option) // that sections of another type have
	known := make(map[string]bool, len(family.Options))
	names := make([]string, 0, len(family.Options))
	for i := range family.Options {
		opt := &family.Options[i]
		if !opt.has(kind) {
			others[opt.Name] = opt
			continue
		}
		known[opt.Name] = true
		names = append(names, opt.Name)
		text, there := read[opt.Name]
		if (!there || text == "") && opt.Default != "" {
			text, there = opt.Default, true
		}
		if text == "" {
			if opt.Required && (kind != "" || opt.For == nil) {
				l.add(o.Errorf(opt.Name, "required, but not set"))
			}
			continue
		}
		if err := opt.decode(v.Elem().FieldByIndex(opt.field).Addr().Interface(), text); err != nil {
			l.addValue(o, opt, err)
		}
	}
	for name := range o.lines {
		switch other := others[name]; {
		case known[name]:
		case other != nil:
			l.add(o.Errorf(name, "only the type %s has this option; the nearest of %s is %q", strings.Join(other.For, " or "), kind, nearest(name, names)))
		default:
			l.add(o.Errorf(name, "unknown option; the nearest is %q", nearest(name, names)))
		}
	}
}

// addValue reports a bad value, in its own line if it is one of a list.
func (l *loader) addValue(o *Origin, opt *Option, err error) {
	var item *itemError
	if errors.As(err, &item) {
		l.add(o.atLine(opt.Name, item.line, "%v", item))
		return
	}
	l.add(o.Errorf(opt.Name, "%v", err))
}

// decode parses and checks one value.
func (opt *Option) decode(field any, text string) error {
	_, list := field.(*[]string)
	_, own := field.(value) // which is a list, or refuses line ends itself
	if strings.Contains(text, "\n") && !opt.Multiline && !list && !own {
		return errors.New("must be on one line")
	}
	if opt.Values != nil && !slices.Contains(opt.Values, text) {
		return fmt.Errorf("%q is not one of: %s; the nearest is %q", brief(text), strings.Join(opt.Values, ", "), nearest(text, opt.Values))
	}
	err := set(field, text)
	var item *itemError
	if err != nil && !opt.Secret && !errors.As(err, &item) {
		return fmt.Errorf("%q %w", brief(text), err)
	}
	return err
}
