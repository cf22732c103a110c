package serve

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/quaymaster/quaymaster"
)

// Admit asks gate, nil lets everybody in, whether conn may go on as user. release
// is never nil without an error, and may be called more than once.
func Admit(ctx context.Context, gate quaymaster.Gate, conn *quaymaster.Conn, user string) (release func(), err error) {
	release = func() {}
	if gate == nil {
		return release, nil
	}
	r, err := gate.Admit(ctx, conn, user)
	if err != nil {
		return nil, fmt.Errorf("gate: %w", err)
	}
	if r != nil {
		release = sync.OnceFunc(r)
	}
	return release, nil
}

// Emit completes e, which is about conn itself, and passes it to sink, if there is
// one.
func Emit(ctx context.Context, sink quaymaster.Sink, conn *quaymaster.Conn, e *quaymaster.Event) {
	if sink == nil {
		return
	}
	e.ID, e.Time, e.Conn = quaymaster.NewID(), time.Now(), conn
	// An event that reports the end of a context must outlive it.
	sink.Emit(context.WithoutCancel(ctx), e)
}

// OrDefault applies the rule of all timeouts of servers: zero means the default,
// negative means none, which is 0 here.
func OrDefault(d, byDefault time.Duration) time.Duration {
	if d == 0 {
		return byDefault
	}
	return max(d, 0)
}
