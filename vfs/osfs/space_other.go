//go:build unix && !linux && !darwin && !freebsd

package osfs

import (
	"errors"

	"github.com/quaymaster/quaymaster/vfs"
)

const haveSpace = false

func (d *dir) space() (*vfs.Space, error) { return nil, errors.ErrUnsupported }
