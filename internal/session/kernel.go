package session

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/vfs"
)

// SendFile sends n bytes of f, which FS opened for reading, from off to sock
// without moving them through this process. The bytes count as those of ReadAt
// do. It answers errors.ErrUnsupported, before it sent anything, for files that
// are not local.
func SendFile(sock *net.TCPConn, f vfs.File, off, n int64) (int64, error) {
	t, osf, ok := local(f, quaymaster.KindDownload)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	if _, err := osf.Seek(off, io.SeekStart); err != nil {
		return 0, vfs.PathError("read", t.name, err)
	}
	m, err := io.CopyN(sock, osf, n)
	if m > 0 {
		t.began(off)
		t.read.Add(m)
		if perr := t.pace(auth.Download, m); perr != nil {
			return m, perr
		}
	}
	return m, err
}

// ReceiveFile writes up to n bytes that come from sock into f, which FS opened
// for writing, at off, without moving them through this process. They count as
// those of WriteAt do. io.EOF means that the peer sent less and ended. It
// answers errors.ErrUnsupported, before it took anything, where that can't be
// done.
func ReceiveFile(f vfs.File, off int64, sock *net.TCPConn, n int64) (int64, error) {
	if runtime.GOOS != "linux" { // splice(2)
		return 0, errors.ErrUnsupported
	}
	t, osf, ok := local(f, quaymaster.KindUpload)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	if limit := t.s.Identity.Limits.MaxFileSize; limit > 0 {
		n = min(n, limit-off+1) // one byte too many is noticed below
	}
	if err := t.admit(off, 0); err != nil {
		return 0, err
	}
	if _, err := osf.Seek(off, io.SeekStart); err != nil {
		return 0, vfs.PathError("write", t.name, err)
	}
	m, err := io.CopyN(osf, sock, n)
	err = t.received(off, m, err)
	if err == nil {
		err = t.pace(auth.Upload, m)
	}
	return m, err
}

// received keeps the books of ReceiveFile. Only what the disk says is a failure
// of the file: what the peer does is for the caller to judge.
func (f *file) received(off, n int64, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		err = vfs.PathError("write", f.name, vfs.ErrNoSpace)
	case errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		err = vfs.PathError("write", f.name, vfs.ErrQuota)
	default:
		f.note(off, n, nil)
		if over := f.admit(off, n); over != nil {
			return over
		}
		return err
	}
	f.note(off, n, err)
	return err
}

// local returns the file of the operating system below f.
func local(f vfs.File, kind quaymaster.Kind) (*file, *os.File, bool) {
	t, ok := f.(*file)
	if !ok || t.kind != kind || t.ctx.Err() != nil {
		return nil, nil, false
	}
	osf, ok := t.ForwardFile.OSFile()
	if !ok {
		return nil, nil, false
	}
	return t, osf, true
}
