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
	// Grace is how long everything may go on after a signal to this process, and
	// how long undoing may take without one.
	Grace time.Duration
	// Timeout bounds everything else that one command does: requests and pauses
	// together.
	Timeout time.Duration
	// Progress, Notice and Warn tell the user one line.
	Progress, Notice, Warn func(string)
}

// Grace is how long work goes on after a signal: GitHub's runner kills the
// container 7.5 s after the first.
const Grace = 6 * time.Second

// span is the time that one command has: its timeout, and the grace after a
// signal to this process.
type span struct {
	// work is for requests. It outlives a signal, because a request broken off
	// leaves a token in doubt.
	work context.Context
	// again is for whatever may be left out: more tries, pauses, a sweep. It ends
	// with work, or at a signal.
	again context.Context
	// last ends with the grace after a signal, however long work had.
	last   context.Context
	end    func()
	begun  time.Time
	budget time.Duration
}

// span begins now. After a signal work goes on for as long as patience, which is
// the grace, or less where something has to be undone then.
func (l Life) span(ctx context.Context, patience time.Duration) *span {
	whole := l.endless(ctx, patience)
	part := whole.within(l.Timeout)
	end := part.end
	part.end = func() { end(); whole.end() }
	return part
}

// within is the part of a span from now on that ends after d.
func (s *span) within(d time.Duration) *span {
	part := *s
	var endWork, endAgain context.CancelFunc
	part.work, endWork = context.WithTimeout(s.work, d)
	part.again, endAgain = context.WithTimeout(s.again, d)
	part.end = func() { endAgain(); endWork() }
	return &part
}

// endless is a span that a signal ends, and no timeout.
func (l Life) endless(ctx context.Context, patience time.Duration) *span {
	s := &span{begun: l.Now(), budget: l.Timeout}
	var endWork, endAgain, endLast context.CancelFunc
	s.last, endLast = context.WithCancel(context.WithoutCancel(ctx))
	s.work, endWork = context.WithCancel(s.last)
	s.again, endAgain = context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() {
		work, last := time.AfterFunc(patience, endWork), time.AfterFunc(l.Grace, endLast)
		context.AfterFunc(s.last, func() { work.Stop(); last.Stop() })
	})
	s.end = func() { stop(); endAgain(); endWork(); endLast() }
	return s
}

// half is what is left of the first half of the time.
func (s *span) half(l Life) time.Duration { return s.budget/2 - l.Now().Sub(s.begun) }

// cleaning returns the context for undoing: it has a deadline of its own, and
// still ends with the grace after a signal.
func (s *span) cleaning(l Life) (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.last, l.Grace)
}

// pauses hands out growing, jittered pauses from 50 ms to 2 s, until their sum
// would pass the budget: measured on a real Jenkins, this is what 100 creations
// at once for one account need.
type pauses struct {
	life       Life
	next       time.Duration
	left       time.Duration
	told       bool          // why it is tried again
	afterProbe time.Duration // the last pause between a question without a credential and a repeat
}

func (l Life) pauses(budget time.Duration) *pauses {
	return &pauses{life: l, next: 50 * time.Millisecond, left: budget}
}

// wait pauses after what failed, and reports whether there is time for another
// try. Whoever waits for a controller that is not reached, or gives no answer, is told
// once why and until when.
//
// After 429 and 503 the pauses are of a second and more, and as long as the answer
// asked for: a gateway that limits the rate answers faster repeats with the same.
func (p *pauses) wait(ctx context.Context, failed error) bool {
	p.tell(ctx, failed)
	limit := longPause
	if limited(failed) {
		// Half of it and more is what follows.
		p.next, limit = max(p.next, 2*limitedPause), longLimited
	}
	d := p.next/2 + time.Duration(p.life.jitter()*float64(p.next/2))
	p.next = min(2*p.next, limit)
	if answer := failure(failed); answer != nil {
		d = max(d, answer.RetryAfter)
	}
	return p.pause(ctx, d)
}

// Pauses grow to longPause; after a rate limit they begin at limitedPause and grow to
// longLimited, half of it at the least.
const (
	longPause    = 2 * time.Second
	limitedPause = 1100 * time.Millisecond
	longLimited  = 4 * time.Second
)

