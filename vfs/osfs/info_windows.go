package osfs

import (
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// fromOS makes an info of what package os found.
func fromOS(fi fs.FileInfo, name string) *info {
	i := &info{name: name, size: fi.Size(), mode: fi.Mode(), mtime: fi.ModTime()}
	if d, ok := fi.Sys().(*syscall.Win32FileAttributeData); ok {
		i.sys.Atime = time.Unix(0, d.LastAccessTime.Nanoseconds())
	}
	return i
}

// fstat describes an open file, its identity included.
func fstat(f *os.File, name string) (*info, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	i := fromOS(fi, name)
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, fs.ErrClosed
	}
	var d windows.ByHandleFileInformation
	err2 := raw.Control(func(fd uintptr) {
		err = windows.GetFileInformationByHandle(windows.Handle(fd), &d)
	})
	if err2 != nil {
		return nil, fs.ErrClosed
	}
	if err != nil {
		return nil, err
	}
	i.sys.Links = uint64(d.NumberOfLinks)
	i.sys.Dev = uint64(d.VolumeSerialNumber)
	i.sys.Ino = uint64(d.FileIndexHigh)<<32 | uint64(d.FileIndexLow)
	return i, nil
}
