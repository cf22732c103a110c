package main

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
)

func u32(v ...uint32) (out []byte) {
	for _, x := range v {
		out = binary.BigEndian.AppendUint32(out, x)
	}
	return out
}

func TestAttrs(t *testing.T) {
	all := u32(attrSize|attrOwner|attrMode|attrTimes|attrMore, 1, 2, 3, 4, 5, 6, 7, 1)
	all = append(append(all, u32(1)...), 'k')
	all = append(append(all, u32(2)...), 'v', 'v', 9)
	f := fields{rest: all}
	assert.Equal(t, int64(1<<32+2), f.attrs())
	assert.NoError(t, f.err)
	assert.Equal(t, []byte{9}, f.rest, "what follows is left")

	f = fields{rest: u32(attrMode, 7)}
	assert.EqualValues(t, -1, f.attrs(), "no size")
	for cut := range len(all) - 1 {
		f := fields{rest: all[:cut]}
		f.attrs()
		assert.ErrorIs(t, f.err, errReply, cut)
	}
}

func FuzzFields(f *testing.F) {
	f.Add(u32(attrMore, 1<<31, 1, 1))
	f.Add(u32(3, 0, 0, 0))
	f.Fuzz(func(t *testing.T, p []byte) {
		r := fields{rest: p}
		r.bytes()
		r.attrs()
		if len(r.rest) > len(p) {
			t.Fatal("grew")
		}
	})
}
