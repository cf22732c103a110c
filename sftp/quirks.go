package sftp

import (
	"strings"

	"github.com/quaymaster/quaymaster/vfs"
)

// quirks are the habits of the client, told by its version string.
type quirks struct {
	symlinkOrder symlinkOrder
}

// symlinkOrder is how the client orders the arguments of SYMLINK. OpenSSH
// sends the target first, against the draft, and everybody has to live with it
// (OpenSSH PROTOCOL section 4.1).
type symlinkOrder uint8

const (
	orderUnknown symlinkOrder = iota
	targetFirst               // as OpenSSH
	linkFirst                 // as the draft
)

// quirksOf knows the clients that follow the draft unless the server calls
// itself OpenSSH, and those that follow OpenSSH always.
func quirksOf(client string) quirks {
	_, software, _ := strings.Cut(strings.TrimPrefix(client, "SSH-"), "-")
	for _, name := range []string{"WinSCP", "AsyncSSH", "ssh2js", "SSHJ"} {
		if strings.HasPrefix(software, name) {
			return quirks{linkFirst}
		}
	}
	for _, name := range []string{"OpenSSH", "paramiko", "PuTTY", "JSCH", "libssh", "Go", "FileZilla", "lftp"} {
		if strings.HasPrefix(software, name) {
			return quirks{targetFirst}
		}
	}
	return quirks{}
}

// decodeLink tells link and target apart. For an unknown client the one of
// the two that does not exist is the link.
func (s *server) decodeLink(r *request, first, second string) {
	target, link := first, second
	switch s.quirks.symlinkOrder {
	case linkFirst:
		target, link = second, first
	case orderUnknown:
		if s.exists(second) && !s.exists(first) {
			target, link = second, first
		}
	}
	if r.name, r.err = vfs.Clean(s.cwd, link); r.err != nil {
		return
	}
	r.text, r.err = vfs.RelTarget(r.name, target)
}

func (s *server) exists(wire string) bool {
	name, err := vfs.Clean(s.cwd, wire)
	if err != nil {
		return false
	}
	_, err = vfs.Lstat(s.ctx, s.fsys, name)
	return err == nil
}
