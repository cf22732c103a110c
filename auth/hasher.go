package auth

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// Hasher makes and verifies password hashes, a bounded number at the same
// time, so that a flood of logins can't eat the memory or every processor. The
// zero value is ready. Its fields must not change after the first use, nor may
// it be copied. All methods are safe for concurrent use.
type Hasher struct {
	// Params is the price of new hashes.
	Params Argon2Params
	// Concurrent bounds how many hashes are computed at the same time; others
	// wait. Zero means as many as there are processors, but at most 8. Each
	// takes the memory that its hash asks for: 19 MiB unless set otherwise,
	// and never more than 256 MiB.
	Concurrent int

	once  sync.Once
	slots chan struct{}
	runs  atomic.Int64 // hashes computed; tests count that all paths pay
}

// Hash is HashPassword with the price of h. It returns ctx.Err() when ctx ends
// while it waits for its turn.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := h.acquire(ctx); err != nil {
		return "", err
	}
	defer h.release()
	return newArgon2(h.Params, password)
}

// Verify is VerifyPassword in turn. It returns ctx.Err() when ctx ends before
// there is an answer.
func (h *Hasher) Verify(ctx context.Context, hash, password string) error {
	parsed, err := parseHash(hash)
	if err != nil {
		return err
	}
	return h.verify(ctx, parsed, password)
}

// NeedsRehash tells whether hash is weaker than those that h makes, or of
// another kind.
func (h *Hasher) NeedsRehash(hash string) bool { return weakerThan(hash, h.Params) }

func (h *Hasher) verify(ctx context.Context, hash storedHash, password string) error {
	if !usablePassword(password) {
		return ErrDenied
	}
	if err := h.acquire(ctx); err != nil {
		return err
	}
	defer h.release()
	ok := hash.matches(password)
	// A client that is gone is not let in.
	if err := ctx.Err(); err != nil {
		return err
	}
	if !ok {
		return ErrDenied
	}
	return nil
}

// decoy costs what verifying a hash made by h costs, and fails. It stands for
// the hash that a user does not have.
func (h *Hasher) decoy(ctx context.Context, password string) error {
	p := h.Params.withDefaults()
	if !p.affordable() {
		return errors.New("auth: argon2id parameters out of range")
	}
	fake := &argon2Hash{params: p, salt: make([]byte, argon2SaltLen), key: make([]byte, argon2KeyLen)}
	if err := h.verify(ctx, fake, password); err != nil {
		return err
	}
	return ErrDenied
}

func (h *Hasher) acquire(ctx context.Context) error {
	h.once.Do(func() {
		n := h.Concurrent
		if n <= 0 {
			n = min(runtime.GOMAXPROCS(0), 8)
		}
		h.slots = make(chan struct{}, n)
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case h.slots <- struct{}{}:
		h.runs.Add(1)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hasher) release() { <-h.slots }
