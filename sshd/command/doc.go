// Package command has the few commands that clients of an SSH file server run
// beside their transfers: digests of files, free space, and the ones by which
// they find out what is there. They run in this process, over the session's
// vfs.FS; there is no shell.
//
//	srv := &sshd.Server{
//		// ...
//		Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{}},
//		Commands: command.All(),
//	}
//
// or, to allow some of them only,
//
//	run := &command.Handler{}
//	srv.Commands = map[string]sshd.Handler{"sha256sum": run, "df": run}
//
// # Commands
//
//   - md5sum, sha1sum, sha224sum, sha256sum, sha384sum, sha512sum [-b] [-t]
//     [file ...], with the output of GNU coreutils; no file or "-" is standard
//     input
//   - cksum [file ...], with the output of POSIX
//   - crc32 [file ...], with the output of the program in Perl's Archive::Zip
//   - df [-k] [-P] [path ...], with the output of POSIX; "-" for the name of the
//     store, and "/" for where it is mounted
//   - pwd, cd [directory], true, echo [word ...]
//
// Other options are refused. Each command begins in the same directory, so cd
// only tells whether there is such a directory.
//
// # Clients
//
// rclone takes the server for a POSIX shell by the answer to
// "echo ${ShellId}%ComSpec%", which is known by its text and not expanded; then
// it verifies with md5sum and sha1sum what it copied, and asks df for the space
// where the server's SFTP does not tell it.
//
// # Concurrency
//
// A Handler may serve any number of channels at the same time.
//
// # Security considerations
//
// None of the commands changes anything. A digest reads the file as a download
// does: by the policy of the session, and with the event of one, whose Conn
// has the command as its protocol. The command line is split by
// sshd.ParseWords; one that needs a shell, such as "sha256sum a; id", ends with
// an exit status of 127 and nothing of it is run. Digests take the server's
// time: give commands to those only who may spend it.
package command
