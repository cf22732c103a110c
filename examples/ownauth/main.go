// Ownauth asks a program of yours who may log in: here a table of one-time
// passwords, each of which is good once and gives its user a folder in memory.
package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"log"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/quaymaster/quaymaster/auth"
	"github.com/quaymaster/quaymaster/sftp"
	"github.com/quaymaster/quaymaster/sshd"
	"github.com/quaymaster/quaymaster/vfs/memfs"
)

// oneTime is an auth.Authenticator. It must be safe for concurrent use, must
// answer auth.ErrDenied alike for a wrong password and an unknown user, and
// must not let anybody in by a credential of a kind that it does not know.
type oneTime struct {
	mu    sync.Mutex
	codes map[string]string // user to code
}

var _ auth.Authenticator = (*oneTime)(nil)

func (o *oneTime) Authenticate(_ context.Context, r *auth.Request) (*auth.Identity, error) {
	password, ok := r.Cred.(auth.Password)
	if !ok {
		return nil, auth.ErrDenied
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	code, known := o.codes[r.User]
	want, got := sha256.Sum256([]byte(code)), sha256.Sum256([]byte(password))
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 || !known {
		return nil, auth.ErrDenied
	}
	delete(o.codes, r.User)
	return &auth.Identity{User: r.User, Home: auth.Home(memfs.New())}, nil
}

// Offers keeps servers from offering methods that can't work.
func (o *oneTime) Offers() []auth.Method { return []auth.Method{auth.MethodPassword} }

func main() {
	key, err := sshd.HostKey("ownauth.key")
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:2022")
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(newServer(key, map[string]string{"alice": "4711"}).Serve(l))
}

func newServer(key ssh.Signer, codes map[string]string) *sshd.Server {
	return &sshd.Server{
		HostKeys:   []ssh.Signer{key},
		Auth:       &oneTime{codes: codes},
		Subsystems: map[string]sshd.Handler{"sftp": &sftp.Handler{}},
	}
}
