package batch

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever sizes are written and read, the bytes arrive whole and in order.
func TestBatchStream(t *testing.T) {
	near, far := net.Pipe()
	var lend Buffers
	b, peer := New(near, &lend), New(far, &lend)
	random := rand.New(rand.NewPCG(1, 2))
	want := make([]byte, 3<<20)
	for i := range want {
		want[i] = byte(random.Uint32())
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for rest := want; len(rest) > 0; {
			n := min(1+random.IntN(40000), len(rest))
			if n < 2*firstPart {
				n = min(firstPart, len(rest))
			}
			m, err := b.Write(rest[:n])
			assert.NoError(t, err)
			assert.Equal(t, n, m)
			rest = rest[n:]
		}
		assert.NoError(t, b.Close())
	})
	var got bytes.Buffer
	sizes := []int{4096, 4, 30000, 1, batchSize + 1, 7}
	for i := 0; ; i++ {
		p := make([]byte, sizes[i%len(sizes)])
		n, err := peer.Read(p)
		got.Write(p[:n])
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
	}
	wg.Wait()
	assert.True(t, bytes.Equal(want, got.Bytes()))
	assert.Nil(t, peer.in, "no buffer is held without data")
	assert.Nil(t, b.pending)
}

func TestBatchReplayAndSkip(t *testing.T) {
	near, far := net.Pipe()
	b := New(near, new(Buffers))
	b.Replay, b.Skip = []byte("seen before"), len("version\r\n")
	p := make([]byte, 5)
	n, err := b.Read(p)
	require.NoError(t, err)
	assert.Equal(t, "seen ", string(p[:n]))
	rest := make([]byte, 20)
	n, err = b.Read(rest)
	require.NoError(t, err)
	assert.Equal(t, "before", string(rest[:n]))
	go func() {
		for _, text := range []string{"ver", "sion\r\nthen", " this"} {
			b.Write([]byte(text)) // seen at the other end
		}
		b.Close()
	}()
	got, err := io.ReadAll(far)
	require.NoError(t, err)
	assert.Equal(t, "then this", string(got))
}

// brokenConn fails to write.
type brokenConn struct {
	net.Conn
	err error
}

func (c brokenConn) Write([]byte) (int, error) { return 0, c.err }

func TestBatchError(t *testing.T) {
	near, _ := net.Pipe()
	broken := errors.New("line cut")
	for _, size := range []int{10, firstPart, 2 * directWrite} {
		b := New(brokenConn{near, broken}, new(Buffers))
		for {
			if _, err := b.Write(make([]byte, size)); err != nil {
				assert.ErrorIs(t, err, broken)
				break
			}
		}
		_, err := b.Write([]byte("x"))
		assert.ErrorIs(t, err, broken, "and stays")
		require.NoError(t, b.Close())
		assert.Nil(t, b.pending)
	}
}

// A peer that does not read holds up Close for a limited time only, and a
// writer for as long as it likes.
func TestBatchStalledPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		b := New(near, new(Buffers))
		wrote := make(chan error, 1)
		go func() {
			for {
				if _, err := b.Write(make([]byte, 32<<10)); err != nil {
					wrote <- err
					return
				}
			}
		}()
		synctest.Wait()
		start := time.Now()
		require.NoError(t, b.Close())
		assert.Equal(t, flushTimeout, time.Since(start))
		assert.Error(t, <-wrote)
	})
}
