// Package osfs serves a directory tree of the operating system as a vfs.FS.
//
// Open confines everything to one directory with os.Root. An FS has all the
// optional interfaces of package vfs: symbolic and hard links, attributes,
// atomic publication, kept partial uploads, leases, space and owner names.
//
//	fsys, err := osfs.Open("/srv/data", nil)
//	if err != nil {
//		return err
//	}
//	defer fsys.Close()
//
// # Staged files
//
// CreateAtomic writes into a file with a reserved name and 128 random bits,
// in the directory of the target, and renames it onto the target when it is
// closed, after the file and before the directory was flushed. Nobody reaches
// reserved names through an FS. A staged file is locked with flock while it is
// in use, so that another process can tell it from one that a crash left.
//
// A journal in the root lists each directory that has held a staged file. Open
// sweeps the listed directories, without walking the tree, unless another FS
// has the same root open. A listing that meets staged files more than a day
// old sweeps them too.
//
// An upload that was kept for later lies under its reserved name with a record
// of the same name and ".json" beside it. Rmdir takes a directory with kept
// uploads as empty, and drops them; one with an upload in progress is
// vfs.ErrNotEmpty.
//
// # Symbolic links
//
// A link is followed only inside the root. An absolute link to somewhere below
// the root is followed as if it were relative, and Readlink makes it so. One
// that leads out answers vfs.ErrEscape, and its text is not shown. Writing
// through a link changes or replaces the file it leads to, and keeps the link.
//
// # Errors
//
// A component that is not a directory is vfs.ErrNotDir, also in the middle of
// a name, where other systems say that nothing exists.
//
// # Platforms
//
// On Linux and macOS vfs.RenameNoReplace can't lose a race where the store
// supports that; elsewhere only for files. On Windows modes and owners can't
// be set, and names that Windows would take for something else are refused
// with fs.ErrInvalid.
//
// # Security considerations
//
// The directory is opened once and every name is walked from there with
// os.Root; the last step is taken on the descriptor of the parent and never
// follows a link. Swapping directories and links while an operation runs can
// make it act on another file inside the root, never outside. No decision
// rests on comparing paths: for links that os.Root refuses a name inside the
// root is worked out and given to os.Root again. Mount points and hard links
// inside the root are not barriers.
//
// FIFOs, sockets and devices are never opened. Set-user-ID, set-group-ID and
// sticky bits are never set. Error texts hold names inside the root only.
//
// What a replaced file had beyond owner, group and mode, such as access
// control lists, is not carried over to the new one.
package osfs
