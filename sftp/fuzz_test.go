package sftp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// conversation is what a client may send after INIT: one of each request.
func conversation() [][]byte {
	h := str("\x00\x00\x00\x00\x00\x00\x00\x01")
	perm := append(u32(4), u32(0o644)...)
	ext := func(name string, parts ...[]byte) []byte {
		return packet(200, append([][]byte{u32(9), str(name)}, parts...)...)
	}
	return [][]byte{
		packet(3, u32(1), str("/f"), u32(rd|wr|creat|trunc), perm),
		packet(6, u32(2), h, u64(0), str("some data")),
		packet(5, u32(3), h, u64(2), u32(100)),
		packet(8, u32(4), h),
		packet(10, u32(5), h, u32(1), u64(3)),
		packet(10, u32(5), h, append(u32(0x8000000f), bytes.Repeat([]byte{0}, 40)...)),
		packet(4, u32(6), h),
		packet(7, u32(7), str("/f")), packet(17, u32(8), str("f")), packet(16, u32(9), str("../x/./..")),
		packet(14, u32(10), str("d"), noAttrs()), packet(11, u32(11), str("/")),
		packet(12, u32(12), str("\x00\x00\x00\x00\x00\x00\x00\x02")),
		packet(18, u32(13), str("f"), str("d/g")), packet(20, u32(14), str("g"), str("d/l")),
		packet(19, u32(15), str("d/l")), packet(9, u32(16), str("d/g"), perm),
		packet(13, u32(17), str("d/g")), packet(15, u32(18), str("d")),
		ext("posix-rename@openssh.com", str("a"), str("b")), ext("statvfs@openssh.com", str(".")),
		ext("fstatvfs@openssh.com", h), ext("hardlink@openssh.com", str("f"), str("h")), ext("fsync@openssh.com", h),
		ext("lsetstat@openssh.com", str("f"), perm), ext("limits@openssh.com"), ext("expand-path@openssh.com", str("~/x")),
		ext("copy-data", h, u64(0), u64(0), h, u64(1)), ext("home-directory", str("u")),
		ext("users-groups-by-id@openssh.com", str("\x00\x00\x00\x01"), str("")), ext("space-available", str("/")),
		ext("check-file", h, str("md5,sha256"), u64(0), u64(0), u32(256)), ext("check-file-name", str("f"), str("crc32"), u64(0), u64(5), u32(0)),
		packet(1, u32(3)), packet(77, u32(20), str("x")),
	}
}

// FuzzServer lets a client send anything. The server must answer in whole
// packets, must not panic, and must end when the client is gone.
func FuzzServer(f *testing.F) {
	all := conversation()
	f.Add(bytes.Join(all, nil))
	for _, p := range all {
		f.Add(p)
	}
	f.Add(append(u32(1<<31-1), 3))
	f.Add([]byte(strings.Repeat("\x00", 64)))
	f.Fuzz(func(t *testing.T, data []byte) {
		ours, theirs := net.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		fsys := memfs.NewWith(memfs.Options{MaxBytes: 1 << 20})
		s := sshd.NewSession(ctx, theirs, &auth.Identity{User: "u", Home: auth.Home(fsys)}, &sshd.PipeOptions{Logger: quietLog()})
		ended := make(chan error, 1)
		go func() {
			err := (&sftp.Handler{MaxHandles: 8}).ServeSSH(ctx, s)
			s.Close(err)
			theirs.Close()
			ended <- err
		}()
		broken := make(chan error, 1)
		go func() { broken <- readReplies(ours) }()
		ours.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := ours.Write(append(packet(1, u32(3)), data...)); err != nil {
			require.ErrorIs(t, err, io.ErrClosedPipe, "the server may hang up, but not get stuck")
		}
		ours.Close() // requests that are still running see a client that is gone
		require.NoError(t, <-broken)
		select {
		case err := <-ended:
			if err != nil {
				require.NotContains(t, err.Error(), "panic")
			}
		case <-time.After(20 * time.Second):
			t.Fatal("the server does not end")
		}
	})
}

// readReplies reads packets until the end and checks their shape.
func readReplies(r io.Reader) error {
	for {
		var head [4]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil // the connection ended
		}
		n := binary.BigEndian.Uint32(head[:])
		if n < 5 || n > 256<<10 {
			return errors.New("reply of impossible length")
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(r, body); err != nil {
			return nil
		}
		switch body[0] {
		case 2, 101, 102, 103, 104, 105, 201:
		default:
			return errors.New("reply of unknown type")
		}
	}
}
