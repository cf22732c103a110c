package session

import "github.com/quaymaster/quaymaster/vfs"

// Leases gives single-writer rights in this process for file systems that
// have no LeaseFS of their own. Its scope is one user name: two users whose
// homes overlap on such a file system don't see each other's leases. The zero
// value is ready.
type Leases struct{ table vfs.LeaseTable[leaseKey] }

type leaseKey struct{ user, name string }

func (l *Leases) take(user, name string) (release func(), err error) {
	return l.table.Take(leaseKey{user, name})
}
