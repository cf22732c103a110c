package auth

import (
	"hash"

	"github.com/quaymaster/quaymaster"
)

// Runs returns how many hashes h computed.
func (h *Hasher) Runs() int64 { return h.runs.Load() }

// OwnHasher returns the hasher that s uses.
func (s *Static) OwnHasher() *Hasher { return s.hasher() }

// SHACrypt is the bare algorithm, for the vectors of its specification.
func SHACrypt(d hash.Hash, password, salt string, rounds int) string {
	return shaCrypt(d, []byte(password), []byte(salt), rounds)
}

func MatchGlob(pattern, s string) bool { return matchGlob(pattern, s) }

// ChainLogins returns how many logins a Chain remembers.
func ChainLogins(a Authenticator) int {
	l := &a.(*chain).logins
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.m)
}

func RemembersConn(a Authenticator, c *quaymaster.Conn) bool {
	_, ok := a.(*chain).logins.get(c)
	return ok
}
