// Package limit keeps servers usable while they are attacked, and shared
// fairly while they are not.
//
//   - Gate decides who may connect: networks, numbers of connections, shedding
//     of those that do not log in, bans after failed logins.
//   - Throttle limits the speed of sessions, users and the whole server.
//   - ProxyListener takes the client's address from a trusted proxy.
//
// A Gate must be given to the server twice: as a Gate it decides, and as a Sink
// it learns what to punish.
//
//	gate := &limit.Gate{MaxConns: 1000, MaxPerSource: 20}
//	srv := &sshd.Server{
//		// ...
//		Auth: &limit.Throttle{Auth: accounts, PerUser: limit.Rates{Download: 10 << 20}},
//		Gate: gate,
//		Sink: quaymaster.Sinks(gate, quaymaster.LogSink(logger)),
//	}
//	err := srv.Serve(&limit.ProxyListener{Listener: l, Trusted: proxies})
//
// # Sources
//
// What counts by address counts by source: an IPv4 address, or the 64-bit
// network of an IPv6 address. An IPv4-mapped address is the IPv4 address. A
// connection without an IP address, such as one on a pipe, has no source: it
// counts in MaxConns and Startups only, and passes no Allow list.
//
// # Penalties
//
// Time adds up: with the defaults the fourth connection that fails to log in
// within a few seconds brings a ban of nearly 20 seconds, and each further one
// of the same source makes it longer, up to ten minutes. What OpenSSH calls an
// invalid user is a failed login here: an Authenticator must not tell the two
// apart. A login that could not be checked, because a directory is down, is
// nobody's offence, and neither is a client that a full server turned away. A
// ban holds for new connections and for new logins on old ones; who is logged
// in stays.
//
// # Speed
//
// A Throttle charges what was moved, after it was moved, and makes the session
// wait for it before its next answer. The wait of a file ends with the file and with
// the session. Bytes copied inside the server count as uploads.
//
// # Concurrency and cost
//
// Everything here is safe for concurrent use, and nothing runs in the
// background. Memory is bounded by the number of connections, by
// Penalties.MaxSources (about 200 bytes each), and by the number of users that
// are logged in.
//
// # Security considerations
//
// Bans punish a source and not a person: everybody behind one address shares
// them, so a large office may be worth an entry in Penalties.Exempt. Without
// ProxyListener all clients of a proxy are one
// source; with a Trusted that is too wide clients choose their own. A Gate that
// is misconfigured lets nobody in.
package limit
