package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// memory reads one value in KiB of a file below /proc/PID.
func memory(pid int, file, key string) (int64, error) {
	name := fmt.Sprintf("/proc/%d/%s", pid, file)
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	n, err := parseKiB(string(text), key)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return n, nil
}

// treeMemory adds up memory over a tree of processes.
func treeMemory(root int, file, key string) (int64, error) {
	procs, err := tree(root)
	if err != nil {
		return 0, err
	}
	var sum int64
	for pid := range procs {
		n, err := memory(pid, file, key)
		if err != nil && gone(pid) {
			continue
		}
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// gone reports whether a process has ended, reaped or not; then it has no
// memory.
func gone(pid int) bool {
	st, err := readStat(pid)
	return err != nil || st.zombie
}

// resetPeaks has VmHWM start again at the present size.
func resetPeaks(root int) error {
	procs, err := tree(root)
	if err != nil {
		return err
	}
	for pid := range procs {
		err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
		if err != nil && !gone(pid) {
			return err
		}
	}
	return nil
}

const (
	settlePolls = 5                      // equal readings in a row, within
	settleSlack = 256                    // KiB of each other, taken
	settleEvery = 200 * time.Millisecond // apart
)

// settledRSS waits until the server's memory does not change any more, and
// returns its size in KiB. Nothing is done to make it smaller.
func (s *server) settledRSS(ctx context.Context) (int64, error) {
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	var last int64
	for same := 0; same < settlePolls; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("waiting for memory to settle: %w", context.Cause(ctx))
		}
		n, err := treeMemory(s.pid(), "status", "VmRSS")
		if err != nil {
			return 0, err
		}
		if max(n-last, last-n) <= settleSlack {
			same++
		} else {
			same = 0
			last = n
		}
	}
	return last, nil
}
