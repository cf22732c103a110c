package sftp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

func put(t *testing.T, fsys vfs.FS, name, content string) {
	t.Helper()
	f, err := vfs.CreateAtomic(t.Context(), fsys, name, 0o644)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte(content), 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func get(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	f, err := fsys.OpenFile(t.Context(), name, os.O_RDONLY, 0)
	require.NoError(t, err)
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
	require.NoError(t, err)
	return string(data)
}

func TestInit(t *testing.T) {
	c := newRaw(t, &sftp.Handler{}, memfs.New(), nil)
	for range 2 { // some clients send it twice
		c.send(packet(1, u32(6), str("newline"), str("\n")))
		reply := c.recv()
		assert.Equal(t, append([]byte{2}, u32(3)...), reply[:5], "VERSION 3")
		for _, ext := range []string{
			"posix-rename@openssh.com", "statvfs@openssh.com", "fstatvfs@openssh.com", "hardlink@openssh.com",
			"fsync@openssh.com", "lsetstat@openssh.com", "limits@openssh.com", "expand-path@openssh.com",
			"copy-data", "home-directory", "users-groups-by-id@openssh.com", "space-available", "check-file",
		} {
			assert.Contains(t, string(reply), string(str(ext)))
		}
		assert.Contains(t, string(reply), string(str("statvfs@openssh.com"))+string(str("2")))
	}
}

func TestRequestBeforeInit(t *testing.T) {
	c := newRaw(t, &sftp.Handler{}, memfs.New(), nil)
	c.send(packet(17, u32(1), str("/")))
	assert.ErrorContains(t, <-c.done, "before INIT")
	c.done <- nil
}

func TestUnknownRequests(t *testing.T) {
	c := initRaw(t, &sftp.Handler{}, memfs.New(), nil)
	code, _ := c.status(99)
	assert.Equal(t, sftp.CodeOpUnsupported, code)
	code, _ = c.status(200, str("nonsense@example.org"), str("x"))
	assert.Equal(t, sftp.CodeOpUnsupported, code)
	code, _ = c.status(200) // no name at all
	assert.Equal(t, sftp.CodeBadMessage, code)
	typ, _ := c.ask(17, str("/"))
	assert.Equal(t, byte(105), typ, "the session goes on")
}

// An over-long packet is answered before anything of its size is allocated.
func TestOverlongPacket(t *testing.T) {
	c := initRaw(t, &sftp.Handler{}, memfs.New(), nil)
	c.send(append(u32(1<<31), packet(6, u32(77))[4:]...))
	reply := c.recv()
	assert.Equal(t, append([]byte{101}, u32(77)...), reply[:5])
	assert.Contains(t, string(reply), "too long")
	assert.ErrorContains(t, <-c.done, "packet of 2147483648 bytes")
	c.done <- nil
}

func TestTruncatedRequests(t *testing.T) {
	fsys := memfs.New()
	put(t, fsys, "f", "x")
	c := initRaw(t, &sftp.Handler{}, fsys, nil)
	for kind := byte(3); kind <= 20; kind++ {
		code, _ := c.status(kind, []byte{0, 0})
		assert.Equal(t, sftp.CodeBadMessage, code, "request %d", kind)
	}
	code, _ := c.status(3, str("f"), u32(rd), u32(0x80000000), u32(1<<31))
	assert.Equal(t, sftp.CodeBadMessage, code, "count of extended attributes")
}

func TestOpenFlags(t *testing.T) {
	tests := []struct {
		flags  uint32
		exists bool
		want   sftp.Code
		after  string // content, "-" for none
	}{
		{rd, true, 0, "old"},
		{rd, false, sftp.CodeNoSuchFile, "-"},
		{0, true, 0, "old"},
		{wr, true, 0, "old"},
		{wr, false, sftp.CodeNoSuchFile, "-"},
		{wr | creat, false, 0, ""},
		{wr | creat, true, 0, "old"},
		{wr | creat | trunc, true, 0, ""},
		{wr | trunc, true, 0, ""},
		{wr | trunc, false, sftp.CodeNoSuchFile, "-"},
		{wr | creat | excl, true, sftp.CodeFailure, "old"},
		{wr | creat | excl, false, 0, ""},
		{wr | excl, true, 0, "old"}, // means nothing without CREAT
		{rd | wr | creat | trunc, true, 0, ""},
		{rd | trunc, true, sftp.CodeBadMessage, "old"},
		{rd | app, true, sftp.CodeBadMessage, "old"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%#x,%v", tt.flags, tt.exists), func(t *testing.T) {
			fsys := memfs.New()
			if tt.exists {
				put(t, fsys, "f", "old")
			}
			c := initRaw(t, &sftp.Handler{}, fsys, nil)
			if tt.want == 0 {
				h := c.open("f", tt.flags)
				code, text := c.status(4, str(h))
				require.Zero(t, code, text)
			} else {
				code, _ := c.status(3, str("f"), u32(tt.flags), noAttrs())
				require.Equal(t, tt.want, code)
			}
			if _, err := fsys.Stat(t.Context(), "f"); tt.after == "-" {
				require.ErrorIs(t, err, fs.ErrNotExist)
			} else {
				require.Equal(t, tt.after, get(t, fsys, "f"))
			}
		})
	}
}

