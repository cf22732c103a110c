package main

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stat is a line of /proc/PID/stat up to rss.
const stat = "3897 (sshd) S 1 3897 3897 0 -1 4194560 1181 52871 0 5 11 22 300 4000 20 0 1 0 7654 15826944 2292"

func TestParseStat(t *testing.T) {
	got, err := parseStat(stat)
	require.NoError(t, err)
	assert.Equal(t, procStat{parent: 1, ticks: 4333, start: 7654}, got)
	assert.InDelta(t, 43.33, got.cpuSeconds(), 1e-9)

	got, err = parseStat(strings.Replace(stat, "(sshd) S", "(a) R 9 (b) Z", 1))
	require.NoError(t, err, "a program may be called anything")
	assert.Equal(t, procStat{parent: 1, zombie: true, ticks: 4333, start: 7654}, got)

	for _, bad := range []string{"", "1 (a", "1 (a) S 1 2", strings.Replace(stat, " 22 ", " x ", 1), strings.Replace(stat, "S 1", "S x", 1),
		strings.Replace(stat, "7654", "x", 1)} {
		_, err := parseStat(bad)
		assert.ErrorIs(t, err, errProcFormat, bad)
	}
}

func TestParseKiB(t *testing.T) {
	text := "Name:\tbench\nVmHWM:\t   12288 kB\nVmRSS:\t    4096 kB\nThreads:\t5\nHugePages: 3 MB\nVmX: y kB\n"
	n, err := parseKiB(text, "VmRSS")
	require.NoError(t, err)
	assert.EqualValues(t, 4096, n)
	for _, key := range []string{"Vm", "Threads", "HugePages", "VmX", "Pss"} {
		_, err := parseKiB(text, key)
		assert.ErrorIs(t, err, errProcFormat, key)
	}
}

func TestDescendants(t *testing.T) {
	all := map[int]procStat{
		1: {}, 10: {parent: 1}, 11: {parent: 10}, 12: {parent: 11}, 13: {parent: 10}, 20: {parent: 1}, 21: {parent: 20},
	}
	got := slices.Sorted(maps.Keys(descendants(all, 10)))
	assert.Equal(t, []int{10, 11, 12, 13}, got)
}

func TestOwnProcess(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("needs Linux's /proc")
	}
	procs, err := tree(os.Getpid())
	require.NoError(t, err)
	assert.Equal(t, os.Getppid(), procs[os.Getpid()].parent)
	rss, err := treeMemory(os.Getpid(), "status", "VmRSS")
	require.NoError(t, err)
	assert.Greater(t, rss, int64(1024))
	_, err = tree(1 << 30)
	assert.Error(t, err, "no such process")
}

func TestFileSystem(t *testing.T) {
	mounts := "/dev/vda / ext4 rw 0 0\ntmpfs /dev/shm tmpfs rw,size=1g 0 0\ntmpfs /dev/shmem ramfs rw 0 0\nbroken\n"
	for dir, want := range map[string]string{
		"/dev/shm": "tmpfs", "/dev/shm/bench-1": "tmpfs", "/dev/shmem/x": "ramfs", "/dev/shmother": "ext4", "/tmp": "ext4",
	} {
		assert.Equal(t, want, fileSystem(mounts, dir), dir)
	}
	assert.Empty(t, fileSystem("", "/tmp"))
}
