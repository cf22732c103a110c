// Package scp is the scp command of an SSH server: the far side of the programs
// that copy with "scp -O", pscp, WinSCP, libssh2 or curl, over any vfs.FS and
// without a shell or another process.
//
//	srv := &sshd.Server{
//		// ...
//		Commands: map[string]sshd.Handler{"scp": &scp.Handler{}},
//	}
//
// # Protocol
//
// There is no standard. The protocol is that of rcp, as OpenSSH speaks it: a
// source ("scp -f path...") announces each file or directory in a record (C, D
// and E, and with -p T for times), a sink ("scp -t path") answers each record,
// and the data of each file, with a zero byte, with 1 and a message when that
// one did not work, or with 2 and a message when nothing more will. Records may
// arrive in pieces or together. The options -r, -p, -d, -q, -v, -1, -2, -4, -6,
// -B, -C, -O, -T and "--" are known, also as "-rpt". OpenSSH's own scp uses SFTP
// since version 9 unless it is called with -O.
//
// Paths are words of a shell, see sshd.ParseWords: quotes, escapes, "~" and the
// patterns "*", "?" and "[a-z]" have their meaning, and a line with anything
// else that a shell would expand is refused. WinSCP's protocol "SCP" needs an
// interactive shell to list files, which there is not; its "SFTP" works.
//
// # Differences from OpenSSH
//
//   - The whole tree under "." can't be fetched by "scp -r host:. here", because
//     the root has no name; "host:*" can.
//   - In a tree, a link back to a directory around it is left out.
//   - A name with a backslash, control characters or invalid UTF-8 is left out,
//     in both directions, and the rest is copied.
//   - Directories may be nested 64 deep.
//
// # Uploads
//
// A file is published when all its bytes arrived, and the source said that they
// are right. Only then, and when that is durable, it is acknowledged. Programs
// with libssh2, such as curl and PHP, do not say it but end the stream after
// the last byte: from them the announced number of bytes is enough. A
// transfer that ends sooner leaves the old file as it was; see vfs.PartialFS
// for how an unfinished new one can be resumed over another protocol. With -p,
// mode and times are set before the file is published, and those of a
// directory when it is complete; that they can't be set makes an exit status of
// 1, but does not undo the upload, see Handler.IgnoreAttrs.
//
// # Concurrency
//
// A transfer of more than 256 KiB takes a second goroutine, so that file and
// network are at work at the same time, and two buffers of that size.
//
// # Security considerations
//
// Names from the wire are checked before they are used: one that is empty, "."
// or "..", or that has a "/", ends the transfer. Set-user-ID, set-group-ID and
// sticky bits are dropped. Lines, depth and patterns are bounded, and sizes and
// times checked. What can't be read is sent as zeros and then reported, never
// as what was in memory. Messages hold the paths that the client used, made
// harmless for terminals, and texts of sshd.ErrorText; what else went wrong is
// for the log.
package scp
