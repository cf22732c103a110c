package subsystem

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

func TestParseOptions(t *testing.T) {
	o, err := ParseOptions([]string{"-eR", "-lverbose", "-f", "local3", "-d", "/srv/%u", "-u0027", "-P", "remove,rename", "-pread"})
	if err != nil {
		t.Fatal(err)
	}
	if !o.Stderr || !o.ReadOnly || o.Level != slog.LevelInfo-2 || o.Facility != "LOCAL3" || o.StartDir != "/srv/%u" {
		t.Errorf("%+v", o)
	}
	if o.Umask == nil || *o.Umask != 0o027 || !slices.Equal(o.Deny, []string{"remove", "rename"}) || !slices.Equal(o.Allow, []string{"read"}) {
		t.Errorf("%+v", o)
	}
	o, err = ParseOptions(nil)
	if err != nil || o.Stderr || o.Level != slog.LevelError || o.Facility != "AUTH" || o.Umask != nil {
		t.Errorf("defaults: %+v, %v", o, err)
	}
}

func TestExpand(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""}, {"/srv", "/srv"}, {"%d/x", "/home/anna/x"}, {"/srv/%u%%", "/srv/anna%"}, {"%", "!"}, {"%h", "!"},
	} {
		got, err := expand(test.text, "/home/anna", "anna")
		if err != nil {
			got = "!"
		}
		if got != test.want {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
	}
}

func TestSyslogHandler(t *testing.T) {
	var got bytes.Buffer
	log := slog.New(newSyslogHandler(slog.LevelInfo, func(level slog.Level, text string) error {
		got.WriteString(level.String() + " " + text + "\n")
		return nil
	}))
	log.Debug("not this")
	log.With("user", "anna").WithGroup("g").Warn("upload", "path", "/a\nb")
	log.Error("next")
	want := "WARN msg=upload user=anna g.path=\"/a\\nb\"\nERROR msg=next\n"
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &got, want)
	}
}

func TestConn(t *testing.T) {
	env := func(value string) func(string) string { return func(string) string { return value } }
	c := conn(env("192.0.2.1 50022 198.51.100.7 22"))
	if c.Remote.String() != "192.0.2.1:50022" || c.Local.String() != "198.51.100.7:22" {
		t.Errorf("%v, %v", c.Remote, c.Local)
	}
	c = conn(env("2001:db8::1 1 ::1 22"))
	if c.Remote.String() != "[2001:db8::1]:1" {
		t.Errorf("%v", c.Remote)
	}
	for _, value := range []string{"", "x", "a b c d", strings.Repeat("1 ", 5)} {
		if c := conn(env(value)); c.Remote != nil || c.Local != nil {
			t.Errorf("%q: %v, %v", value, c.Remote, c.Local)
		}
	}
}
