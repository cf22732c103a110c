package auth_test

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/vfs"
)

func TestCheckUser(t *testing.T) {
	for _, name := range []string{"ann", "Ann Müller", "ann@example.org", `DOM\ann`, "日本", "..", "a/b", strings.Repeat("a", 255)} {
		if err := auth.CheckUser(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "a\x00", "a\n", "\x7f", "\u0085", "\u200b", "\u202e", "\u2028", "\ufeff", "\xff", strings.Repeat("a", 256)} {
		if err := auth.CheckUser(name); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestRemote(t *testing.T) {
	var none *net.TCPAddr
	for want, addr := range map[string]net.Addr{
		"192.0.2.1":   &net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1"), Port: 22},
		"fe80::1":     &net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 22, Zone: "eth0"},
		"invalid IP":  &net.UnixAddr{Name: "/run/x", Net: "unix"},
		"invalid IP ": none,
	} {
		r := &auth.Request{Conn: &quaymaster.Conn{Remote: addr}}
		if got := r.Remote().String(); got != strings.TrimSpace(want) {
			t.Errorf("%v: %s", addr, got)
		}
	}
	if (&auth.Request{}).Remote().IsValid() || (&auth.Request{Conn: &quaymaster.Conn{}}).Remote().IsValid() {
		t.Error("an address out of nothing")
	}
}

func TestOffersDefault(t *testing.T) {
	if got := auth.Offers(auth.Func(nil)); len(got) != 5 {
		t.Errorf("Offers = %v", got)
	}
	got := auth.Offers(auth.Chain(auth.Anonymous{Home: home(t)}, auth.Func(nil)))
	if len(got) != 5 || got[0] != password || !slices.Contains(got, key) {
		t.Errorf("Offers = %v", got)
	}
	r := &auth.Request{Passed: []auth.Credential{auth.Token("t")}}
	if !r.HasPassed(auth.MethodToken) || r.HasPassed(key) {
		t.Error("HasPassed")
	}
}

// TestHomeIsShared: the end of one session must not close the others' files.
func TestHomeIsShared(t *testing.T) {
	inner, err := home(t)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := &closingFS{FS: inner}
	fsys, err := auth.Home(c)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if closer, ok := fsys.(io.Closer); ok {
		closer.Close()
	}
	if _, err := fsys.Stat(t.Context(), "inbox"); err != nil || c.closed {
		t.Errorf("stat: %v, closed %v", err, c.closed)
	}
}

type closingFS struct {
	vfs.FS
	closed bool
}

func (c *closingFS) Close() error { c.closed = true; return nil }
