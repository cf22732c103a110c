//go:build darwin || freebsd || netbsd

package osfs

import (
	"syscall"
	"time"
)

func atime(st *syscall.Stat_t) time.Time { return time.Unix(st.Atimespec.Unix()) }
