// Package memfs is a complete file system in memory: the back end of examples
// and the oracle that other back ends are compared with.
//
// It has every optional interface of package vfs, with the semantics of POSIX:
// symbolic links (followed only inside), hard links, sparse files, files that
// stay usable after they were removed, atomic publication, kept partial
// uploads, leases. Permission bits are stored and not enforced. Access times
// change only when they are set.
//
//	fsys := memfs.New()
//	f, err := fsys.OpenFile(ctx, "hello.txt", os.O_RDWR|os.O_CREATE, 0o644)
//
// # Concurrency
//
// An FS and its files are safe for concurrent use. Operations on names take
// one lock for the whole tree; reads and writes take one for each file.
//
// # Security considerations
//
// Nothing bounds the memory in use unless Options.MaxBytes is set; it counts
// the bytes of files, and not the names and attributes.
package memfs
