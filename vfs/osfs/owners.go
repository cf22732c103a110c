package osfs

import (
	"context"
	"os/user"
	"strconv"
	"sync"
	"time"
)

const (
	maxOwners = 1024            // of each kind that are remembered
	ownersFor = 5 * time.Minute // how long they are
)

// ownerNames remembers the names of owners. The zero value is ready for use.
type ownerNames struct {
	mu            sync.Mutex // guards all below
	since         time.Time
	users, groups map[uint32]string
}

// OwnerNames looks users and groups up. One that is not known is "".
func (f *FS) OwnerNames(ctx context.Context, uids, gids []uint32) (users, groups []string, err error) {
	if err := f.begin(ctx, "."); err != nil {
		return nil, nil, fail("owners", ".", err)
	}
	o := &f.owners
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := f.now(); o.users == nil || now.Sub(o.since) >= ownersFor {
		o.users, o.groups, o.since = make(map[uint32]string), make(map[uint32]string), now
	}
	return lookUp(o.users, uids, userName), lookUp(o.groups, gids, groupName), nil
}

func lookUp(known map[uint32]string, ids []uint32, find func(id string) string) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		name, ok := known[id]
		if !ok {
			if len(known) >= maxOwners {
				clear(known)
			}
			name = find(strconv.FormatUint(uint64(id), 10))
			known[id] = name
		}
		names[i] = name
	}
	return names
}

func userName(id string) string {
	u, err := user.LookupId(id)
	if err != nil {
		return ""
	}
	return u.Username
}

func groupName(id string) string {
	g, err := user.LookupGroupId(id)
	if err != nil {
		return ""
	}
	return g.Name
}
