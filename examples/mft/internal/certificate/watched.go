package certificate

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

// maxFile is more than any certificate, key or list of these needs.
const maxFile = 16 << 20

// settleTime is longer than the resolution of file times anywhere.
const settleTime = 2 * time.Second

// watched keeps what was read from files, and reads them again when one of them
// changed. It is safe for concurrent use.
type watched[T any] struct {
	files []string
	parse func(texts [][]byte) (T, error)

	mu      sync.Mutex    // guards what follows, and is held while reading
	infos   []fs.FileInfo // of the files that were read last; nil: none were
	settled bool          // their times tell whether they change again
	value   T
	err     error
}

// load returns what parse makes of the files as they are now, and whether they
// were read for that.
func (w *watched[T]) load() (value T, read bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	infos := make([]fs.FileInfo, len(w.files))
	for i, file := range w.files {
		if infos[i], err = os.Stat(file); err != nil {
			w.infos = nil
			return value, true, err
		}
	}
	if w.infos != nil && w.settled && sameVersions(w.infos, infos) {
		return w.value, false, w.err
	}
	texts := make([][]byte, len(w.files))
	w.settled = true
	for i, file := range w.files {
		if texts[i], infos[i], err = readFile(file); err != nil {
			w.infos = nil
			return value, true, err
		}
		w.settled = w.settled && time.Since(infos[i].ModTime()) >= settleTime
	}
	w.infos = infos
	w.value, w.err = w.parse(texts)
	return w.value, true, w.err
}

func sameVersions(a, b []fs.FileInfo) bool {
	for i := range a {
		if !os.SameFile(a[i], b[i]) || a[i].Size() != b[i].Size() || !a[i].ModTime().Equal(b[i].ModTime()) {
			return false
		}
	}
	return true
}

// readFile reads a file into which others can't write. One with a private key
// must be closed to them altogether.
func readFile(file string) ([]byte, fs.FileInfo, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	fi, err := f.Stat() // what was opened counts, not what had its name before
	if err != nil {
		return nil, nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s: not a regular file", file)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, nil, err
	}
	if len(text) > maxFile {
		return nil, nil, fmt.Errorf("%s: too large", file)
	}
	if mode := fi.Mode().Perm(); runtime.GOOS != "windows" {
		switch {
		case mode&0o077 != 0 && hasKey(text):
			return nil, nil, fmt.Errorf("%s: mode %04o lets others than the owner at the private key; it must be 0600", file, mode)
		case mode&0o022 != 0:
			return nil, nil, fmt.Errorf("%s: mode %04o lets others write to it", file, mode)
		}
	}
	return text, fi, nil
}

var errNothing = errors.New("no certificate in it")
