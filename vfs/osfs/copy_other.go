//go:build !linux

package osfs

import (
	"errors"
	"os"
)

func copyRange(_ *os.File, _ int64, _ *os.File, _, _ int64) (int64, error) {
	return 0, errors.ErrUnsupported
}

func clone(_, _ *os.File) error { return errors.ErrUnsupported }
