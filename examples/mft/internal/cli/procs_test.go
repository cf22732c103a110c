package cli

import (
	"runtime"
	"testing"
)

func TestTuneRuntime(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, test := range []struct {
		env       string
		now, want int
	}{{"", 1, 4}, {"", 4, 4}, {"", 6, 6}, {"2", 2, 2}} {
		runtime.GOMAXPROCS(test.now)
		m := &Main{Getenv: func(name string) string {
			if name == "GOMAXPROCS" {
				return test.env
			}
			return ""
		}}
		m.tuneRuntime()
		if got := runtime.GOMAXPROCS(0); got != test.want {
			t.Errorf("%d with %q: got %d, want %d", test.now, test.env, got, test.want)
		}
	}
}
