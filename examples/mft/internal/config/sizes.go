package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes.
type Size int64

func (*Size) kind() string { return "size" }

func (s *Size) read(text string) error {
	n, err := parseBytes(text)
	*s = Size(n)
	return err
}

// Rate is a speed in bytes per second; 0 means no limit.
type Rate int64

func (*Rate) kind() string { return "rate" }

func (r *Rate) read(text string) error {
	n, err := parseBytes(strings.TrimSuffix(text, "/s"))
	*r = Rate(n)
	return err
}

// OwnRate is a Rate that may take the place of another.
type OwnRate struct {
	Rate
	Own bool // it does
}

// inherit is the word for a value that comes from elsewhere.
const inherit = "Inherit"

func (*OwnRate) kind() string { return "rate or `" + inherit + "`" }

func (r *OwnRate) read(text string) error {
	if strings.EqualFold(text, inherit) {
		*r = OwnRate{}
		return nil
	}
	r.Own = true
	return r.Rate.read(text)
}

// Or returns r, or otherwise when r is inherited.
func (r OwnRate) Or(otherwise Rate) Rate {
	if r.Own {
		return r.Rate
	}
	return otherwise
}

// units are the powers of 1024 that letters alone mean to OpenSSH and rclone,
// and those of 1000 that the SI wants. Letters that could mean bits are not
// here.
func units() map[string]uint64 {
	return map[string]uint64{
		"": 1, "B": 1,
		"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
		"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	}
}

var (
	errSize    = errors.New("is not a number of bytes, such as 500, 64K, 10 MiB or 2GB")
	errTooMany = errors.New("is too much")
)

// parseBytes reads a whole number with a unit behind it.
func parseBytes(text string) (int64, error) {
	digits := strings.TrimLeft(text, "0123456789")
	number := text[:len(text)-len(digits)]
	unit, ok := units()[strings.TrimPrefix(digits, " ")]
	if !ok || number == "" {
		return 0, errSize
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || n > math.MaxInt64/unit {
		return 0, errTooMany
	}
	return int64(n * unit), nil
}