func TestReadWrite(t *testing.T) {
	fsys := memfs.New()
	c := initRaw(t, &sftp.Handler{}, fsys, nil)
	h := c.open("f", rd|wr|creat|trunc)
	code, _ := c.status(6, str(h), u64(0), str("hello"))
	require.Zero(t, code)
	typ, body := c.ask(5, str(h), u64(1), u32(100))
	require.Equal(t, byte(103), typ)
	assert.Equal(t, str("ello"), body, "short at the end")
	code, _ = c.status(5, str(h), u64(5), u32(10))
	assert.Equal(t, sftp.CodeEOF, code)
	code, _ = c.status(5, str(h), u64(0), u32(0))
	assert.Equal(t, sftp.CodeEOF, code, "never an empty DATA")
	code, _ = c.status(5, str(h), u64(1<<63), u32(1))
	assert.Equal(t, sftp.CodeBadMessage, code, "offset over 63 bits")
	code, _ = c.status(6, str(h), u64(1<<63), str("x"))
	assert.Equal(t, sftp.CodeBadMessage, code)
	code, _ = c.status(4, str(h))
	require.Zero(t, code)
	assert.Equal(t, "hello", get(t, fsys, "f"))
}

// APPEND ignores the offset.
func TestAppend(t *testing.T) {
	fsys := memfs.New()
	put(t, fsys, "f", "one,")
	c := initRaw(t, &sftp.Handler{}, fsys, nil)
	h := c.open("f", wr|app)
	c.status(6, str(h), u64(0), str("two,"))
	c.status(6, str(h), u64(0), str("three"))
	code, _ := c.status(4, str(h))
	require.Zero(t, code)
	assert.Equal(t, "one,two,three", get(t, fsys, "f"))
}

func TestHandles(t *testing.T) {
	fsys := memfs.New()
	put(t, fsys, "f", "keep")
	require.NoError(t, fsys.Mkdir(t.Context(), "d", 0o755))
	c := initRaw(t, &sftp.Handler{MaxHandles: 2}, fsys, nil)
	h := c.open("f", rd)
	code, _ := c.status(4, str(h))
	require.Zero(t, code)
	for name, parts := range map[string][][]byte{
		"double close": {str(h)},
		"empty":        {str("")},
		"forged":       {str("\x00\x00\x00\x00\x00\x00\x00\x09")},
		"long":         {str(strings.Repeat("h", 300))},
	} {
		code, _ := c.status(4, parts...)
		assert.Equal(t, sftp.CodeFailure, code, name)
	}
	code, _ = c.status(5, str(h), u64(0), u32(1))
	assert.Equal(t, sftp.CodeFailure, code, "use after close")

	_, body := c.ask(11, str("d"))
	dir := string(body[4:])
	code, _ = c.status(5, str(dir), u64(0), u32(1))
	assert.Equal(t, sftp.CodeFailure, code, "read of a directory")
	file := c.open("f", rd)
	code, _ = c.status(12, str(file))
	assert.Equal(t, sftp.CodeFailure, code, "readdir of a file")

	code, text := c.status(3, str("f"), u32(wr|trunc), noAttrs())
	assert.Equal(t, sftp.CodeFailure, code)
	assert.Contains(t, text, "Too many")
	assert.Equal(t, "keep", get(t, fsys, "f"), "a refused open has no effect")
}

