package sftp

import "sync"

// Requests run at the same time where that can't be noticed. What orders them
// are lanes: one for each handle, one for each path in use, and one for the
// tree of names. A request claims a place in its lanes in the order of
// arrival, alone or shared, and runs when it is at the head of all of them.
// Places are taken in all lanes at once, so no two requests can wait for each
// other.

// lane is a queue of claims. The order guards it.
type lane struct {
	queue   []claim
	sharing int  // claims that run, shared
	alone   bool // one that runs, alone
	users   int  // claims in or before the queue; for lanes of paths
	path    string
}

// claim is the place of a request in a lane.
type claim struct {
	r      *request
	lane   *lane
	shared bool
}

// order keeps the lanes of one channel.
type order struct {
	mu    sync.Mutex // guards all lanes and the fields below
	tree  lane
	paths map[string]*lane
	ready func(*request) // lets run what had to wait; called with mu held, must not block
}

// claims is what a request needs, in terms of its own fields.
type claims struct {
	tree, path   access
	handle, also access // of request.h and request.h2
}

type access uint8

const (
	none access = iota
	shared
	alone
)

// enter queues r. It returns true when r may run at once; otherwise r is passed
// to ready as soon as it may.
func (o *order) enter(r *request, c claims) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	want := func(l *lane, a access) {
		if a != none {
			r.claims[r.claimed] = claim{r, l, a == shared}
			r.claimed++
		}
	}
	want(&o.tree, c.tree)
	if c.path != none {
		want(o.pathLane(r.name), c.path)
	}
	if r.h != nil {
		want(&r.h.lane, c.handle)
	}
	if r.h2 != nil && r.h2 != r.h {
		want(&r.h2.lane, c.also)
	}
	for _, c := range r.claims[:r.claimed] {
		c.lane.users++
		if len(c.lane.queue) > 0 || !c.lane.take(c.shared) {
			c.lane.queue = append(c.lane.queue, c)
			r.missing++
		}
	}
	return r.missing == 0
}

// take lets a claim in if it may run beside those that do.
func (l *lane) take(shared bool) bool {
	if l.alone || !shared && l.sharing > 0 {
		return false
	}
	if shared {
		l.sharing++
	} else {
		l.alone = true
	}
	return true
}

// pathLane returns the lane of a path, which lives while somebody is in it.
func (o *order) pathLane(path string) *lane {
	l := o.paths[path]
	if l == nil {
		l = &lane{path: path}
		o.paths[path] = l
	}
	return l
}

// admit lets in as many from the head of the queue as may run together.
func (o *order) admit(l *lane) {
	for len(l.queue) > 0 {
		c := l.queue[0]
		if !l.take(c.shared) {
			return
		}
		l.queue[0] = claim{}
		l.queue = l.queue[1:]
		if c.r.missing--; c.r.missing == 0 {
			o.ready(c.r)
		}
	}
	l.queue = nil
}

// leave gives up the places of r, which has run.
func (o *order) leave(r *request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range r.claimed {
		l := r.claims[i].lane
		if r.claims[i].shared {
			l.sharing--
		} else {
			l.alone = false
		}
		if l.users--; l.users == 0 && l.path != "" {
			delete(o.paths, l.path)
		}
		o.admit(l)
		r.claims[i] = claim{}
	}
}
