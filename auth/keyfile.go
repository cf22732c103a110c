package auth

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"time"
)

// watchedFile keeps what was read from a file of keys, and reads it again when
// it changed. It must always be used with the same path and the same way of
// parsing. The zero value is ready.
type watchedFile[T any] struct {
	mu    sync.Mutex  // guards what follows, and is held while reading
	info  fs.FileInfo // of the file that value was read from; nil: none
	value T
	fresh bool // it was written so shortly before it was read that its time can't tell
}

// parser reads a value. What is wrong with only a part of it is bad.
type parser[T any] func(io.Reader) (value T, bad, err error)

// settleTime is longer than the resolution of file times anywhere.
const settleTime = 2 * time.Second

// load returns what parse makes of the file at path, the zero value if there is
// no such file. bad is told once for each version of it.
func (f *watchedFile[T]) load(path string, parse parser[T]) (value T, bad, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(path)
	missing := errors.Is(err, fs.ErrNotExist)
	if err == nil {
		err = safeKeyFile(path, info)
	}
	if err == nil && f.info != nil && !f.fresh && sameVersion(f.info, info) {
		return f.value, nil, nil
	}
	var none T
	f.info, f.value = nil, none
	if missing {
		return none, nil, nil
	}
	if err != nil {
		return none, nil, fmt.Errorf("auth: keys: %w", err)
	}
	value, info, bad, err = readKeyFile(path, parse)
	if err != nil {
		return none, nil, err
	}
	f.info, f.value = info, value
	f.fresh = time.Since(info.ModTime()) < settleTime
	return value, bad, nil
}

func readKeyFile[T any](path string, parse parser[T]) (value T, info fs.FileInfo, bad, err error) {
	file, err := os.Open(path)
	if err != nil {
		return value, nil, nil, fmt.Errorf("auth: keys: %w", err)
	}
	defer file.Close()
	// What was opened counts, not what was there before.
	if info, err = file.Stat(); err == nil {
		err = safeKeyFile(path, info)
	}
	if err != nil {
		return value, nil, nil, fmt.Errorf("auth: keys: %w", err)
	}
	value, bad, err = parse(file)
	return value, info, bad, err
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
