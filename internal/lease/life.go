package lease

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins"
)

// Life is what the life of a token needs from outside.
type Life struct {
	Now    func() time.Time
	Pause  func(ctx context.Context, d time.Duration) error // waits, or returns the context's error
	Random io.Reader
	// Grace is how long work goes on after a signal to this process.
	Grace time.Duration
	// Timeout bounds everything one command does, and the sum of its pauses.
	Timeout time.Duration
	// Notice and Warn tell the user one line.
	Notice, Warn func(string)
}

// Grace is how long work goes on after a signal: GitHub's runner kills the
// container 7.5 s after the first.
const Grace = 6 * time.Second

// working returns the context for everything sent to Jenkins: it outlives a
// signal to the process by the grace, because a request broken off leaves a
// token in doubt.
func (l Life) working(ctx context.Context) (context.Context, context.CancelFunc) {
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.Timeout)
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(l.Grace, cancel)
		context.AfterFunc(work, func() { timer.Stop() })
	})
	return work, func() { stop(); cancel() }
}

// cleaning returns the context for undoing, which has a deadline of its own.
func (l Life) cleaning(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), l.Grace)
}

// pauses hands out growing, jittered pauses from 50 ms to 2 s, until their sum
// would pass the budget: measured on a real Jenkins, this is what 100 creations
// at once for one account need.
type pauses struct {
	life Life
	next time.Duration
	left time.Duration
}

func (l Life) pauses(budget time.Duration) *pauses {
	return &pauses{l, 50 * time.Millisecond, budget}
}

// wait pauses and reports whether there is time for another try. A signal is the
// end of trying.
func (p *pauses) wait(ctx context.Context) bool {
	d := p.next/2 + time.Duration(p.life.jitter()*float64(p.next/2))
	p.next = min(2*p.next, 2*time.Second)
	if p.left -= d; p.left < 0 {
		return false
	}
	return p.life.Pause(ctx, d) == nil
}

// jitter is in [0, 1).
func (l Life) jitter() float64 {
	var seed [32]byte
	if _, err := io.ReadFull(l.Random, seed[:]); err != nil {
		return 0.5
	}
	return rand.New(rand.NewChaCha8(seed)).Float64()
}

// failure is the error of the client in err, nil when there is none.
func failure(err error) *jenkins.Error {
	failed, _ := errors.AsType[*jenkins.Error](err)
	return failed
}

// ours reports whether err is of a kind.
func is(err error, kind jenkins.Kind) bool {
	failed := failure(err)
	return failed != nil && failed.Kind == kind
}

// passing reports whether a request failed for a reason that time can mend.
func passing(err error) bool {
	failed := failure(err)
	if failed == nil {
		return false
	}
	switch failed.Kind {
	case jenkins.KindConnect, jenkins.KindResolve, jenkins.KindTimeout, jenkins.KindConnection,
		jenkins.KindUnavailable, jenkins.KindServer, jenkins.KindAnswer:
		return true
	}
	return false
}

// starting reports whether the controller is starting or stopping, asked at once
// and a second later: for that time it answers 401 to good tokens.
func (l Life) starting(ctx context.Context, c *jenkins.Client) bool {
	for range 2 {
		if up, err := c.Starting(ctx); up || err != nil {
			return true
		}
		if l.Pause(ctx, time.Second) != nil {
			return false
		}
	}
	return false
}

// awaitStart waits until the controller is up.
func (l Life) awaitStart(ctx context.Context, c *jenkins.Client) bool {
	p := l.pauses(l.Timeout)
	for p.wait(ctx) {
		if starting, err := c.Starting(ctx); err == nil && !starting {
			return true
		}
	}
	return false
}
