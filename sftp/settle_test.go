package sftp_test

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// pipeline is a client that does not wait for replies.
type pipeline struct {
	*rawClient
	early map[uint32][]byte // replies nobody has asked for yet
}

func newPipeline(t *testing.T, fsys vfs.FS) *pipeline {
	return &pipeline{initRaw(t, &sftp.Handler{}, fsys, nil), make(map[uint32][]byte)}
}

// post sends a request and returns its id.
func (p *pipeline) post(kind byte, parts ...[]byte) uint32 {
	p.t.Helper()
	p.id++
	p.send(packet(kind, append([][]byte{u32(p.id)}, parts...)...))
	return p.id
}

// ok returns what the reply to request id says, which must be of success.
func (p *pipeline) ok(id uint32) string {
	p.t.Helper()
	for p.early[id] == nil {
		reply := p.recv()
		p.early[binary.BigEndian.Uint32(reply[1:5])] = reply
	}
	reply := p.early[id]
	delete(p.early, id)
	if reply[0] == 101 {
		require.Zero(p.t, binary.BigEndian.Uint32(reply[5:]), "status: %q", reply[5:])
	}
	if len(reply) < 9 {
		return ""
	}
	return string(reply[9:]) // without the length of a string
}

// sshfs: the OPEN of a program that goes on overtakes the CLOSE of what it has
// closed.
func TestOpenWaitsForClose(t *testing.T) {
	for name, tt := range map[string]struct {
		flags  uint32
		write  string // what the second open writes at offset 3
		want   string // what it reads afterwards
		before string // what is published before
	}{
		"truncating":          {rd | wr | creat | trunc, "new", "\x00\x00\x00new", ""},
		"truncating, there":   {rd | wr | creat | trunc, "new", "\x00\x00\x00new", "much more than that"},
		"appending":           {rd | wr | creat | app, "new", "oldnew", ""},
		"appending, there":    {rd | wr | app, "new", "oldnew", "much more than that"},
		"in place":            {rd | wr, "", "old", ""},
		"reading":             {rd, "", "old", ""},
		"reading what is new": {rd, "", "old", "older"},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := memfs.New()
			if tt.before != "" {
				put(t, fsys, "f", tt.before)
			}
			p := newPipeline(t, fsys)
			first := str(p.open("f", wr|creat|trunc))
			p.ok(p.post(6, first, u64(0), str("old")))
			opened := p.post(3, str("f"), u32(tt.flags), noAttrs())
			attrs := p.ok(p.post(17, str("f")))
			assert.Equal(t, string(u64(3)), attrs[:8], "others go on, and see what was written")
			p.ok(p.post(4, first))
			second := str(p.ok(opened))
			if tt.write != "" {
				p.ok(p.post(6, second, u64(3), str(tt.write)))
			}
			assert.Equal(t, tt.want, p.ok(p.post(5, second, u64(0), u32(100))))
			p.ok(p.post(4, second))
			assert.Equal(t, tt.want, get(t, fsys, "f"))
		})
	}
}

// Any number may wait, and none of them keeps the CLOSE from running. Each
// gets the file when the one before is done with it.
func TestManyOpensWait(t *testing.T) {
	const count = 40
	fsys := memfs.New()
	p := newPipeline(t, fsys)
	h := str(p.open("f", wr|creat|trunc))
	var waiting []uint32
	for range count {
		waiting = append(waiting, p.post(3, str("f"), u32(wr|creat|trunc), noAttrs()))
	}
	for i, next := range waiting {
		p.ok(p.post(6, h, u64(0), str(fmt.Sprint(i))))
		p.ok(p.post(4, h))
		h = str(p.ok(next))
		if i < count-1 {
			continue
		}
		assert.Equal(t, fmt.Sprint(i), get(t, fsys, "f"))
		p.ok(p.post(4, h))
	}
	assert.Empty(t, get(t, fsys, "f"))
}

// Who does not close is waited for once, and for a second.
func TestOpenWaitsNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := memfs.New()
		put(t, fsys, "f", "old")
		c := initRaw(t, &sftp.Handler{}, fsys, nil)
		h := c.open("f", wr|creat|trunc)
		for _, want := range []time.Duration{time.Second, 0} {
			start := time.Now()
			code, text := c.status(3, str("f"), u32(wr|creat|trunc), noAttrs())
			assert.Equal(t, sftp.CodeFailure, code)
			assert.Contains(t, text, "another session")
			assert.Equal(t, want, time.Since(start))
		}
		start := time.Now()
		c.open("f", rd)
		assert.Zero(t, time.Since(start))
		code, _ := c.status(6, str(h), u64(0), str("new"))
		assert.Zero(t, code)
		code, _ = c.status(4, str(h))
		assert.Zero(t, code)
		assert.Equal(t, "new", get(t, fsys, "f"))
		c.open("f", wr|trunc)
	})
}

// More may wait than the server reads ahead. The CLOSE behind them is not read
// before they have given up, and then everything goes on.
func TestMoreOpensWaitThanThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const count = 300
		fsys := memfs.New()
		p := newPipeline(t, fsys)
		h := str(p.open("f", wr|creat|trunc))
		start := time.Now()
		sent := make(chan uint32)
		go func() {
			for range count {
				p.post(3, str("f"), u32(wr|creat|trunc), noAttrs())
			}
			sent <- p.post(4, h)
		}()
		refused, opened := 0, 0
		for range count + 1 {
			switch reply := p.recv(); {
			case reply[0] == 102:
				opened++
			case binary.BigEndian.Uint32(reply[5:]) != 0:
				refused++
			}
		}
		<-sent
		assert.Equal(t, time.Second, time.Since(start))
		assert.Equal(t, count, refused)
		assert.Zero(t, opened)
		p.open("f", wr)
	})
}

// Who writes from elsewhere is not waited for.
func TestOpenWaitsForOwnCloseOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := memfs.New()
		put(t, fsys, "f", "old")
		a := initRaw(t, &sftp.Handler{}, fsys, nil)
		b := initRaw(t, &sftp.Handler{}, fsys, nil)
		a.open("f", wr|creat|trunc)
		start := time.Now()
		code, text := b.status(3, str("f"), u32(wr|creat|trunc), noAttrs())
		assert.Equal(t, sftp.CodeFailure, code)
		assert.Contains(t, text, "another session")
		b.open("f", rd)
		assert.Zero(t, time.Since(start))
	})
}

// A client that leaves is not waited for either.
func TestLostClientWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := memfs.New()
		p := newPipeline(t, fsys)
		p.open("f", wr|creat|trunc)
		for range 3 {
			p.post(3, str("f"), u32(wr|creat|trunc), noAttrs())
		}
		synctest.Wait()
		start := time.Now()
		p.conn.Close()
		<-p.rawClient.done
		p.rawClient.done <- nil
		assert.Zero(t, time.Since(start))
		_, err := fsys.Stat(t.Context(), "f")
		assert.ErrorIs(t, err, fs.ErrNotExist)
	})
}
