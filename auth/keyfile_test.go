package auth_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/quaymaster/quaymaster/auth"
)

func TestKeyFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys")
	first, second := ed25519Blob(t), ed25519Blob(t)
	var log bytes.Buffer
	s := &auth.Static{Hasher: cheap(), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Users: map[string]*auth.User{"u": {AuthorizedKeysFile: name, Home: home(t)}}}
	request := func(blob []byte) *auth.Request { return &auth.Request{User: "u", Cred: proven(blob)} }
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	deny(t, s, request(first)) // no file yet
	write(line("", first))
	let(t, s, request(first))
	deny(t, s, request(second))
	// Same size, and the same time by a coarse clock.
	write(line("", second))
	deny(t, s, request(first))
	let(t, s, request(second))
	// A file that has been left alone is kept.
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(name, old, old); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		let(t, s, request(second))
	}
	write(line("", first) + line("become-root", second))
	let(t, s, request(first))
	deny(t, s, request(second))
	if !strings.Contains(log.String(), "line 2") {
		t.Errorf("the bad line is not logged: %s", &log)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	deny(t, s, request(first))
}

// TestUnsafeKeyFile: a file that others may write is refused, also when it
// becomes so later, and that is no "denied".
func TestUnsafeKeyFile(t *testing.T) {
	blob := ed25519Blob(t)
	dir := t.TempDir()
	name := filepath.Join(dir, "keys")
	if err := os.WriteFile(name, []byte(line("", blob)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &auth.Static{Logger: slog.New(slog.DiscardHandler), Users: map[string]*auth.User{
		"u": {AuthorizedKeysFile: name, Home: home(t)},
		"d": {AuthorizedKeysFile: dir, Home: home(t)},
	}}
	unsure := func(user string) {
		t.Helper()
		id, err := s.Authenticate(context.Background(), &auth.Request{User: user, Cred: proven(blob)})
		if id != nil || err == nil || errors.Is(err, auth.ErrDenied) {
			t.Errorf("%s: %v", user, err)
		}
	}
	unsure("d")
	let(t, s, &auth.Request{User: "u", Cred: proven(blob)})
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no mode bits to look at")
	}
	for _, mode := range []os.FileMode{0o620, 0o602, 0o666} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		unsure("u")
	}
	if err := os.Chmod(name, 0o644); err != nil {
		t.Fatal(err)
	}
	let(t, s, &auth.Request{User: "u", Cred: proven(blob)})
}
