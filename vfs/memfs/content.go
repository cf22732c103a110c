package memfs

import (
	"io"
	"math"
)

// blockSize is how much of a file one block holds at most.
const blockSize = 64 << 10

// content is the bytes of a file. Only written blocks take memory, and those
// only up to their last written byte: the rest reads as zeros. So neither a
// write at a huge offset nor a million tiny files cost more than their bytes.
type content struct {
	size   int64
	stored int64 // bytes in all blocks
	blocks map[int64][]byte
}

// readAt is io.ReaderAt for an offset that is not negative.
func (c *content) readAt(p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if off >= c.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), c.size-off))
	for done := 0; done < n; {
		number, start := (off+int64(done))/blockSize, int((off+int64(done))%blockSize)
		part := p[done:min(n, done+blockSize-start)]
		copied := 0
		if b := c.blocks[number]; start < len(b) {
			copied = copy(part, b[start:])
		}
		clear(part[copied:])
		done += len(part)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// writeAt is io.WriterAt for an offset that is not negative and a range that
// does not overflow. reserve is asked for each growth of the stored bytes.
func (c *content) writeAt(p []byte, off int64, reserve func(int64) error) (int, error) {
	done := 0
	for done < len(p) {
		number, start := (off+int64(done))/blockSize, int((off+int64(done))%blockSize)
		part := p[done:min(len(p), done+blockSize-start)]
		b := c.blocks[number]
		if end := start + len(part); end > len(b) {
			if err := reserve(int64(end - len(b))); err != nil {
				return done, err
			}
			c.stored += int64(end - len(b))
			b = grow(b, end)
			if c.blocks == nil {
				c.blocks = make(map[int64][]byte)
			}
			c.blocks[number] = b
		}
		copy(b[start:], part)
		done += len(part)
		c.size = max(c.size, off+int64(done))
	}
	return done, nil
}

// grow returns b with length n, zeros in its new part.
func grow(b []byte, n int) []byte {
	if n <= cap(b) {
		old := len(b)
		b = b[:n]
		clear(b[old:])
		return b
	}
	bigger := make([]byte, n, min(blockSize, max(n, 2*cap(b))))
	copy(bigger, b)
	return bigger
}

// truncate sets the size and returns how many stored bytes that freed.
func (c *content) truncate(size int64) (freed int64) {
	if size < c.size {
		before := c.stored
		for number, b := range c.blocks {
			switch keep := size - number*blockSize; {
			case keep <= 0:
				c.stored -= int64(len(b))
				delete(c.blocks, number)
			case keep < int64(len(b)):
				c.stored -= int64(len(b)) - keep
				c.blocks[number] = b[:keep]
			}
		}
		freed = before - c.stored
	}
	c.size = size
	return freed
}

// overflows tells whether n bytes at off end beyond the largest offset.
func overflows(off int64, n int) bool { return off > math.MaxInt64-int64(n) }
