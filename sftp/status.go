package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/vfs"
)

// Code is a status code of draft-ietf-secsh-filexfer-02 section 7; version 3
// has no others.
type Code uint32

const (
	CodeOK               Code = 0
	CodeEOF              Code = 1
	CodeNoSuchFile       Code = 2
	CodePermissionDenied Code = 3
	CodeFailure          Code = 4
	CodeBadMessage       Code = 5
	CodeNoConnection     Code = 6
	CodeConnectionLost   Code = 7
	CodeOpUnsupported    Code = 8
)

// StatusError is an error with the status that the client is to see. A file
// system may return one, alone or wrapped, to choose the reply.
type StatusError struct {
	Code    Code
	Message string // for people; must not tell what the client may not know
}

func (e *StatusError) Error() string { return fmt.Sprintf("sftp: status %d: %s", e.Code, e.Message) }

// statusTable is the one place where errors become status codes. The codes
// are those of OpenSSH's server; the first match counts.
func statusTable() []statusRow {
	return []statusRow{
		{io.EOF, CodeEOF, "End of file"},
		{vfs.ErrEscape, CodePermissionDenied, "Path leads out of your folder"},
		{vfs.ErrReadOnly, CodePermissionDenied, "Read-only file system"},
		{vfs.ErrLocked, CodeFailure, "File is being written by another session"},
		{vfs.ErrNoSpace, CodeFailure, "No space left on the server"},
		{vfs.ErrQuota, CodeFailure, "Quota exceeded"},
		{vfs.ErrNotEmpty, CodeFailure, "Directory not empty"},
		{vfs.ErrIsDir, CodeFailure, "Is a directory"},
		{vfs.ErrNotDir, CodeNoSuchFile, "Not a directory"},
		{vfs.ErrNotRegular, CodeFailure, "Not a regular file"},
		{vfs.ErrCrossDevice, CodeFailure, "Not on the same file system"},
		{vfs.ErrLoop, CodeNoSuchFile, "Too many levels of symbolic links"},
		{vfs.ErrNameTooLong, CodeBadMessage, "Name too long"},
		{fs.ErrNotExist, CodeNoSuchFile, "No such file or directory"},
		{fs.ErrPermission, CodePermissionDenied, "Permission denied"},
		{fs.ErrExist, CodeFailure, "File already exists"},
		{fs.ErrClosed, CodeFailure, "Handle is closed"},
		{errors.ErrUnsupported, CodeOpUnsupported, "Operation not supported"},
		{errShort, CodeBadMessage, "Malformed request"},
		{fs.ErrInvalid, CodeBadMessage, "Invalid argument"},
		{quaymaster.ErrServerClosed, CodeFailure, "Server is shutting down"},
		{quaymaster.ErrConnLost, CodeFailure, "Session ended"},
		{quaymaster.ErrIdle, CodeFailure, "Session ended"},
		{quaymaster.ErrKicked, CodeFailure, "Session ended"},
		{quaymaster.ErrLifetime, CodeFailure, "Session ended"},
		{context.Canceled, CodeFailure, "Session ended"},
	}
}

type statusRow struct {
	err  error
	code Code
	text string
}

// statusOf returns what the client is told about err, and whether that says
// it all; if not, the log should.
func statusOf(err error) (code Code, text string, known bool) {
	if err == nil {
		return CodeOK, "Success", true
	}
	var status *StatusError
	if errors.As(err, &status) {
		return status.Code, status.Message, true
	}
	for _, row := range statusTable() {
		if errors.Is(err, row.err) {
			return row.code, row.text, true
		}
	}
	return CodeFailure, "Failure", false
}
