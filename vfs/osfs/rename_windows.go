package osfs

import (
	"errors"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Classes of NtSetInformationFile.
const (
	classRename   = 10
	classLink     = 11
	classRenameEx = 65
)

// moveInfo is FILE_RENAME_INFORMATION, its EX form and FILE_LINK_INFORMATION,
// which differ in the meaning of the first field.
type moveInfo struct {
	flags      uint32
	root       windows.Handle
	nameLength uint32
	name       [windows.MAX_PATH]uint16
}

// rename1 renames in the way of POSIX where the store can.
func (d *dir) rename1(base string, to *dir, newbase string, flags uint32) error {
	err := d.move(base, to, newbase, classRenameEx, flags|windows.FILE_RENAME_POSIX_SEMANTICS)
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) || errors.Is(err, errors.ErrUnsupported) {
		err = d.move(base, to, newbase, classRename, flags) // FAT
	}
	return err
}

// renameNoReplace fails when newbase exists.
func (d *dir) renameNoReplace(base string, to *dir, newbase string) error {
	return d.renameExcl(base, to, newbase)
}

func (d *dir) renameExcl(base string, to *dir, newbase string) error {
	return patiently(func() error { return d.rename1(base, to, newbase, 0) })
}

func (d *dir) link(base string, to *dir, newbase string) error {
	return d.move(base, to, newbase, classLink, 0)
}

// move renames or links an entry of d into to. Both names are single elements
// and count from open directories, so no path of the host is walked.
func (d *dir) move(base string, to *dir, newbase string, class, flags uint32) error {
	name, err := windows.NewNTUnicodeString(base)
	if err != nil {
		return err
	}
	attrs := &windows.OBJECT_ATTRIBUTES{RootDirectory: windows.Handle(d.f.Fd()), ObjectName: name}
	attrs.Length = uint32(unsafe.Sizeof(*attrs))
	var h windows.Handle
	err = windows.NtCreateFile(&h, windows.DELETE|windows.SYNCHRONIZE|windows.FILE_WRITE_ATTRIBUTES, attrs,
		&windows.IO_STATUS_BLOCK{}, nil, 0,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, windows.FILE_OPEN,
		windows.FILE_OPEN_REPARSE_POINT|windows.FILE_OPEN_FOR_BACKUP_INTENT|windows.FILE_SYNCHRONOUS_IO_NONALERT, 0, 0)
	runtime.KeepAlive(d)
	if err != nil {
		return ntErrno(err)
	}
	defer windows.CloseHandle(h)

	info := moveInfo{flags: flags, root: windows.Handle(to.f.Fd())}
	text, err := windows.UTF16FromString(newbase)
	if err != nil {
		return err
	}
	if len(text) > len(info.name) {
		return windows.ERROR_FILENAME_EXCED_RANGE
	}
	copy(info.name[:], text)
	info.nameLength = uint32(len(text)-1) * 2
	err = windows.NtSetInformationFile(h, &windows.IO_STATUS_BLOCK{},
		(*byte)(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)), class)
	runtime.KeepAlive(to)
	return ntErrno(err)
}

func ntErrno(err error) error {
	if st, ok := err.(windows.NTStatus); ok {
		return st.Errno()
	}
	return err
}
