// Package state keeps what a program makes once and needs again: small files
// for its owner only, in a directory that nobody else can write to.
package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Dir makes dir if it is missing. Others than its owner must not be able to
// write to it.
func Dir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	fi, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if mode := fi.Mode().Perm(); runtime.GOOS != "windows" && mode&0o022 != 0 {
		return fmt.Errorf("state directory %s: mode %04o lets others write to it; it should be 0700", dir, mode)
	}
	return nil
}

// Create makes a new file appear with its whole content, so that of two
// programs that start at the same time one wins. If it exists the error matches
// fs.ErrExist.
func Create(file string, text []byte) error {
	// Unlike a rename, a link fails when the name exists.
	return write(file, text, os.Link)
}

// Replace is Create for a file that may exist.
func Replace(file string, text []byte) error { return write(file, text, os.Rename) }

// write lets place give the complete file its name.
func write(file string, text []byte, place func(from, to string) error) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already when it was renamed
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return place(f.Name(), file)
}
