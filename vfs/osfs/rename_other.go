//go:build unix && !linux && !darwin

package osfs

import "errors"

// renameExcl is not there.
func (d *dir) renameExcl(string, *dir, string) error { return errors.ErrUnsupported }
