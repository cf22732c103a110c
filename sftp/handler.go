package sftp

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/quaymaster/quaymaster/sshd"
)

const defaultMaxHandles = 256

// Handler is the SFTP subsystem: put it into sshd.Server.Subsystems under
// "sftp". The zero value serves everything that the session's file system
// allows. Its fields must not change once it is in use, and it must not be
// copied; it serves any number of channels at the same time.
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

	spare sync.Pool // of *request
	pages sync.Pool // of *[]byte, room for the longest packet
}

var _ sshd.Handler = (*Handler)(nil)

// ServeSSH serves one channel until the client closes it.
func (h *Handler) ServeSSH(ctx context.Context, s *sshd.Session) error {
	fsys, err := s.FS(ctx)
	if err != nil {
		// Clients show this; why it is so is for the log.
		fmt.Fprintln(s.Stderr(), "Your folder is not available.")
		return err
	}
	return newServer(ctx, h, s, fsys).serve()
}

// Requests returns the names of all requests and extensions, as Deny and Allow
// take them and as sftp-server -Q prints them: "open", "read", ...
// "posix-rename", "statvfs".
func Requests() []string {
	var names []string
	for kind := range 256 {
		if v, ok := verbOf(byte(kind)); ok {
			names = append(names, v.name)
		}
	}
	for _, e := range extensions() {
		if !slices.Contains(names, e.verb.name) {
			names = append(names, e.verb.name)
		}
	}
	return names
}

func (h *Handler) maxHandles() int  { return cmp.Or(h.MaxHandles, defaultMaxHandles) }
func (h *Handler) startDir() string { return cmp.Or(h.StartDir, ".") }

// allowed applies Deny and Allow.
func (h *Handler) allowed(name string) bool {
	return !slices.Contains(h.Deny, name) && (len(h.Allow) == 0 || slices.Contains(h.Allow, name))
}

// request returns a clean request, used before or not.
func (h *Handler) request() *request {
	if r, ok := h.spare.Get().(*request); ok {
		return r
	}
	return &request{out: make([]byte, 0, commonReply)}
}

// lend returns a buffer with room for the longest packet at any alignment, for
// a short time.
func (h *Handler) lend() *[]byte {
	if b, ok := h.pages.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, maxPacket+alignment)
	return &b
}

// giveBack ends what lend began.
func (h *Handler) giveBack(r *request) {
	if r.room != nil {
		h.pages.Put(r.room)
		r.room = nil
	}
}

// recycle takes back a request that nothing refers to any more.
func (h *Handler) recycle(r *request) {
	*r = request{buf: r.buf, out: r.out[:0]}
	h.spare.Put(r)
}