// limited reports whether a request failed because too many came, or because the
// controller or a gateway was not ready, which a gateway can mean by it.
func limited(err error) bool {
	return is(err, jenkins.KindRateLimit) || is(err, jenkins.KindUnavailable)
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

// is reports whether err is of a kind.
func is(err error, kind jenkins.Kind) bool {
	failed := failure(err)
	return failed != nil && failed.Kind == kind
}

// passing reports whether a request failed for a reason that time can mend.
func retryable(err error) bool {
	failed := failure(err)
	if failed == nil {
		return false
	}
	switch failed.Kind {
	case jenkins.KindConnect, jenkins.KindResolve, jenkins.KindTimeout, jenkins.KindConnection,
		jenkins.KindUnavailable, jenkins.KindServer, jenkins.KindAnswer, jenkins.KindRateLimit, jenkins.KindProxyTarget:
		return true
	}
	return false
}

// starting reports whether the controller is starting or stopping, asked at once
// and a second later: for that time it answers 401 to good tokens.
func (l Life) starting(ctx context.Context, c *jenkins.Client) bool {
	if starting, err := c.Starting(ctx); starting || err != nil {
		return true
	}
	if l.Pause(ctx, time.Second) != nil {
		return true // nobody knows, and a token that is gone must be known to be
	}
	starting, err := c.Starting(ctx)
	return starting || err != nil
}

// tell says why it is tried again, once.
func (p *pauses) tell(ctx context.Context, failed error) {
	silent := is(failed, jenkins.KindTimeout) || is(failed, jenkins.KindConnect) || is(failed, jenkins.KindResolve) ||
		is(failed, jenkins.KindProxyTarget) || is(failed, jenkins.KindRateLimit)
	answer := failure(failed)
	if silent && !p.told && ctx.Err() == nil && answer.RetryAfter < p.left {
		p.told = true
		p.life.Notice(failed.Error() + "; trying again until " + p.life.Now().Add(p.left).UTC().Format("15:04:05 UTC"))
	}
}

// again pauses before a request is repeated. Where the controller was not ready, or the
// credential has not worked yet, the controller is asked without it until it answers:
// the few tries of such a credential are kept for then. After that comes another pause,
// since a gateway that limits the rate counts that question too.
func (p *pauses) again(ctx context.Context, c *jenkins.Client, failed error) bool {
	p.tell(ctx, failed)
	answer := failure(failed)
	if c == nil || answer == nil || !answer.Sent {
		return p.wait(ctx, failed)
	}
	if answer.Kind == jenkins.KindUnavailable {
		if answer.RetryAfter > 0 && !p.wait(ctx, failed) || !p.awaitStart(ctx, c) {
			return false
		}
	} else if c.Proven() {
		return p.wait(ctx, failed)
	} else if !p.awaitAnswer(ctx, c, failed) {
		return false
	}
	if !limited(failed) {
		return p.wait(ctx, nil)
	}
	p.afterProbe = min(max(2*p.afterProbe, limitedPause), longLimited)
	return p.pause(ctx, p.afterProbe+time.Duration(p.life.jitter()*float64(p.afterProbe/2)))
}

// pause waits for d where there is time for it.
func (p *pauses) pause(ctx context.Context, d time.Duration) bool {
	if p.left -= d; p.left < 0 {
		return false
	}
	return p.life.Pause(ctx, d) == nil
}

// Patiently does f, and again while a gateway limits the rate or the controller is not
// ready, for as long as patience.
func (l Life) Patiently(ctx context.Context, c *jenkins.Client, patience time.Duration, f func() error) error {
	waits := l.pauses(patience)
	for {
		err := f()
		if !limited(err) || !waits.again(ctx, c, err) {
			return err
		}
	}
}

// awaitAnswer waits until the controller answers without a login, or refuses to.
func (p *pauses) awaitAnswer(ctx context.Context, c *jenkins.Client, failed error) bool {
	for {
		if answer := failure(failed); answer.Kind != jenkins.KindRateLimit && answer.RetryAfter == 0 {
			failed = nil
		}
		if !p.wait(ctx, failed) {
			return false
		}
		if _, failed = c.Probe(ctx); failed == nil || !retryable(failed) {
			return true
		}
	}
}

// awaitStart waits until the controller is up.
func (p *pauses) awaitStart(ctx context.Context, c *jenkins.Client) bool {
	for p.wait(ctx, nil) {
		if starting, err := c.Starting(ctx); err == nil && !starting {
			return true
		}
	}
	return false
}
