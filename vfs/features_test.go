package vfs_test

import (
	"reflect"
	"testing"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// TestFeaturesAnd sets each field alone, so that a new one can't be forgotten.
func TestFeaturesAnd(t *testing.T) {
	kind := reflect.TypeFor[vfs.Features]()
	for i := range kind.NumField() {
		var one vfs.Features
		reflect.ValueOf(&one).Elem().Field(i).SetBool(true)
		either := kind.Field(i).Name == "CaseFold"
		for _, c := range []struct {
			label string
			a, b  vfs.Features
			want  bool
		}{
			{"both", one, one, true},
			{"only the first", one, vfs.Features{}, either},
			{"only the second", vfs.Features{}, one, either},
		} {
			got := c.a.And(c.b)
			var want vfs.Features
			reflect.ValueOf(&want).Elem().Field(i).SetBool(c.want)
			if got != want {
				t.Errorf("%s, %s: got %+v", kind.Field(i).Name, c.label, got)
			}
		}
	}
}

func TestFeaturesOf(t *testing.T) {
	if got, want := vfs.FeaturesOf(memfs.Bare(memfs.Options{})), (vfs.Features{Write: true, RandomWrite: true}); got != want {
		t.Errorf("of seven methods: %+v", got)
	}
	stated := memfs.New()
	if got := vfs.FeaturesOf(vfs.ReadOnly(stated)); got.Write || got.AtomicClose || !got.Symlink {
		t.Errorf("of ReadOnly: %+v", got)
	}
	if vfs.FeaturesOf(stated).ReadOnly().Write {
		t.Error("ReadOnly can write")
	}
}
