// Package lsl prints the lines of ls -l, which clients of SFTP and FTP take
// apart.
package lsl

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/quaymaster/quaymaster/vfs"
)

// halfYear is the age from which ls shows the year instead of the time.
const halfYear = 365 * 24 * time.Hour / 2

// Append appends the line that ls -l prints, in English whatever the locale. Its
// time is in the zone of now. Control characters of the name become "?".
func Append(b []byte, fi fs.FileInfo, name, user, group string, now time.Time) []byte {
	return appendName(AppendInfo(b, fi, user, group, now), name)
}

// AppendInfo is Append without the name.
func AppendInfo(b []byte, fi fs.FileInfo, user, group string, now time.Time) []byte {
	var number [20]byte
	sys := vfs.SysOf(fi)
	b = append(appendMode(b, fi.Mode()), ' ')
	b = append(padLeft(b, strconv.AppendUint(number[:0], max(sys.Links, 1), 10), 4), ' ')
	b = append(padRight(b, user, 8), ' ')
	b = append(padRight(b, group, 8), ' ')
	b = append(padLeft(b, strconv.AppendInt(number[:0], fi.Size(), 10), 8), ' ')
	mtime := fi.ModTime()
	layout := "Jan _2 15:04"
	if age := now.Sub(mtime); age > halfYear || age < -time.Minute {
		layout = "Jan _2  2006"
	}
	return append(mtime.In(now.Location()).AppendFormat(b, layout), ' ')
}

func appendName(b []byte, name string) []byte {
	for _, r := range name {
		if unicode.IsControl(r) {
			r = '?'
		}
		b = utf8.AppendRune(b, r)
	}
	return b
}

const blanks = "                "

// padLeft and padRight append s and make it at least width wide, up to the
// length of blanks.
func padLeft(b, s []byte, width int) []byte {
	return append(append(b, blanks[:max(width-len(s), 0)]...), s...)
}

func padRight(b []byte, s string, width int) []byte {
	return append(append(b, s...), blanks[:max(width-len(s), 0)]...)
}

// appendMode appends the first column of ls -l; fs.FileMode's own text differs.
func appendMode(b []byte, m fs.FileMode) []byte {
	kind := byte('-')
	switch m.Type() {
	case fs.ModeDir:
		kind = 'd'
	case fs.ModeSymlink:
		kind = 'l'
	case fs.ModeNamedPipe:
		kind = 'p'
	case fs.ModeSocket:
		kind = 's'
	case fs.ModeDevice:
		kind = 'b'
	case fs.ModeDevice | fs.ModeCharDevice:
		kind = 'c'
	}
	s := [10]byte{kind, 'r', 'w', 'x', 'r', 'w', 'x', 'r', 'w', 'x'}
	for i := range 9 {
		if m&(1<<(8-i)) == 0 {
			s[i+1] = '-'
		}
	}
	special := func(at int, set bool, letter byte) {
		if !set {
			return
		}
		if s[at] == '-' {
			letter -= 'a' - 'A'
		}
		s[at] = letter
	}
	special(3, m&fs.ModeSetuid != 0, 's')
	special(6, m&fs.ModeSetgid != 0, 's')
	special(9, m&fs.ModeSticky != 0, 't')
	return append(b, s[:]...)
}

// maxOwners bounds the names that one session remembers.
const maxOwners = 1024

// Owners remembers the names of numeric owners of one file system. Safe for
// concurrent use.
type Owners struct {
	FS            vfs.FS
	mu            sync.Mutex // guards the maps
	users, groups map[uint32]string
	unsupported   bool
}

// Of returns the names for a listing; numbers where there is no name.
func (o *Owners) Of(ctx context.Context, sys vfs.Sys) (user, group string) {
	if !sys.HasOwner {
		return "0", "0"
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	user, okUser := o.users[sys.UID]
	group, okGroup := o.groups[sys.GID]
	if okUser && okGroup {
		return user, group
	}
	if o.users == nil || len(o.users)+len(o.groups) > maxOwners {
		o.users, o.groups = make(map[uint32]string), make(map[uint32]string)
	}
	user, group = strconv.FormatUint(uint64(sys.UID), 10), strconv.FormatUint(uint64(sys.GID), 10)
	if !o.unsupported {
		us, gs, err := vfs.OwnerNames(ctx, o.FS, []uint32{sys.UID}, []uint32{sys.GID})
		o.unsupported = errors.Is(err, errors.ErrUnsupported)
		if err == nil && len(us) == 1 && us[0] != "" {
			user = us[0]
		}
		if err == nil && len(gs) == 1 && gs[0] != "" {
			group = gs[0]
		}
	}
	o.users[sys.UID], o.groups[sys.GID] = user, group
	return user, group
}
