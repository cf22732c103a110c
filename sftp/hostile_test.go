package sftp_test

import (
	"context"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// wolfSSH pull request 1135: opens beyond the limit are refused before they
// have an effect, however many there are, and the session goes on.
func TestHandleExhaustion(t *testing.T) {
	fsys := memfs.New()
	put(t, fsys, "f", "keep")
	c := initRaw(t, &sftp.Handler{}, fsys, nil)
	var handles []string
	for range 10_000 {
		typ, body := c.ask(3, str("f"), u32(rd), noAttrs())
		if typ == 102 {
			handles = append(handles, string(body[4:]))
			continue
		}
		require.Equal(t, byte(101), typ)
		require.Equal(t, u32(uint32(sftp.CodeFailure)), body[:4])
	}
	assert.Len(t, handles, 256)
	for name, flags := range map[string]uint32{"f": wr | creat | trunc, "new": wr | creat} {
		code, _ := c.status(3, str(name), u32(flags), noAttrs())
		assert.Equal(t, sftp.CodeFailure, code, name)
	}
	code, _ := c.status(11, str("."))
	assert.Equal(t, sftp.CodeFailure, code, "directories count, too")
	assert.Equal(t, "keep", get(t, fsys, "f"))
	_, err := fsys.Stat(t.Context(), "new")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	code, _ = c.status(4, str(handles[0]))
	assert.Zero(t, code)
	c.open("f", rd)
}

// ProFTPD issue 2180: what may not change attributes may not by any of the
// requests that do.
func TestSetAttrByAnyRequest(t *testing.T) {
	inner := memfs.New()
	put(t, inner, "f", "0123456789")
	before, err := inner.Stat(t.Context(), "f")
	require.NoError(t, err)
	guarded := vfs.Guard(inner, func(_ context.Context, op *vfs.Op) error {
		if op.Kind == vfs.OpSetAttr {
			return fs.ErrPermission
		}
		return nil
	})
	attrs := map[string][]byte{
		"size": append(u32(1), u64(1)...), "owner": append(u32(2), u64(0)...), "mode": append(u32(4), u32(0o777)...),
		"times": append(u32(8), u64(0)...), "all": append(append(append(append(u32(15), u64(1)...), u64(0)...), u32(0o777)...), u64(0)...),
	}
	for _, readOnly := range []uint32{rd, rd | wr} {
		c := initRaw(t, &sftp.Handler{}, guarded, nil)
		h := c.open("f", readOnly)
		for name, a := range attrs {
			code, _ := c.status(9, str("f"), a)
			assert.Equal(t, sftp.CodePermissionDenied, code, "SETSTAT %s", name)
			code, _ = c.status(200, str("lsetstat@openssh.com"), str("f"), a)
			assert.Equal(t, sftp.CodePermissionDenied, code, "lsetstat %s", name)
			code, _ = c.status(10, str(h), a)
			// A file that is being written may be cut by who writes it.
			if name != "size" || readOnly == rd {
				assert.Equal(t, sftp.CodePermissionDenied, code, "FSETSTAT %s", name)
			}
		}
	}
	after, err := inner.Stat(t.Context(), "f")
	require.NoError(t, err)
	assert.Equal(t, before.Mode(), after.Mode())
	assert.WithinDuration(t, before.ModTime(), after.ModTime(), time.Minute, "not 1970")
	c := initRaw(t, &sftp.Handler{Deny: []string{"setstat", "fsetstat", "lsetstat"}}, inner, nil)
	for _, request := range [][][]byte{{str("f"), attrs["size"]}, {str("f"), attrs["mode"]}} {
		code, _ := c.status(9, request...)
		assert.Equal(t, sftp.CodePermissionDenied, code)
		code, _ = c.status(200, append([][]byte{str("lsetstat@openssh.com")}, request...)...)
		assert.NotZero(t, code)
	}
}
