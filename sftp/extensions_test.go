package sftp_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

func TestExtensions(t *testing.T) {
	fsys := memfs.New()
	put(t, fsys, "f", "0123456789")
	c := initRaw(t, &sftp.Handler{}, fsys, nil)
	ext := func(name string, parts ...[]byte) (byte, []byte) {
		return c.ask(200, append([][]byte{str(name)}, parts...)...)
	}
	typ, body := ext("limits@openssh.com")
	assert.Equal(t, byte(201), typ)
	assert.Equal(t, bytes.Join([][]byte{u64(262144), u64(261120), u64(261120), u64(256)}, nil), body)

	typ, body = ext("expand-path@openssh.com", str("~/a/../b"))
	assert.Equal(t, byte(104), typ)
	assert.Contains(t, string(body), string(str("/b")))
	typ, _ = ext("expand-path@openssh.com", str("~root/x"))
	assert.Equal(t, byte(101), typ)
	typ, body = ext("home-directory", str("u"))
	assert.Equal(t, byte(104), typ)
	assert.Contains(t, string(body), string(str("/")))

	typ, body = ext("statvfs@openssh.com", str("/"))
	assert.Equal(t, byte(201), typ)
	assert.Len(t, body, 11*8)
	typ, body = ext("space-available", str("/"))
	assert.Equal(t, byte(201), typ)
	assert.Len(t, body, 4*8+4)

	src := c.open("f", rd)
	dst := c.open("copy", wr|creat|trunc)
	typ, body = ext("copy-data", str(src), u64(2), u64(0), str(dst), u64(1))
	assert.Equal(t, byte(101), typ)
	assert.Equal(t, u32(0), body[:4], "%q", body)
	typ, body = ext("copy-data", str(dst), u64(0), u64(0), str(dst), u64(0))
	assert.Equal(t, u32(4), body[:4], "onto itself: %d %q", typ, body)
	typ, body = ext("fsync@openssh.com", str(dst))
	assert.Equal(t, u32(0), body[:4], "%d %q", typ, body)
	c.status(4, str(dst))
	assert.Equal(t, "\x0023456789", get(t, fsys, "copy"))

	code, _ := c.status(200, str("hardlink@openssh.com"), str("f"), str("hard"))
	assert.Zero(t, code)
	a, err := fsys.Stat(t.Context(), "f")
	require.NoError(t, err)
	b, err := fsys.Stat(t.Context(), "hard")
	require.NoError(t, err)
	assert.True(t, vfs.SameFile(a, b))
	alias := c.open("hard", rd|wr)
	typ, body = ext("copy-data", str(src), u64(0), u64(0), str(alias), u64(5))
	assert.Equal(t, u32(4), body[:4], "one inode under two names: %d %q", typ, body)
}

// copied keeps the event of a copy.
type copied struct{ event *quaymaster.Event }

func (c *copied) Emit(_ context.Context, e *quaymaster.Event) {
	if e.Kind == quaymaster.KindCopy {
		kept := *e
		c.event = &kept
	}
}

func TestCopyIsTold(t *testing.T) {
	fsys, sink := memfs.New(), &copied{}
	put(t, fsys, "f", "0123456789")
	c := initRaw(t, &sftp.Handler{}, fsys, &sshd.PipeOptions{Sink: sink})
	src, dst := c.open("f", rd), c.open("copy", wr|creat|trunc)
	code, _ := c.status(200, str("copy-data"), str(src), u64(2), u64(5), str(dst), u64(0))
	require.Zero(t, code)
	c.status(4, str(dst)) // a reply after it: the event was emitted
	require.NotNil(t, sink.event)
	assert.Equal(t, "/f", sink.event.Path)
	assert.Equal(t, "/copy", sink.event.Target)
	assert.EqualValues(t, 5, sink.event.Bytes)
}

func TestCheckFile(t *testing.T) {
	fsys := memfs.New()
	put(t, fsys, "f", strings.Repeat("a", 600))
	c := initRaw(t, &sftp.Handler{}, fsys, nil)
	h := c.open("f", rd)
	for _, form := range [][]byte{append(str("check-file"), str(h)...), append(str("check-file-name"), str("f")...)} {
		typ, body := c.ask(200, form, str("nonsense,md5"), u64(0), u64(0), u32(256))
		require.Equal(t, byte(201), typ)
		want := append(str("check-file"), str("md5")...)
		require.Equal(t, want, body[:len(want)])
		assert.Len(t, body[len(want):], 3*16, "a hash for each block")
		assert.Equal(t, body[len(want):][:16], body[len(want):][16:32], "of equal blocks")
	}
	code, _ := c.status(200, str("check-file"), str(h), str("md5"), u64(0), u64(0), u32(1))
	assert.Equal(t, sftp.CodeBadMessage, code, "blocks too small")
	code, _ = c.status(200, str("check-file"), str(h), str("rot13"), u64(0), u64(0), u32(0))
	assert.Equal(t, sftp.CodeOpUnsupported, code)
	code, _ = c.status(200, str("check-file"), str(h), str("md5"), u64(601), u64(0), u32(0))
	assert.Equal(t, sftp.CodeBadMessage, code)
}
