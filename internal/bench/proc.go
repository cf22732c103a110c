package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ticksPerSecond is USER_HZ, which is 100 on every platform of Linux that Go
// has.
const ticksPerSecond = 100

// procStat is what we need of /proc/PID/stat, see proc_pid_stat(5).
type procStat struct {
	parent int
	zombie bool  // ended, and not reaped yet
	ticks  int64 // user and system time, with that of reaped children
	start  int64 // with the pid, identifies a process
}

var errProcFormat = errors.New("unexpected format")

// parseStat reads the text of /proc/PID/stat. The name of the program, in
// parentheses, may hold anything.
func parseStat(text string) (procStat, error) {
	_, rest, ok := cutLast(text, ")")
	f := strings.Fields(rest)
	if !ok || len(f) < 20 {
		return procStat{}, errProcFormat
	}
	// f[0] is field 3, the state.
	st := procStat{zombie: f[0] == "Z"}
	var err error
	if st.parent, err = strconv.Atoi(f[1]); err != nil {
		return procStat{}, errProcFormat
	}
	for _, field := range f[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return procStat{}, errProcFormat
		}
		st.ticks += n
	}
	if st.start, err = strconv.ParseInt(f[19], 10, 64); err != nil {
		return procStat{}, errProcFormat
	}
	return st, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// parseKiB reads a line such as "VmHWM:     1234 kB" of /proc/PID/status or
// smaps_rollup.
func parseKiB(text, key string) (int64, error) {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, key+":")
		if !ok {
			continue
		}
		f := strings.Fields(rest)
		if len(f) != 2 || f[1] != "kB" {
			return 0, errProcFormat
		}
		n, err := strconv.ParseInt(f[0], 10, 64)
		if err != nil {
			return 0, errProcFormat
		}
		return n, nil
	}
	return 0, fmt.Errorf("no %s: %w", key, errProcFormat)
}

func readStat(pid int) (procStat, error) {
	name := fmt.Sprintf("/proc/%d/stat", pid)
	text, err := os.ReadFile(name)
	if err != nil {
		return procStat{}, err
	}
	st, err := parseStat(string(text))
	if err != nil {
		return procStat{}, fmt.Errorf("%s: %w", name, err)
	}
	return st, nil
}

// tree returns the living processes that descend from root, and root, by pid.
func tree(root int) (map[int]procStat, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	all := map[int]procStat{}
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if st, err := readStat(pid); err == nil { // else it is gone already
			all[pid] = st
		}
	}
	if _, ok := all[root]; !ok {
		return nil, fmt.Errorf("process %d is gone", root)
	}
	return descendants(all, root), nil
}

// descendants picks root and what it started, and they.
func descendants(all map[int]procStat, root int) map[int]procStat {
	out := map[int]procStat{root: all[root]}
	for grown := true; grown; {
		grown = false
		for pid, st := range all {
			_, known := out[pid]
			if _, ok := out[st.parent]; ok && !known {
				out[pid], grown = st, true
			}
		}
	}
	return out
}

func (st procStat) cpuSeconds() float64 { return float64(st.ticks) / ticksPerSecond }

// treeCPU is the time that a tree of processes has used, in seconds. It never
// falls while processes of the tree are reaped by their parents.
func treeCPU(root int) (float64, error) {
	procs, err := tree(root)
	if err != nil {
		return 0, err
	}
	var sum procStat
	for _, st := range procs {
		sum.ticks += st.ticks
	}
	return sum.cpuSeconds(), nil
}
