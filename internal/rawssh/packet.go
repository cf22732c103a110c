package rawssh

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"io"
)

// maxPacket is more than any server here sends.
const maxPacket = 1 << 20

// sealer packs and unpacks packets of one direction (RFC 4253 section 6, RFC
// 5647 as OpenSSH does it). The nil sealer is plain text.
type sealer struct {
	aead  cipher.AEAD
	nonce [12]byte
}

func newSealer(key, iv []byte) (*sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead: aead, nonce: [12]byte(iv)}, nil
}

// next returns the nonce and counts it up.
func (s *sealer) next() []byte {
	nonce := s.nonce
	count := binary.BigEndian.Uint64(s.nonce[4:])
	binary.BigEndian.PutUint64(s.nonce[4:], count+1)
	return nonce[:]
}

// seal makes a packet of payload.
func (s *sealer) seal(payload []byte) []byte {
	block, before := 8, 4 // the length counts towards the block, but not with GCM
	if s != nil {
		block, before = aes.BlockSize, 0
	}
	padding := block - (before+1+len(payload))%block
	if padding < 4 {
		padding += block
	}
	body := make([]byte, 1+len(payload)+padding)
	body[0] = byte(padding)
	copy(body[1:], payload)
	return s.sealBody(body)
}

// sealBody makes a packet of a padding length, a payload and padding.
func (s *sealer) sealBody(body []byte) []byte {
	packet := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	if s == nil {
		return append(packet, body...)
	}
	return s.aead.Seal(packet, s.next(), body, packet)
}

// read takes one packet off in and returns its payload, which is not empty.
func (s *sealer) read(in *bufio.Reader) ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(head))
	if n < 5 || n > maxPacket {
		return nil, fmt.Errorf("rawssh: packet of %d bytes", n)
	}
	if s != nil {
		n += s.aead.Overhead()
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(in, body); err != nil {
		return nil, err
	}
	if s != nil {
		var err error
		if body, err = s.aead.Open(body[:0], s.next(), body, head); err != nil {
			return nil, fmt.Errorf("rawssh: packet: %w", err)
		}
	}
	end := len(body) - int(body[0])
	if end < 2 {
		return nil, fmt.Errorf("rawssh: %d bytes of padding in %d", body[0], len(body))
	}
	return body[1:end], nil
}
