package sftp_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// burst sends count requests at once and wants their answers in that order.
func (c *rawClient) burst(count int, request func(i int) []byte) {
	c.t.Helper()
	var all []byte
	first := c.id + 1
	for i := range count {
		all = append(all, request(i)...)
	}
	sent := make(chan error, 1)
	go func() {
		_, err := c.conn.Write(all)
		sent <- err
	}()
	for i := range count {
		require.Equal(c.t, first+uint32(i), binary.BigEndian.Uint32(c.recv()[1:5]), "answer %d", i)
	}
	require.NoError(c.t, <-sent)
}

func (c *rawClient) next(kind byte, parts ...[]byte) []byte {
	c.id++
	return packet(kind, append([][]byte{u32(c.id)}, parts...)...)
}

// paramiko writes ahead and then takes the answers in the order of its
// requests: it would wait for ever for one that came too early.
func TestParamikoPipelinedWrites(t *testing.T) {
	c := initRaw(t, &sftp.Handler{}, memfs.New(), asClient("SSH-2.0-paramiko_2.12.0"))
	kind, h := c.ask(3, str("f"), u32(0x1a), noAttrs())
	require.Equal(t, byte(102), kind)
	data := str(string(make([]byte, 1000)))
	for range 20 {
		c.burst(100, func(i int) []byte { return c.next(6, h, u64(uint64(i)*1000), data) })
	}
}

// Its listdir_iter asks for many pages ahead.
func TestParamikoPipelinedReaddir(t *testing.T) {
	fsys := memfs.New()
	for i := range 500 {
		require.NoError(t, fsys.Mkdir(t.Context(), fmt.Sprint(i), 0o755))
	}
	c := initRaw(t, &sftp.Handler{}, fsys, asClient("SSH-2.0-paramiko_2.12.0"))
	for range 20 {
		kind, h := c.ask(11, str("/"))
		require.Equal(t, byte(102), kind)
		c.burst(50, func(int) []byte { return c.next(12, h) })
		kind, _ = c.ask(4, h)
		assert.Equal(t, byte(101), kind)
	}
}
