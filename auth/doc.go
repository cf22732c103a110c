// Package auth decides who a client is and what it may reach.
//
// An Authenticator looks at one Credential at a time and answers with an
// Identity, a *Partial that asks for another factor, or an error. Static is an
// Authenticator over a fixed set of users; Chain, Require, TOTP, PasswordChange
// and Anonymous make others; Func is for your own. Each goes around the ones
// that it adds to, in this order:
//
//	&auth.PasswordChange{Change: store, Auth: &auth.TOTP{Key: keys, Auth: auth.Chain(local, directory)}}
//
//	func server() (*sshd.Server, error) {
//		hash, err := auth.HashPassword(os.Getenv("ANN_PASSWORD"))
//		if err != nil {
//			return nil, err
//		}
//		files := auth.Home(memfs.New())
//		users := &auth.Static{Users: map[string]*auth.User{
//			"ann": {PasswordHash: hash, Home: files},
//			"bob": {
//				AuthorizedKeysFile: "/etc/quay/bob.keys",
//				PasswordHash:       bobsHash,
//				Require:            [][]auth.Method{{auth.MethodPublicKey, auth.MethodPassword}},
//				Home:               files,
//				Limits:             auth.Limits{Sessions: 2},
//			},
//		}}
//		if err := users.Check(); err != nil {
//			return nil, err
//		}
//		return &sshd.Server{Auth: users, HostKeys: keys}, nil
//	}
//
// # Standards
//
//   - RFC 4252, SSH user authentication: the names of the methods, partial
//     success, and the query whether a public key would do.
//   - RFC 4256, keyboard-interactive: Interactive.
//   - RFC 4253 section 6.6, RFC 5656, RFC 8709 and OpenSSH's PROTOCOL.u2f:
//     public keys in wire format. DSA, RSA below 2048 bits and unknown types
//     are refused.
//   - OpenSSH's PROTOCOL.certkeys: user certificates with the critical options
//     force-command, source-address and verify-required and the extension
//     no-touch-required. Other critical options are refused; other extensions
//     allow nothing that servers here have.
//   - sshd(8), AUTHORIZED_KEYS FILE FORMAT: KeyParser. It differs where sshd is
//     lenient: an option that is not known, an empty command= and principals=
//     without cert-authority make a line unusable. Host names in from= match
//     nothing.
//   - The PHC string format with argon2id (RFC 9106), bcrypt, SHA-crypt
//     (Drepper, 0.6) and PBKDF2 (RFC 8018) as passlib writes it: VerifyPassword.
//   - RFC 6238, one-time codes by time, and RFC 4226 below it, with SHA-1,
//     SHA-256 and SHA-512: TOTP. Keys travel as otpauth URIs.
//   - OpenSSH's PROTOCOL.krl: ParseRevokedKeys. It differs where OpenSSH is
//     lenient: lines that can't be understood make a list unusable, and so do
//     signatures, which OpenSSH no longer makes.
//   - RFC 4252 section 8, the request to change a password, can't be sent here.
//     PasswordChange uses keyboard-interactive.
//   - RFC 5280, X.509 client certificates and revocation lists, for FTP over TLS
//     and HTTPS: Static.ClientCAs.
//   - RFC 1635, anonymous FTP: Anonymous.
//
// # Concurrency
//
// Authenticators are safe for concurrent use. The requests of one connection
// come one after the other. Password hashes are computed in turn, see Hasher;
// who waits gives up when the context ends.
//
// # Security considerations
//
// Only a non-nil Identity with a nil error lets anybody in, and never for a
// public key that is not Proven.
//
// Empty passwords and user names are refused, whatever is configured; Anonymous
// is the exception. User names are data: nothing here makes a path, a query or
// a pattern of one.
//
// Static takes the same time for users that do not exist as for others. Chain
// asks everybody before it says no. Methods offered depend on no user.
//
// A server that supports more than one factor must put into Request.Passed only
// factors for which the Authenticator it asks returned a *Partial, on this
// connection and for this user, public keys only when Proven; it must empty
// Passed when the user name changes, and give the same *quaymaster.Conn with
// all requests of a login. Restrictions of a key (command=, from=, expiry-time=)
// outlive the factors that follow it. It calls Identity.Check before it lets
// anybody in.
//
// The presence of a user at a security key is required unless both its line
// and its certificate, if it has one, say otherwise. User verification needs a
// server that sees the signature; without one verify-required keeps a key out.
//
// Whoever has all other factors can guess at codes of TOTP, slowly: five at
// once, as many again in the next quarter of an hour, and then four an hour.
// The count is this process's. Wrong codes are failed logins, too.
//
// Passwords, tokens and keys of TOTP print as "[redacted]" by every verb of fmt, log/slog and
// encoding/json. Errors hold neither passwords nor hashes.
package auth
