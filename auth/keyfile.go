package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"time"
)

// keyFile keeps a parsed authorized_keys file and reads it again when it
// changed.
type keyFile struct {
	mu    sync.Mutex // guards what follows, and is held while reading
	path  string
	min   int
	info  fs.FileInfo // of the file that keys was read from; nil: none
	keys  *AuthorizedKeys
	fresh bool // it was written so shortly before it was read that its time can't tell
}

// settleTime is longer than the resolution of file times anywhere.
const settleTime = 2 * time.Second

// load returns the keys in the file at path. bad is what ParseAuthorizedKeys
// complained about, told once for each version of the file. A file that does
// not exist holds no keys.
func (f *keyFile) load(path string, p KeyParser) (keys *AuthorizedKeys, bad, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		f.info, f.keys = nil, nil
		return nil, nil, nil
	}
	if err == nil {
		err = safeKeyFile(path, info)
	}
	if err != nil {
		f.info, f.keys = nil, nil
		return nil, nil, fmt.Errorf("auth: keys: %w", err)
	}
	if f.info != nil && !f.fresh && f.path == path && f.min == p.MinRSABits && sameVersion(f.info, info) {
		return f.keys, nil, nil
	}
	f.info, f.keys = nil, nil
	keys, info, bad, err = readKeyFile(path, p)
	if err != nil {
		return nil, nil, err
	}
	f.path, f.min, f.info, f.keys = path, p.MinRSABits, info, keys
	f.fresh = time.Since(info.ModTime()) < settleTime
	return keys, bad, nil
}

func readKeyFile(path string, p KeyParser) (_ *AuthorizedKeys, info fs.FileInfo, bad, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("auth: keys: %w", err)
	}
	defer file.Close()
	// What was opened counts, not what was there before.
	if info, err = file.Stat(); err == nil {
		err = safeKeyFile(path, info)
	}
	if err != nil {
		return nil, nil, nil, fmt.Errorf("auth: keys: %w", err)
	}
	keys, bad := p.Parse(file)
	if keys == nil {
		return nil, nil, nil, bad
	}
	return keys, info, bad, nil
}

// safeKeyFile refuses a file into which others than its owner can write keys.
// Windows has no such bits.
func safeKeyFile(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s can be written by its group or by everybody (mode %v)", path, info.Mode().Perm())
	}
	return nil
}

func sameVersion(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
