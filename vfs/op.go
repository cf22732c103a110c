package vfs

import (
	"context"
	"os"
)

// OpKind names an operation for a Check. Reads and writes that differ only in
// how they are done share a kind, so that a rule can't miss one of the ways.
type OpKind uint8

// The kinds. More may be added: a Check must deny the ones it does not know.
const (
	_          OpKind = iota
	OpStat            // Stat, Lstat, StatPartial
	OpReadlink        // Readlink
	OpOpen            // OpenFile, CreateAtomic, CreatePartial, OpenPartial, Lease; Flag says for what
	OpList            // OpenDir, Partials
	OpMkdir           // Mkdir
	OpRemove          // Remove, RemovePartial
	OpRmdir           // Rmdir
	OpRename          // Rename from Name to Target; Flag is the RenameMode
	OpSymlink         // Symlink; Target is the text of the link
	OpLink            // Link; Name is the existing file, Target the new name
	OpSetAttr         // SetAttr, LsetAttr, and SetAttr and Truncate on an open file; Attr is set
	OpSpace           // Space
	OpOwners          // OwnerNames
	OpOSFile          // OSFile on an open file
)

var opNames = [...]string{
	OpStat: "stat", OpReadlink: "readlink", OpOpen: "open", OpList: "list", OpMkdir: "mkdir",
	OpRemove: "remove", OpRmdir: "rmdir", OpRename: "rename", OpSymlink: "symlink", OpLink: "link",
	OpSetAttr: "setattr", OpSpace: "statvfs", OpOwners: "owners", OpOSFile: "osfile",
}

func (k OpKind) String() string {
	if int(k) < len(opNames) && opNames[k] != "" {
		return opNames[k]
	}
	return "unknown"
}

// writeFlags are the open flags that change something.
const writeFlags = os.O_WRONLY | os.O_RDWR | os.O_CREATE | os.O_EXCL | os.O_TRUNC

// openFlags are the only flags that OpenFile takes.
const openFlags = writeFlags

// ValidOpenFlag tells whether flag is one that FS.OpenFile takes.
func ValidOpenFlag(flag int) bool {
	return flag&^openFlags == 0 && flag&(os.O_WRONLY|os.O_RDWR) != os.O_WRONLY|os.O_RDWR
}

// Op is one operation about to happen. A Check must not change or keep it.
type Op struct {
	Kind   OpKind
	Name   string // as given to the FS
	Target string // see the kinds
	Flag   int    // OpOpen, OpRename
	Attr   *Attr  // OpSetAttr
}

// Writes tells whether op can change anything. It is true for kinds that this
// version does not know.
func (op *Op) Writes() bool {
	switch op.Kind {
	case OpStat, OpReadlink, OpList, OpSpace, OpOwners, OpOSFile:
		return false
	case OpOpen:
		return op.Flag&writeFlags != 0
	}
	return true
}

// Check decides about one operation: nil lets it happen; the error goes to the
// caller, wrapped in a *fs.PathError. It should match fs.ErrPermission unless
// it hides the file, for which fs.ErrNotExist does. A Check must be safe for
// concurrent use.
type Check func(ctx context.Context, op *Op) error
