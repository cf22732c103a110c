package sftp

import (
	"io/fs"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// FuzzAttrs reads ATTRS of any bytes: nothing but permission bits may come out
// as mode, no size over 63 bits, and no more may be read than there is.
func FuzzAttrs(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{0, 0, 0, 15, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 15, 255, 0, 0, 0, 1, 0, 0, 0, 2})
	f.Add([]byte{128, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 'a', 0, 0, 0, 0})
	f.Add([]byte{128, 0, 0, 0, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		p := parser{b: data}
		a := p.attrs()
		if a.Mode&^fs.ModePerm != 0 {
			t.Errorf("mode %v", a.Mode)
		}
		if p.err == nil && (a.Size < 0 || len(p.b) > len(data)) {
			t.Errorf("size %d, %d of %d bytes left", a.Size, len(p.b), len(data))
		}
	})
}

// FuzzParser takes strings and numbers off any bytes.
func FuzzParser(f *testing.F) {
	f.Add([]byte{0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0, 1})
	f.Add([]byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		p := parser{b: data}
		got := 0
		for p.err == nil {
			s := p.bytes()
			if p.err == nil {
				got += 4 + len(s)
			}
		}
		if got > len(data) {
			t.Errorf("%d bytes out of %d", got, len(data))
		}
		if p.uint32() != 0 || p.uint64() != 0 || p.string() != "" {
			t.Error("something after an error")
		}
	})
}

func TestWireMode(t *testing.T) {
	for mode, want := range map[fs.FileMode]uint32{
		0o644:                                 0o100644,
		fs.ModeDir | 0o755:                    0o040755,
		fs.ModeSymlink | 0o777:                0o120777,
		fs.ModeNamedPipe | 0o600:              0o010600,
		fs.ModeSocket | 0o600:                 0o140600,
		fs.ModeDevice | 0o600:                 0o060600,
		fs.ModeDevice | fs.ModeCharDevice:     0o020000,
		fs.ModeSetuid | fs.ModeSetgid | 0o755: 0o106755,
		fs.ModeDir | fs.ModeSticky | 0o777:    0o041777,
	} {
		assert.Equal(t, want, wireMode(mode), "%v", mode)
	}
}

func TestWireTime(t *testing.T) {
	assert.Zero(t, wireTime(time.Unix(-5, 0)))
	assert.Equal(t, uint32(math.MaxUint32), wireTime(time.Unix(1<<40, 0)))
	assert.EqualValues(t, 12345, wireTime(time.Unix(12345, 999)))
}

// Requests on one handle keep their order, those on others do not wait.
func TestOrder(t *testing.T) {
	var ran []string
	var pending []*request
	o := &order{paths: make(map[string]*lane)}
	o.ready = func(r *request) { pending = append(pending, r); ran = append(ran, r.text) }
	h, other := &handle{}, &handle{}
	enter := func(text string, h *handle, c claims) *request {
		r := &request{text: text, h: h, name: "p"}
		if o.enter(r, c) {
			o.ready(r)
		}
		return r
	}
	r1 := enter("read1", h, claims{handle: shared})
	r2 := enter("read2", h, claims{handle: shared})
	w := enter("write", h, claims{handle: alone})
	r3 := enter("read3", h, claims{handle: shared})
	enter("other", other, claims{handle: alone})
	closing := enter("close", h, claims{tree: shared, path: alone, handle: alone})
	rename := enter("rename", nil, claims{tree: alone})
	stat := enter("stat", nil, claims{tree: shared, path: shared})
	assert.Equal(t, []string{"read1", "read2", "other"}, ran)
	o.leave(r2)
	o.leave(r1)
	assert.Equal(t, "write", ran[len(ran)-1])
	o.leave(w)
	assert.Equal(t, "read3", ran[len(ran)-1])
	o.leave(r3)
	assert.Equal(t, "close", ran[len(ran)-1])
	o.leave(closing)
	assert.Equal(t, "rename", ran[len(ran)-1], "after the close that came before it")
	o.leave(rename)
	o.leave(stat)
	assert.Empty(t, o.paths, "lanes of paths go away")
	assert.Len(t, pending, 8)
}
