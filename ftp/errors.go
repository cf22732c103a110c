package ftp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/vfs"
)

// ReplyError is an error with the reply that the client is to see. A file
// system may return one, alone or wrapped, to choose the reply.
type ReplyError struct {
	Code    int    // 400 to 599
	Message string // one line, which must not tell what the client may not know
}

func (e *ReplyError) Error() string { return fmt.Sprintf("ftp: reply %d: %s", e.Code, e.Message) }

// replyRow is one line of the table below.
type replyRow struct {
	err  error
	code code
	text string
}

// replyTable is the one place where errors become replies; the first match
// counts.
func replyTable() []replyRow {
	return []replyRow{
		{vfs.ErrEscape, codeBadName, "Path leads out of your folder."},
		{vfs.ErrReadOnly, codeNoFile, "Permission denied: read-only."},
		{vfs.ErrLocked, codeUnavailable, "File is being written by another session."},
		{vfs.ErrNoSpace, codeNoSpace, "No space left on the server."},
		{vfs.ErrQuota, codeQuota, "Quota exceeded."},
		{vfs.ErrNotEmpty, codeNoFile, "Directory not empty."},
		{vfs.ErrIsDir, codeNoFile, "Is a directory."},
		{vfs.ErrNotDir, codeNoFile, "Not a directory."},
		{vfs.ErrNotRegular, codeNoFile, "Not a regular file."},
		{vfs.ErrCrossDevice, codeBadName, "Not on the same file system."},
		{vfs.ErrLoop, codeNoFile, "Too many levels of symbolic links."},
		{vfs.ErrNameTooLong, codeBadName, "Name too long."},
		{fs.ErrNotExist, codeNoFile, "No such file or directory."},
		{fs.ErrPermission, codeNoFile, "Permission denied."},
		{fs.ErrExist, codeNoFile, "Already exists."},
		{errors.ErrUnsupported, codeParameter, "Not supported by this file system."},
		{fs.ErrInvalid, codeBadName, "Invalid name or argument."},
		{quaymaster.ErrServerClosed, codeNotAvailable, "Server is shutting down."},
		{quaymaster.ErrConnLost, codeAborted, "Connection lost."},
		{quaymaster.ErrKicked, codeNotAvailable, "Session ended."},
		{quaymaster.ErrLifetime, codeNotAvailable, "Session ended."},
		{context.Canceled, codeAborted, "Session ended."},
		{context.DeadlineExceeded, codeAborted, "Took too long."},
	}
}

// refuse is the reply to an error of the file system.
func (c *conn) refuse(err error) *reply {
	var own *ReplyError
	if errors.As(err, &own) && own.Code >= 400 && own.Code < 600 {
		return say(code(own.Code), "%s", own.Message)
	}
	for _, row := range replyTable() {
		if errors.Is(err, row.err) {
			return say(row.code, "%s", row.text)
		}
	}
	c.log.Error("operation failed", "error", err)
	return say(codeLocalError, "Local error, the log of the server has more.")
}
