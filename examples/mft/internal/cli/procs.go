package cli

import "runtime"

// leastProcs is the least value of GOMAXPROCS for a server, however few
// processors there are. Measured with two, and the clients on the same machine:
// the 99th percentile of small requests beside bulk transfers halves, as the
// operating system shares processors among threads sooner than the runtime does
// among goroutines.
const leastProcs = 4

// tuneRuntime sets GOMAXPROCS, unless the environment did. Where there are
// enough processors it stays with the runtime, which follows the limits of a
// container as they change.
func (m *Main) tuneRuntime() {
	if m.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < leastProcs {
		runtime.GOMAXPROCS(leastProcs)
	}
}
