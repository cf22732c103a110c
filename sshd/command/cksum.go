package command

import "hash"

// cksumPoly is the polynomial of ISO/IEC 8802-3, highest bit first.
const cksumPoly = 0x04c11db7

// cksum is the checksum of POSIX cksum: a CRC over the bytes and then over
// their number, lowest byte first and without leading zeros, inverted.
type cksum struct {
	table [256]uint32
	crc   uint32
	size  uint64
}

func newCksum() hash.Hash {
	c := &cksum{}
	for i := range c.table {
		crc := uint32(i) << 24
		for range 8 {
			if crc&(1<<31) != 0 {
				crc = crc<<1 ^ cksumPoly
			} else {
				crc <<= 1
			}
		}
		c.table[i] = crc
	}
	return c
}

func (c *cksum) Write(p []byte) (int, error) {
	crc := c.crc
	for _, b := range p {
		crc = crc<<8 ^ c.table[byte(crc>>24)^b]
	}
	c.crc = crc
	c.size += uint64(len(p))
	return len(p), nil
}

func (c *cksum) Sum(b []byte) []byte {
	crc := c.crc
	for n := c.size; n > 0; n >>= 8 {
		crc = crc<<8 ^ c.table[byte(crc>>24)^byte(n)]
	}
	crc = ^crc
	return append(b, byte(crc>>24), byte(crc>>16), byte(crc>>8), byte(crc))
}

func (c *cksum) Reset()         { c.crc, c.size = 0, 0 }
func (c *cksum) Size() int      { return 4 }
func (c *cksum) BlockSize() int { return 1 }