func TestStatusTable(t *testing.T) {
	tests := []struct {
		err  error
		want sftp.Code
	}{
		{fs.ErrNotExist, sftp.CodeNoSuchFile},
		{fs.ErrPermission, sftp.CodePermissionDenied},
		{fs.ErrExist, sftp.CodeFailure},
		{fs.ErrInvalid, sftp.CodeBadMessage},
		{fs.ErrClosed, sftp.CodeFailure},
		{vfs.ErrNotEmpty, sftp.CodeFailure},
		{vfs.ErrIsDir, sftp.CodeFailure},
		{vfs.ErrNotDir, sftp.CodeNoSuchFile},
		{vfs.ErrNotRegular, sftp.CodeFailure},
		{vfs.ErrNoSpace, sftp.CodeFailure},
		{vfs.ErrQuota, sftp.CodeFailure},
		{vfs.ErrLocked, sftp.CodeFailure},
		{vfs.ErrCrossDevice, sftp.CodeFailure},
		{vfs.ErrReadOnly, sftp.CodePermissionDenied},
		{vfs.ErrNameTooLong, sftp.CodeBadMessage},
		{vfs.ErrLoop, sftp.CodeNoSuchFile},
		{vfs.ErrEscape, sftp.CodePermissionDenied},
		{errors.ErrUnsupported, sftp.CodeOpUnsupported},
		{&sftp.StatusError{Code: sftp.CodeConnectionLost, Message: "own words"}, sftp.CodeConnectionLost},
		{errors.New("secret: /srv/host/path"), sftp.CodeFailure},
	}
	for _, tt := range tests {
		fsys := &vfs.Forward{
			Route: func(ctx context.Context, op *vfs.Op) (vfs.Route, error) { return vfs.Route{}, tt.err },
			Have:  func() vfs.Features { return vfs.Features{} },
		}
		c := initRaw(t, &sftp.Handler{}, fsys, nil)
		code, text := c.status(13, str("f"))
		assert.Equal(t, tt.want, code, "%v", tt.err)
		assert.NotContains(t, text, "secret")
		assert.NotEmpty(t, text)
	}
}

