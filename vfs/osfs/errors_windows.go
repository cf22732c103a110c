package osfs

import (
	"io/fs"
	"syscall"

	"github.com/quaymaster/quaymaster/vfs"
	"golang.org/x/sys/windows"
)

type errno = windows.Errno

func mapErrno(err error) error {
	switch err {
	case windows.ERROR_DIR_NOT_EMPTY, syscall.ENOTEMPTY:
		return vfs.ErrNotEmpty
	case syscall.EISDIR:
		return vfs.ErrIsDir
	case windows.ERROR_DIRECTORY, syscall.ENOTDIR:
		return vfs.ErrNotDir
	case windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL:
		return vfs.ErrNoSpace
	case windows.ERROR_DISK_QUOTA_EXCEEDED, windows.ERROR_NOT_ENOUGH_QUOTA:
		return vfs.ErrQuota
	case windows.ERROR_WRITE_PROTECT:
		return vfs.ErrReadOnly
	case windows.ERROR_NOT_SAME_DEVICE:
		return vfs.ErrCrossDevice
	case windows.ERROR_FILENAME_EXCED_RANGE, syscall.ENAMETOOLONG:
		return vfs.ErrNameTooLong
	case windows.ERROR_CANT_RESOLVE_FILENAME, syscall.ELOOP:
		return vfs.ErrLoop
	case windows.ERROR_SHARING_VIOLATION, windows.ERROR_LOCK_VIOLATION:
		return vfs.ErrLocked
	case windows.ERROR_PRIVILEGE_NOT_HELD:
		return fs.ErrPermission
	case windows.ERROR_INVALID_NAME, windows.ERROR_INVALID_PARAMETER, syscall.EINVAL:
		return fs.ErrInvalid
	}
	return nil
}
