package sshd

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/vfs"
)

// ErrorText returns what a command of POSIX prints for err, which clients and
// scripts know. It never holds a path. known is false when that does not say
// it all, so that the log should.
func ErrorText(err error) (text string, known bool) {
	for _, row := range errorTexts() {
		if errors.Is(err, row.err) {
			return row.text, true
		}
	}
	return "Input/output error", false
}

type errorText struct {
	err  error
	text string
}

// errorTexts is the one place where errors become text for commands; the first
// match counts.
func errorTexts() []errorText {
	return []errorText{
		{ErrTooManyMatches, "Argument list too long"},
		{vfs.ErrEscape, "Path leads out of your folder"},
		{vfs.ErrReadOnly, "Read-only file system"},
		{vfs.ErrLocked, "File is being written by another session"},
		{vfs.ErrNoSpace, "No space left on device"},
		{vfs.ErrQuota, "Disk quota exceeded"},
		{vfs.ErrNotEmpty, "Directory not empty"},
		{vfs.ErrIsDir, "Is a directory"},
		{vfs.ErrNotDir, "Not a directory"},
		{vfs.ErrNotRegular, "not a regular file"},
		{vfs.ErrCrossDevice, "Invalid cross-device link"},
		{vfs.ErrLoop, "Too many levels of symbolic links"},
		{vfs.ErrNameTooLong, "File name too long"},
		{fs.ErrNotExist, "No such file or directory"},
		{fs.ErrPermission, "Permission denied"},
		{fs.ErrExist, "File exists"},
		{errors.ErrUnsupported, "Operation not supported"},
		{fs.ErrInvalid, "Invalid argument"},
		{quaymaster.ErrServerClosed, "Server is shutting down"},
		{quaymaster.ErrConnLost, "Session ended"},
		{quaymaster.ErrIdle, "Session ended"},
		{quaymaster.ErrKicked, "Session ended"},
		{quaymaster.ErrLifetime, "Session ended"},
		{context.Canceled, "Session ended"},
	}
}

// maxPrintable is the longest text that Printable leaves whole, in bytes.
const maxPrintable = 1024

// Printable makes a text that came from elsewhere safe for one line of the
// client's terminal: "?" stands for control characters and for invalid UTF-8,
// and what is too long is cut.
func Printable(text string) string {
	if len(text) > maxPrintable {
		text = strings.ToValidUTF8(text[:maxPrintable], "") + "..."
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return '?'
		}
		return r
	}, text)
}
