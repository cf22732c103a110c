package auth

import "context"

// Direction is the way that a file's bytes go.
type Direction uint8

const (
	Upload   Direction = iota // from the client
	Download                  // to the client
)

// Pacer slows transfers down. It must be safe for concurrent use.
type Pacer interface {
	// Wait is told of n bytes that were read from or written to a file, and
	// returns when the next may be moved, or with an error when ctx ends. n is
	// not negative, and may be larger than what passes in a second.
	Wait(ctx context.Context, d Direction, n int64) error
}
