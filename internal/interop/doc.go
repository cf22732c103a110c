// Package interop has nothing but tests: the SSH server with all that it
// serves, over a real directory, and the clients that people use. docs/clients.md
// lists them.
package interop
