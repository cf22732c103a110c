package sftp

import (
	"context"

	"github.com/quaymaster/quaymaster/sshd"
)

// Handler is the SFTP subsystem: put it into sshd.Server.Subsystems under
// "sftp". The zero value serves everything that the session's file system
// allows.
type Handler struct {
	// MaxHandles is the number of files and directories that one channel may
	// have open; 256 if zero.
	MaxHandles int
	// StartDir is the directory in which relative paths begin, as a name for
	// vfs; empty means the root.
	StartDir string
	// Deny lists requests, by the names that Requests returns, that are
	// refused; Allow, if not empty, lists the only ones that are not.
	Deny, Allow []string
	// IgnoreAttrs answers with success when the file system can't or may not
	// change an owner, mode or time, because many clients give up an upload
	// that worked when it can't be dressed afterwards.
	IgnoreAttrs bool
}

// ServeSSH serves one channel until the client closes it.
func (h *Handler) ServeSSH(ctx context.Context, s *sshd.Session) error {
	panic("later")
}

// Requests returns the names of all requests and extensions, as Deny and Allow
// take them and as sftp-server -Q prints them: "open", "read", ...
// "posix-rename", "statvfs".
func Requests() []string { return nil }
