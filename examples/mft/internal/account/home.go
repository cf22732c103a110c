package account

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/quaymaster/quaymaster/vfs"
	"github.com/quaymaster/quaymaster/vfs/osfs"

	"github.com/quaymaster/quaymaster/examples/mft/internal/folder"
)

// home is the home folder of one account.
type home struct {
	user    string
	real    string // where it was when the configuration was checked
	create  bool
	options osfs.Options // the same leases for all homes
}

// open is an auth.Identity.Home; the session closes what it returns.
func (h *home) open(context.Context) (vfs.FS, error) {
	fsys, err := h.openFS()
	if err != nil {
		return nil, err
	}
	return fsys, nil
}

func (h *home) openFS() (*osfs.FS, error) {
	if err := h.checkPlace(); err != nil {
		return nil, err
	}
	if h.create {
		if err := os.MkdirAll(h.real, 0o700); err != nil {
			return nil, fmt.Errorf("make the home folder of %q: %w", h.user, err)
		}
	}
	return osfs.Open(h.real, &h.options)
}

// checkPlace refuses a home that is not where it was checked. An account whose
// home holds another's could put a link in its place.
func (h *home) checkPlace() error {
	now, err := folder.Real(h.real)
	if err != nil {
		return fmt.Errorf("home folder of %q: %w", h.user, err)
	}
	if now != h.real {
		return fmt.Errorf("home folder of %q: %s now leads to %s; restart to accept that", h.user, h.real, now)
	}
	return nil
}

// recover opens the home once, if it is there.
func (h *home) recover() error {
	if err := h.checkPlace(); err != nil {
		return err
	}
	fsys, err := osfs.Open(h.real, &h.options)
	if errors.Is(err, fs.ErrNotExist) && h.create {
		return nil
	}
	if err != nil {
		return err
	}
	return fsys.Close()
}
