// Package sshd is an SSH server for file transfer. It authenticates clients,
// and hands each channel to a Handler by the name of the subsystem or command
// that the client asks for. It has no shell, terminal, agent or forwarding.
//
//	srv := &sshd.Server{
//		HostKeys:   []ssh.Signer{key},           // see HostKey
//		Auth:       authenticator,               // see package auth
//		Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{}},
//	}
//	err := srv.Serve(listener)
//
// # Protocol
//
// The transport is golang.org/x/crypto/ssh: RFC 4251 to 4254, 4256
// (keyboard-interactive), 5656, 8268, 8308 (server-sig-algs), 8332 (RSA with
// SHA-2), 8731, the mlkem768x25519-sha256 key exchange, and OpenSSH's strict
// key exchange, certificates and security keys. Keys are exchanged again as
// Server.RekeyThreshold says, or whenever the client asks. DefaultAlgorithms
// offers nothing with SHA-1, CBC or a finite-field key exchange;
// LegacyAlgorithms is for clients that need that. A channel ends with its exit
// status, end of data and close, in this order.
//
// Clients that are logged in are told the host keys, and get proof of them
// (hostkeys-00 and hostkeys-prove-00 of OpenSSH's PROTOCOL), so that keys can be
// replaced: see Server.AnnounceKeys.
//
// # Commands
//
// A command line goes to the Handler of its first word, and Session.Args splits
// it as a POSIX shell would (Shell Command Language, sections 2.2, 2.3 and
// 2.6.1; patterns as in 2.13 by Word.Glob). There is no other expansion: what
// would need a shell is refused with ErrShellSyntax. Package sshd/command has
// handlers for digests and the like, package scp for scp.
//
// # Authentication
//
// auth.Partial becomes partial success, so any chain of factors works. Only a
// key whose possession the client has proven is passed on as proven, and only
// the answer to a proven factor lets anybody in. The server checks all of a
// user certificate but its authority, its principals and its revocation, which
// the Authenticator does.
//
// A password that has expired lets nobody in. x/crypto/ssh can't send the
// request to change it that RFC 4252 section 8 has; with auth.PasswordChange the
// method "password" becomes a partial success, and keyboard-interactive asks for
// the new one.
//
// The signature of a security key must say that its user touched it, unless the
// Authenticator says otherwise. x/crypto/ssh does not tell whether the user was
// verified, so keys and certificates with verify-required are refused; and for a
// certificate with no-touch-required it does not tell about the touch either, so
// that one counts as untouched.
//
// # Concurrency
//
// A connection takes one goroutine besides the three of x/crypto/ssh while it is
// idle, and two more for each open channel and its handler. Clocks run without
// any. A panic in a handler ends its channel only.
//
// Go's scheduler polls the network last when all its threads are busy. Where
// clients wait for small replies beside bulk transfers on a machine with few
// processors, a GOMAXPROCS of 4 or more shortens their wait.
//
// # Security considerations
//
// The zero Server does not serve: it has neither keys nor an Authenticator, and
// invents none. Empty passwords, and user names with control or format
// characters, are refused before the Authenticator sees them. Failed attempts,
// offered keys, channels, command lines, bytes and time before the login and
// the time without activity are bounded; see Server. A channel counts until
// both sides have closed it. A peer that does not read, never brings a key
// exchange to its end or leaves its window shut is idle, or lost. What a
// connection may cost before it is authenticated in total, and from one
// address, is for a quaymaster.Gate to say. A client that is logged in can make
// the server hold what it sent and nobody read yet: a window of 2 MiB for each
// channel, and more memory than that if it sends byte by byte. Of the
// environment only LANG, LC_* and TZ are accepted, and commands run in this
// process or not at all. SHA-1 can be had by naming it in Server.Algorithms, and
// by LegacyAlgorithms, whose dangers are written there.
package sshd
