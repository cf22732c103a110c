// Package vfs defines the file system that servers serve and clients give.
//
// An FS has seven methods. Everything else is an optional interface with one
// purpose, reached through a package function: Lstat, Readlink, Symlink, Link,
// SetAttr, CreateAtomic, SpaceOf and so on. FeaturesOf tells as data what
// works, also through wrappers.
//
// # Names
//
// Names satisfy fs.ValidPath. Clean is the only way from a path that a client
// sent to a name, and Wire the way back.
//
// # Wrappers
//
// Every wrapper stands on Forward, which sends each operation on, optional
// ones included, and asks first where it should go. Guard asks a Check before
// every operation and denies what it does not know. Sub, Mount, ReadOnly and
// Atomic are made of the same piece. Wrappers have no Unwrap: what a Guard
// refuses can't be reached around it.
//
// FromIOFS serves an io/fs.FS, and IOFS gives any FS to code that wants one.
//
// # Uploads
//
// CreateAtomic stages a file beside its target under a reserved name and
// publishes it on Close; Abort leaves nothing behind. CreatePartial does the
// same for an upload that may be resumed later.
//
// # Security considerations
//
// An FS must confine every operation to its root by construction, symbolic
// links included; no caller checks prefixes. Permission is decided by Guard,
// on canonical names, before an operation reaches the back end.
package vfs
