package osfs

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// record lies beside a kept upload and tells what it is.
type record struct {
	Path  string      `json:"path"` // when it was kept; its directory may have moved
	Owner string      `json:"owner"`
	Bytes int64       `json:"bytes"`
	Mode  fs.FileMode `json:"mode"` // to publish it with
	Time  time.Time   `json:"time"` // when it was kept
}

// maxRecord is more than a record can need.
const maxRecord = 64 << 10

var errBadRecord = errors.New("not a record")

// readRecord reads the record of stage.
func (d *dir) readRecord(stage string) (*record, error) {
	osf, _, err := d.open(stage+recordSuffix, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer osf.Close()
	text, err := io.ReadAll(io.LimitReader(osf, maxRecord))
	if err != nil {
		return nil, err
	}
	r := new(record)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, errBadRecord
	}
	if checkName(r.Path) != nil || r.Path == "." || r.Owner == "" || r.Bytes <= 0 || r.Mode&^0o777 != 0 {
		return nil, errBadRecord
	}
	return r, nil
}

// writeRecord writes or replaces the record of stage in one step.
func (d *dir) writeRecord(stage string, r *record, durable bool) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	base := reservedBase()
	osf, err := d.create(base, os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	lockFile(osf) // so that nobody sweeps it
	_, err = osf.Write(text)
	if err == nil && durable {
		err = osf.Sync()
	}
	if err == nil && !closeToRename {
		err = d.rename(base, d, stage+recordSuffix)
	}
	err = cmp.Or(err, osf.Close())
	if err == nil && closeToRename {
		err = d.rename(base, d, stage+recordSuffix)
	}
	if err != nil {
		d.unlink(base)
	}
	return err
}
