package session

import (
	"context"

	"github.com/quaymaster/quaymaster/auth"
)

// Pace tells the identity's Pacer of n bytes that were moved past the files
// of FS, and waits as long as it says.
func (s *Session) Pace(ctx context.Context, d auth.Direction, n int64) error {
	if s.Identity.Pace == nil || n <= 0 {
		return nil
	}
	return s.Identity.Pace.Wait(ctx, d, n)
}

// pacing ends the waits of one file: when the file is closed or aborted, and
// with the session. The zero value is that of a session that is not paced.
type pacing struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func (s *Session) newPacing() (p pacing) {
	if s.Identity.Pace != nil {
		p.ctx, p.cancel = context.WithCancelCause(s.ctx)
	}
	return p
}

func (p *pacing) end(cause error) {
	if p.cancel != nil {
		p.cancel(cause)
	}
}

// pace charges n bytes that f has moved.
func (f *file) pace(d auth.Direction, n int64) error {
	if f.pacing.ctx == nil {
		return nil
	}
	err := f.s.Pace(f.pacing.ctx, d, n)
	if err != nil && f.pacing.ctx.Err() != nil {
		return context.Cause(f.pacing.ctx)
	}
	return err
}
