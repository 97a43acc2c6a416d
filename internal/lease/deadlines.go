package lease

import (
	"context"
	"time"
)

// Grace is how long work continues after a signal: GitHub's runner kills the
// container 7.5 s after the first.
const Grace = 6 * time.Second

// deadlines are the contexts of one command. Each is named for what it is used for.
type deadlines struct {
	// requests ends with the timeout, and some time after a signal. It outlives the
	// signal, because a request that is broken off leaves a token unconfirmed.
	requests context.Context
	// retries ends with the timeout, and at a signal: for what may be left out, such as
	// more tries, pauses and a sweep.
	retries context.Context
	// cleanup ends with the grace after a signal, and has no timeout.
	cleanup context.Context

	end    func()
	begun  time.Time
	budget time.Duration
}

// deadlines begin now. After a signal, which ends ctx, requests go on for as long as
// afterSignal: the grace, or less where something has to be undone then.
func (l Life) deadlines(ctx context.Context, afterSignal time.Duration) *deadlines {
	whole := l.untilSignal(ctx, afterSignal)
	part := whole.within(l.Timeout)
	end := part.end
	part.end = func() { end(); whole.end() }
	return part
}

// within returns the same deadlines, at most d from now.
func (s *deadlines) within(d time.Duration) *deadlines {
	part := *s
	var endRequests, endRetries context.CancelFunc
	part.requests, endRequests = context.WithTimeout(s.requests, d)
	part.retries, endRetries = context.WithTimeout(s.retries, d)
	part.end = func() { endRetries(); endRequests() }
	return &part
}

// untilSignal returns deadlines that a signal sets, and no timeout.
func (l Life) untilSignal(ctx context.Context, afterSignal time.Duration) *deadlines {
	s := &deadlines{begun: l.Now(), budget: l.Timeout}
	var endRequests, endRetries, endCleanup context.CancelFunc
	s.cleanup, endCleanup = context.WithCancel(context.WithoutCancel(ctx))
	s.requests, endRequests = context.WithCancel(s.cleanup)
	s.retries, endRetries = context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() {
		requests, cleanup := time.AfterFunc(afterSignal, endRequests), time.AfterFunc(l.Grace, endCleanup)
		context.AfterFunc(s.cleanup, func() { requests.Stop(); cleanup.Stop() })
	})
	s.end = func() { stop(); endRetries(); endRequests(); endCleanup() }
	return s
}

// half is what is left of the first half of the time.
func (s *deadlines) half(l Life) time.Duration { return s.budget/2 - l.Now().Sub(s.begun) }

// undo returns a context for undoing what failed: of the length of the grace, and no
// longer than the grace after a signal.
func (s *deadlines) undo(l Life) (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.cleanup, l.Grace)
}
