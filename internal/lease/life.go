package lease

import (
	"context"
	"io"
	"time"
)

// Life is what the life of a token needs from outside.
type Life struct {
	Now    func() time.Time
	Pause  func(ctx context.Context, d time.Duration) error // waits, or returns the context's error
	Random io.Reader
	// Grace is how long everything may continue after a signal to this process, and
	// how long undoing may take without one.
	Grace time.Duration
	// Timeout bounds everything else that one command does: requests and pauses
	// together.
	Timeout time.Duration
	// Progress, Notice and Warn tell the user one line.
	Progress, Notice, Warn func(string)
}
