package sshd

import (
	"context"
	"net"

	"github.com/quaymaster/quaymaster"
	"github.com/quaymaster/quaymaster/internal/serve"
)

var _ quaymaster.Server = (*Server)(nil)

// Serve accepts connections on l until Shutdown or Close, then returns
// quaymaster.ErrServerClosed. It refuses to begin without Auth or HostKeys. It
// may be called for several listeners at a time.
func (s *Server) Serve(l net.Listener) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	s.takeBallast()
	log := s.logger()
	return s.loop.Serve(context.Background(), l, log, func(ctx context.Context, nc *serve.Conn) {
		if s.ConnContext != nil {
			ctx = s.ConnContext(ctx, nc)
		}
		newConn(s, nc, log).serve(ctx, *cfg)
	})
}

// Shutdown stops accepting, ends connections that have no file open and no
// command running, waits for the others and returns; when ctx ends first it
// returns ctx.Err().
func (s *Server) Shutdown(ctx context.Context) error { return s.loop.Shutdown(ctx) }

// Close ends everything now. Uploads under way are aborted.
func (s *Server) Close() error { return s.loop.Close() }

// ballastSize is address space that is never touched, so it takes no memory.
const ballastSize = 4 << 20

// takeBallast makes the heap look larger. x/crypto/ssh allocates every packet
// that it receives, and a server that holds little else would have the garbage
// collector run, and its memory go to the system and back, for each 4 MiB of an
// upload: a fifth of its processor time.
func (s *Server) takeBallast() {
	if s.ballast.Load() == nil {
		ballast := make([]byte, ballastSize)
		s.ballast.CompareAndSwap(nil, &ballast)
	}
}
