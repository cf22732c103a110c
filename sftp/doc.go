// Package sftp is the SFTP subsystem of an SSH server: version 3 of the
// protocol, the one that all clients speak (draft-ietf-secsh-filexfer-02), over
// any vfs.FS.
//
//	srv := &sshd.Server{
//		// ...
//		Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{}},
//	}
//
// # Extensions
//
//   - OpenSSH's PROTOCOL file: posix-rename, statvfs, fstatvfs, hardlink, fsync,
//     lsetstat, limits, expand-path, users-groups-by-id
//   - copy-data and home-directory (draft-ietf-secsh-filexfer-extensions-00)
//   - check-file, check-file-handle and check-file-name (the same), with sha256,
//     sha512, sha384, sha224, sha1, md5 and crc32
//   - space-available (draft-ietf-secsh-filexfer-09)
//
// # Clients
//
// SYMLINK takes its arguments in the order that the client is known to send
// them. A second INIT is answered like the first. A rename does not replace;
// posix-rename does. Status codes are those of OpenSSH's server, with text for
// people. REALPATH works on the text of a path alone.
//
// # Order
//
// Requests are answered at the same time where that can't be told from
// answering them in turn: reads of one handle run together, a write waits for
// what came before it on its handle, and what changes names waits for
// everything that uses names. Writes of one handle are answered in the order of
// the requests, as pages of a listing are. Requests, their bytes, workers and open handles
// of a channel are bounded.
//
// # Uploads
//
// A file that was opened for writing is published by CLOSE. A channel that ends
// without it leaves the old file as it was; see vfs.AtomicFS and vfs.PartialFS
// for how an unfinished new one can be resumed. A CLOSE that fails means that
// nothing was published.
//
// # Security considerations
//
// A path with NUL, CR, LF or invalid UTF-8 is refused. Mode bits beyond 0777 are
// never taken from the wire. Lengths are checked before anything is allocated.
// Replies hold virtual paths only, and an error that is not one of a known
// kind is told to the log, not to the client. User names of the server's system
// appear in listings when the file system gives them (vfs.OwnerFS).
package sftp
