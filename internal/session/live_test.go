package session_test

import (
	"context"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/internal/session"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// The uploading session sees and can dress the file before it is published.
func TestLiveUpload(t *testing.T) {
	fsys := memfs.New()
	s := open(t, fsys, nil)
	f := begin(t, s, "f", "abc")
	fi, err := s.Stat(t.Context(), "f")
	require.NoError(t, err)
	assert.EqualValues(t, 3, fi.Size())
	assert.Equal(t, "f", fi.Name())
	require.NoError(t, vfs.SetAttr(t.Context(), s.FS, "f", &vfs.Attr{Mask: vfs.AttrMode, Mode: 0o600}))
	_, err = fsys.Stat(t.Context(), "f")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, f.Close())
	fi, err = fsys.Stat(t.Context(), "f")
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), fi.Mode())
}

// To the session that overwrites a file it is what was written so far; others
// have the old one, with new attributes, but with its bytes.
func TestLiveOverwrite(t *testing.T) {
	for name, flag := range map[string]int{"truncated": upload, "in place": os.O_RDWR} {
		t.Run(name, func(t *testing.T) {
			fsys, ctx := memfs.New(), t.Context()
			put(t, fsys, "f", "the old one")
			s, other := open(t, fsys, nil), open(t, fsys, nil)
			f, err := s.OpenFile(ctx, "f", flag, 0o644)
			require.NoError(t, err)
			staged := flag == upload
			_, err = f.WriteAt([]byte("abcd"), 0)
			require.NoError(t, err)

			size := func(fsys vfs.FS) int64 {
				fi, err := fsys.Stat(ctx, "f")
				require.NoError(t, err)
				assert.Equal(t, "f", fi.Name())
				byLstat, err := vfs.Lstat(ctx, fsys, "f")
				require.NoError(t, err)
				assert.Equal(t, fi.Size(), byLstat.Size())
				return fi.Size()
			}
			if staged {
				assert.EqualValues(t, 4, size(s))
				assert.EqualValues(t, 11, size(other))
			} else {
				assert.EqualValues(t, 11, size(s))
			}
			old := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
			require.NoError(t, vfs.SetAttr(ctx, s.FS, "f", &vfs.Attr{Mask: vfs.AttrSize, Size: 3}))
			require.NoError(t, vfs.SetAttr(ctx, s.FS, "f", &vfs.Attr{Mask: vfs.AttrMode, Mode: 0o600}))
			require.NoError(t, vfs.LsetAttr(ctx, s.FS, "f", &vfs.Attr{Mask: vfs.AttrAtime | vfs.AttrMtime, Atime: old, Mtime: old}))
			assert.Equal(t, quaymaster.KindSetAttr, s.rec.last(t).Kind)
			if staged {
				assert.Equal(t, "the old one", get(t, fsys, "f"))
			}
			fi, err := other.Stat(ctx, "f")
			require.NoError(t, err)
			assert.Equal(t, fs.FileMode(0o600), fi.Mode(), "nobody may read it any more, published or not")
			require.NoError(t, f.Close())
			fi, err = fsys.Stat(ctx, "f")
			require.NoError(t, err)
			assert.Equal(t, fs.FileMode(0o600), fi.Mode())
			assert.True(t, old.Equal(fi.ModTime()))
			assert.Equal(t, "abc", get(t, fsys, "f"))
			assert.EqualValues(t, 3, size(s), "the published one")
		})
	}
}

// What is known about an upload is not said about the link that leads there,
// and not to whom policy keeps from looking.
func TestLiveOverwriteThroughLink(t *testing.T) {
	fsys, ctx := memfs.New(), t.Context()
	put(t, fsys, "f", "the old one")
	require.NoError(t, vfs.Symlink(ctx, fsys, "f", "l"))
	var denied error
	s := open(t, fsys, func(c *session.Config) {
		c.Identity.Permit = func(_ context.Context, op *vfs.Op) error {
			if op.Kind == vfs.OpStat || op.Kind == vfs.OpSetAttr {
				return denied
			}
			return nil
		}
	})
	f := begin(t, s, "l", "abcd")
	fi, err := s.Stat(ctx, "l")
	require.NoError(t, err)
	assert.EqualValues(t, 4, fi.Size())
	fi, err = vfs.Lstat(ctx, s.FS, "l")
	require.NoError(t, err)
	assert.Equal(t, fs.ModeSymlink, fi.Mode().Type())
	past := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	times := &vfs.Attr{Mask: vfs.AttrAtime | vfs.AttrMtime, Atime: past, Mtime: past}
	require.NoError(t, vfs.LsetAttr(ctx, s.FS, "l", times))
	fi, err = f.Stat()
	require.NoError(t, err)
	assert.False(t, past.Equal(fi.ModTime()))

	denied = fs.ErrPermission
	_, err = s.Stat(ctx, "l")
	assert.ErrorIs(t, err, fs.ErrPermission)
	for _, a := range []*vfs.Attr{times, {Mask: vfs.AttrSize, Size: 1}} {
		assert.ErrorIs(t, vfs.SetAttr(ctx, s.FS, "l", a), fs.ErrPermission)
	}
	denied = nil
	require.NoError(t, f.Close())
	assert.Equal(t, "abcd", get(t, fsys, "f"))
}