// A request that ends with its session is no error of the server's.
func TestSessionEndIsNoError(t *testing.T) {
	for _, end := range []error{quaymaster.ErrConnLost, quaymaster.ErrIdle, quaymaster.ErrKicked, quaymaster.ErrLifetime, quaymaster.ErrServerClosed, context.Canceled} {
		fsys := &vfs.Forward{
			Route: func(ctx context.Context, op *vfs.Op) (vfs.Route, error) { return vfs.Route{}, end },
			Have:  func() vfs.Features { return vfs.Features{} },
		}
		var log bytes.Buffer
		c := initRaw(t, &sftp.Handler{}, fsys, &sshd.PipeOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		code, _ := c.status(13, str("f"))
		assert.Equal(t, sftp.CodeFailure, code, "%v", end)
		assert.Empty(t, log.String(), "%v", end)
	}
}

func TestRenameModes(t *testing.T) {
	fsys := memfs.New()
	put(t, fsys, "a", "A")
	put(t, fsys, "b", "B")
	c := initRaw(t, &sftp.Handler{}, fsys, nil)
	code, _ := c.status(18, str("a"), str("b"))
	assert.Equal(t, sftp.CodeFailure, code, "version 3 rename does not replace")
	assert.Equal(t, "B", get(t, fsys, "b"))
	code, _ = c.status(200, str("posix-rename@openssh.com"), str("a"), str("b"))
	assert.Zero(t, code)
	assert.Equal(t, "A", get(t, fsys, "b"))
}

// Clients order the arguments of SYMLINK in two ways.
func TestSymlinkOrder(t *testing.T) {
	tests := []struct {
		client        string
		first, second string
	}{
		{"SSH-2.0-OpenSSH_9.2p1", "target", "link"},
		{"SSH-2.0-paramiko_3.4", "target", "link"},
		{"SSH-2.0-Go", "target", "link"},
		{"SSH-2.0-JSCH_0.2.9", "target", "link"},
		{"SSH-2.0-libssh2_1.11", "target", "link"},
		{"SSH-2.0-WinSCP_release_6.3", "link", "target"},
		{"SSH-2.0-AsyncSSH_2.10", "link", "target"},
		{"SSH-2.0-ssh2js1.15", "link", "target"},
		{"SSH-2.0-SSHJ_0.38", "link", "target"},
		{"SSH-2.0-Unheard_1", "target", "link"}, // told apart by which exists
		{"SSH-2.0-Unheard_1", "link", "target"},
	}
	for _, tt := range tests {
		t.Run(tt.client+" "+tt.first, func(t *testing.T) {
			fsys := memfs.New()
			put(t, fsys, "target", "x")
			c := initRaw(t, &sftp.Handler{}, fsys, asClient(tt.client))
			code, text := c.status(20, str(tt.first), str(tt.second))
			require.Zero(t, code, text)
			got, err := vfs.Readlink(t.Context(), fsys, "link")
			require.NoError(t, err)
			assert.Equal(t, "target", got)
		})
	}
}

func TestSymlinkEscape(t *testing.T) {
	fsys := memfs.New()
	c := initRaw(t, &sftp.Handler{}, fsys, asClient("SSH-2.0-OpenSSH_9.2p1"))
	code, _ := c.status(20, str("../../etc/passwd"), str("link"))
	assert.Equal(t, sftp.CodePermissionDenied, code)
	code, _ = c.status(20, str("/a/b"), str("link")) // absolute: from the root
	assert.Zero(t, code)
	got, err := vfs.Readlink(t.Context(), fsys, "link")
	require.NoError(t, err)
	assert.Equal(t, "a/b", got)
}

func TestPathsAreRefused(t *testing.T) {
	fsys := memfs.New()
	c := initRaw(t, &sftp.Handler{}, fsys, nil)
	for name, want := range map[string]sftp.Code{
		"nul\x00": sftp.CodeBadMessage, "new\nline": sftp.CodeBadMessage, "cr\r": sftp.CodeBadMessage,
		"bad\xff": sftp.CodeBadMessage, strings.Repeat("x/", 3000): sftp.CodeBadMessage,
		".quaymaster~1": sftp.CodePermissionDenied, "d/.QUAYMASTER~x/y": sftp.CodePermissionDenied,
	} {
		for _, kind := range []byte{14, 13, 15, 17, 7, 11, 16} {
			parts := [][]byte{str(name)}
			if kind == 14 {
				parts = append(parts, noAttrs())
			}
			code, _ := c.status(kind, parts...)
			assert.Equal(t, want, code, "%d %q", kind, name)
		}
	}
	_, body := c.ask(16, str("../../.././x/../y"))
	assert.Contains(t, string(body), string(str("/y")))
}

func TestReaddir(t *testing.T) {
	fsys := memfs.New()
	for i := range 250 {
		put(t, fsys, fmt.Sprintf("file%03d", i), "x")
	}
	c := initRaw(t, &sftp.Handler{}, fsys, nil)
	_, body := c.ask(11, str(""))
	h := string(body[4:])
	seen := map[string]int{}
	for {
		typ, body := c.ask(12, str(h))
		if typ == 101 {
			break
		}
		require.Less(t, len(body), 32<<10)
		for i := range 250 {
			seen[fmt.Sprint(i)] += bytes.Count(body, str(fmt.Sprintf("file%03d", i)))
		}
		seen["."] += bytes.Count(body, str("."))
		seen[".."] += bytes.Count(body, str(".."))
	}
	for name, n := range seen {
		assert.Equal(t, 1, n, name)
	}
	assert.Len(t, seen, 252)
	code, _ := c.status(12, str(h))
	assert.Equal(t, sftp.CodeEOF, code, "and again")
}

func TestDenyAllow(t *testing.T) {
	fsys := memfs.New()
	c := initRaw(t, &sftp.Handler{Deny: []string{"mkdir", "posix-rename"}}, fsys, nil)
	code, text := c.status(14, str("d"), noAttrs())
	assert.Equal(t, sftp.CodePermissionDenied, code, text)
	code, _ = c.status(200, str("posix-rename@openssh.com"), str("a"), str("b"))
	assert.Equal(t, sftp.CodePermissionDenied, code)
	c = initRaw(t, &sftp.Handler{Allow: []string{"stat"}}, fsys, nil)
	code, _ = c.status(7, str("/"))
	assert.Equal(t, sftp.CodePermissionDenied, code)
	typ, _ := c.ask(17, str("/"))
	assert.Equal(t, byte(105), typ)
}

// What a client leaves open is not published, and an unfinished upload of a
// new file can be resumed by its owner.
func TestLostClient(t *testing.T) {
	fsys := memfs.New()
	put(t, fsys, "old", "old")
	h := &sftp.Handler{}
	c := initRaw(t, h, fsys, nil)
	for _, name := range []string{"old", "new"} {
		file := c.open(name, wr|creat|trunc)
		code, _ := c.status(6, str(file), u64(0), str("half"))
		require.Zero(t, code)
	}
	c.conn.Close()
	<-c.done
	c.done <- nil
	assert.Equal(t, "old", get(t, fsys, "old"))
	_, err := fsys.Stat(t.Context(), "new")
	assert.ErrorIs(t, err, fs.ErrNotExist)

	c = initRaw(t, h, fsys, nil)
	typ, body := c.ask(17, str("new"))
	require.Equal(t, byte(105), typ, "its owner sees it")
	assert.Equal(t, u64(4), body[4:12], "with its size")
	file := c.open("new", wr|creat|app)
	c.status(6, str(file), u64(4), str(" and half"))
	code, _ := c.status(4, str(file))
	require.Zero(t, code)
	assert.Equal(t, "half and half", get(t, fsys, "new"))
}

func TestSecondWriter(t *testing.T) {
	fsys := memfs.New()
	a := initRaw(t, &sftp.Handler{}, fsys, nil)
	b := initRaw(t, &sftp.Handler{}, fsys, nil)
	h := a.open("f", wr|creat|trunc)
	code, text := b.status(3, str("f"), u32(wr|creat|trunc), noAttrs())
	assert.Equal(t, sftp.CodeFailure, code)
	assert.Contains(t, text, "another session")
	a.status(4, str(h))
	b.open("f", wr|creat|trunc)
}

// A write that failed keeps the file from being published.
func TestFullDisk(t *testing.T) {
	fsys := memfs.NewWith(memfs.Options{MaxBytes: 1 << 20})
	put(t, fsys, "f", "old")
	c := initRaw(t, &sftp.Handler{}, fsys, nil)
	h := c.open("f", wr|creat|trunc)
	var failed bool
	for i := range 64 {
		code, text := c.status(6, str(h), u64(uint64(i)*32768), str(strings.Repeat("x", 32768)))
		if code != 0 {
			assert.Equal(t, sftp.CodeFailure, code)
			assert.Contains(t, text, "space")
			failed = true
			break
		}
	}
	require.True(t, failed)
	code, text := c.status(4, str(h))
	assert.Equal(t, sftp.CodeFailure, code, "CLOSE tells it again")
	assert.Contains(t, text, "space")
	assert.Equal(t, "old", get(t, fsys, "f"))
	put(t, fsys, "g", "room again")
}

func TestPanicEndsOnlyTheSession(t *testing.T) {
	fsys := &vfs.Forward{
		Route: func(ctx context.Context, op *vfs.Op) (vfs.Route, error) { panic("boom") },
		Have:  func() vfs.Features { return vfs.Features{} },
	}
	c := initRaw(t, &sftp.Handler{}, fsys, nil)
	code, _ := c.status(17, str("f"))
	assert.Equal(t, sftp.CodeFailure, code)
	select {
	case err := <-c.done:
		assert.ErrorContains(t, err, "boom")
		c.done <- nil
	case <-time.After(10 * time.Second):
		t.Fatal("the session goes on")
	}
}
