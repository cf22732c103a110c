// Package quaymaster is the shared vocabulary of a toolkit for file-transfer
// servers and clients: connections, events, gates, and the shape that all
// servers have.
//
// The parts, from the bottom up:
//
//   - vfs: the file system interface that servers serve, its wrappers, and the
//     back ends vfs/osfs (a local directory tree), vfs/memfs (memory) and
//     vfs/aferofs (adapters); vfs/vfstest is the conformance suite.
//   - auth: who a client is and what it may reach; auth/authtest is the suite.
//   - sshd: the SSH transport; sftp is its SFTP subsystem, scp its scp command,
//     and sshd/command has digests and the like.
//   - ftp: FTP, and FTP over TLS, explicit and implicit.
//   - limit: who may connect, how often, and how fast.
//   - examples/mft: the product, a standalone server made from these packages.
//
// A protocol server is a struct with exported fields, a documented and never
// insecure zero value, and three methods: Serve, Shutdown and Close, as in
// net/http. It takes an auth.Authenticator, which maps credentials to an
// auth.Identity, whose Home is a vfs.FS. The server serves that, and tells a
// Sink what happened.
//
// The import graph has no cycles and few edges: this package and vfs import
// only the standard library; back ends import vfs; auth imports this package
// and vfs; protocol packages import all of them and never one another.
package quaymaster
