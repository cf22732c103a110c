package scp_test

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/scp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/vfstest"
)

// faultyClose is fsys whose files fail when they are closed.
func faultyClose(fsys vfs.FS, err error) vfs.FS {
	return vfstest.Faulty(fsys, func(c vfstest.Call) error {
		if c.Op == "close" {
			return err
		}
		return nil
	})
}

// Each single fault of the file system, and each crash of it: what the sink
// acknowledges is there, and what was there before is never damaged.
func TestSinkEveryFault(t *testing.T) {
	long := strings.Repeat("0123456789", 60<<10)
	var acked bool
	newFS := func(t *testing.T) vfs.FS { return tree(t, map[string]string{"old": "old"}) }
	scenario := func(ctx context.Context, fsys vfs.FS) error {
		acked = false
		ours, theirs := net.Pipe()
		ours.SetDeadline(time.Now().Add(20 * time.Second))
		opts := &sshd.PipeOptions{Command: "scp -r -p -t .", Logger: slog.New(slog.DiscardHandler)}
		s := sshd.NewSession(ctx, theirs, &auth.Identity{User: "u", Home: auth.Home(fsys)}, opts)
		done := make(chan error, 1)
		go func() {
			err := (&scp.Handler{}).ServeSSH(ctx, s)
			s.Close(err)
			theirs.Close()
			done <- err
		}()
		acked = upload(ours, "T1 0 2 0\n", "C0640 "+strconv.Itoa(len(long))+" old\n", long+"\x00",
			"D0755 0 d\n", "C0644 3 f\n", "abc\x00", "E\n")
		ours.Close()
		return <-done
	}
	vfstest.EveryFault(t, newFS, scenario, func(t *testing.T, fsys vfs.FS, err error) {
		assert.Equal(t, acked, err == nil, "all replies were good: %v, but the end was: %v", acked, err)
		got := get(t, fsys, "old")
		assert.True(t, got == "old" || got == long, "the file holds %d bytes", len(got))
		if err == nil {
			assert.True(t, got == long)
			assert.Equal(t, "abc", get(t, fsys, "d/f"))
		}
	})
}

// upload sends one record after the other as long as the replies are good.
func upload(conn net.Conn, records ...string) bool {
	reply := make([]byte, 1)
	for _, r := range append(records, "") {
		if _, err := conn.Read(reply); err != nil || reply[0] != 0 {
			return false
		}
		if r == "" {
			break
		}
		if _, err := conn.Write([]byte(r)); err != nil {
			return false
		}
	}
	return true
}
