package lsl

import (
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestLongName(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.Local)
	m := fstest.MapFS{
		"new": {Data: make([]byte, 1234), Mode: 0o640, ModTime: now.Add(-time.Hour)},
		"old": {Mode: fs.ModeDir | fs.ModeSetgid | 0o755, ModTime: now.AddDate(-2, 0, 0)},
	}
	line := func(name, shown string) string {
		fi, err := m.Stat(name)
		assert.NoError(t, err)
		return string(Append(nil, fi, shown, "alice", "staff", now))
	}
	assert.Equal(t, "-rw-r-----    1 alice    staff        1234 Jun  1 11:00 new", line("new", "new"))
	assert.Equal(t, "drwxr-sr-x    1 alice    staff           0 Jun  1  2024 a?b", line("old", "a\x1bb"))
}

func TestModeString(t *testing.T) {
	for mode, want := range map[fs.FileMode]string{
		fs.ModeSetuid | 0o711:               "-rws--x--x",
		fs.ModeSetuid | 0o600:               "-rwS------",
		fs.ModeDir | fs.ModeSticky | 0o1777: "drwxrwxrwt",
		fs.ModeSymlink | 0o777:              "lrwxrwxrwx",
		fs.ModeNamedPipe:                    "p---------",
	} {
		assert.Equal(t, want, string(appendMode(nil, mode)))
	}
}
