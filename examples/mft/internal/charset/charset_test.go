package charset_test

import (
	"strings"
	"testing"

	"github.com/quaymaster/quaymaster/examples/mft/internal/charset"
)

func TestNames(t *testing.T) {
	for _, test := range []struct{ set, name, wire string }{
		{"windows-1252", "Grüße €", "Gr\xfc\xdfe \x80"},
		{"ISO-8859-1", "Grüße", "Gr\xfc\xdfe"},
		{"iso-8859-15", "€", "\xa4"},
		{"Shift_JIS", "表", "\x95\x5c"}, // its second byte is a backslash
		{"GBK", "中文", "\xd6\xd0\xce\xc4"},
		{"KOI8-R", "файл", "\xc6\xc1\xca\xcc"},
		{"IBM850", "é", "\x82"},
	} {
		set, ok := charset.Named(test.set)
		if !ok {
			t.Fatalf("no %s", test.set)
		}
		if got, err := set.Decode(test.wire); err != nil || got != test.name {
			t.Errorf("%s: decoded %q, %v; want %q", test.set, got, err, test.name)
		}
		if got, err := set.Encode(test.name); err != nil || got != test.wire {
			t.Errorf("%s: encoded %q, %v; want %q", test.set, got, err, test.wire)
		}
	}
}

// The protocol around the names must survive.
func TestASCIIStaysASCII(t *testing.T) {
	var b strings.Builder
	for c := byte(' '); c < 0x7f; c++ {
		b.WriteByte(c)
	}
	for _, name := range charset.Names()[1:] {
		set, _ := charset.Named(name)
		wire, err := set.Encode(b.String())
		text, err2 := set.Decode(b.String())
		if err != nil || err2 != nil || wire != b.String() || text != b.String() {
			t.Errorf("%s: %q, %v; %q, %v", name, wire, err, text, err2)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, test := range []struct{ set, wire string }{
		{"windows-1252", "\x81"},  // no such letter
		{"Shift_JIS", "\x81"},     // half of one
		{"Shift_JIS", "\x87\x90"}, // a second code of a letter: another name would come back
		{"GBK", "\xff"},
	} {
		set, _ := charset.Named(test.set)
		if name, err := set.Decode(test.wire); err == nil {
			t.Errorf("%s: %q was taken as %q", test.set, test.wire, name)
		}
	}
	set, _ := charset.Named("windows-1252")
	if wire, err := set.Encode("中"); err == nil {
		t.Errorf("encoded as %q", wire)
	}
	if _, ok := charset.Named("UTF-16"); ok {
		t.Error("UTF-16 would break the protocol")
	}
	if set, ok := charset.Named("utf-8"); !ok || set != nil {
		t.Errorf("UTF-8 is %v, %v", set, ok)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("\x95\x5c")
	f.Add("\x81\x30\x81\x30")
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range charset.Names()[1:] {
			set, _ := charset.Named(name)
			if got, err := set.Decode(text); err == nil {
				if back, err := set.Encode(got); err != nil || back != text {
					t.Errorf("%s: %q, %q, %q, %v", name, text, got, back, err)
				}
			}
			if wire, err := set.Encode(text); err == nil {
				if back, err := set.Decode(wire); err != nil || back != text {
					t.Errorf("%s: %q, %q, %q, %v", name, text, wire, back, err)
				}
			}
		}
	})
}
