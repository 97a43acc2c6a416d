package lease

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins"
)

// policy is the one retry policy: it decides whether a request is repeated, after which
// pause, and it is the one place that counts refused logins. All revocations of one
// command share it.
type policy struct {
	life    Life
	refused int // logins refused so far
}

// maxRefused is how many logins may be refused in one command: one more could lock the
// account.
const maxRefused = 2

// errRefusedTwice is said of what is not sent for that.
var errRefusedTwice = errors.New("not tried, two logins were refused before")

// once sends a request, unless two logins were refused.
func (p *policy) once(send func() error) error {
	if p.refused >= maxRefused {
		return errRefusedTwice
	}
	err := send()
	if is(err, jenkins.KindRefused) {
		p.refused++
	}
	return err
}

// repeat sends a request, and again while waiting can help.
func (p *policy) repeat(ctx context.Context, client *jenkins.Client, send func() error) error {
	waits := p.life.backoff(p.life.Timeout)
	for {
		err := p.once(send)
		if err == nil || !retryable(err) || !waits.beforeRepeat(ctx, client, err) {
			return err
		}
	}
}

// RepeatWhileLimited sends a request, and again while a gateway limits the rate or the
// controller is not ready, for as long as patience.
func (l Life) RepeatWhileLimited(ctx context.Context, c *jenkins.Client, patience time.Duration, send func() error) error {
	waits := l.backoff(patience)
	for {
		err := send()
		if !limited(err) || !waits.beforeRepeat(ctx, c, err) {
			return err
		}
	}
}

// retryable reports whether a request failed for a reason that may pass with time.
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

// limited reports whether a request failed because too many came, or because the
// controller or a gateway was not ready, which a gateway can mean by it.
func limited(err error) bool {
	return is(err, jenkins.KindRateLimit) || is(err, jenkins.KindUnavailable)
}

// unanswered reports whether the controller may have received a request to which no
// answer came.
func unanswered(err error) bool {
	failed := failure(err)
	return failed != nil && failed.Sent && failed.Status == 0
}

// blocked reports whether something forbids the path of a request.
func blocked(err error) bool {
	return is(err, jenkins.KindForbidden) || is(err, jenkins.KindPermission) || is(err, jenkins.KindNotFound) || is(err, jenkins.KindMethod)
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

// backoff gives growing, jittered pauses from 50 ms to 2 s, until their sum would pass
// its budget: measured on a real Jenkins, this is what 100 creations at once for one
// account need.
type backoff struct {
	life       Life
	next       time.Duration
	left       time.Duration
	told       bool          // the user knows why a request is repeated
	afterProbe time.Duration // the last pause between a probe and a repeat
}

// Pauses grow to longPause; after a rate limit they begin at limitedPause and grow to
// longLimited, half of it at the least.
const (
	firstPause   = 50 * time.Millisecond
	longPause    = 2 * time.Second
	limitedPause = 1100 * time.Millisecond
	longLimited  = 4 * time.Second
)

func (l Life) backoff(budget time.Duration) *backoff {
	return &backoff{life: l, next: firstPause, left: budget}
}

// beforeRepeat pauses before a request is repeated, and reports whether there is time to
// repeat it. Where the controller was not ready, or the credential has not worked yet, the
// controller is asked without it until it answers: the few tries of such a credential are
// kept for then. After that comes another pause, since a gateway that limits the rate
// counts that question too.
func (b *backoff) beforeRepeat(ctx context.Context, c *jenkins.Client, failed error) bool {
	b.notify(ctx, failed)
	answer := failure(failed)
	if c == nil || answer == nil || !answer.Sent {
		return b.wait(ctx, failed)
	}
	if answer.Kind == jenkins.KindUnavailable {
		if answer.RetryAfter > 0 && !b.wait(ctx, failed) || !b.awaitStart(ctx, c) {
			return false
		}
	} else if c.Proven() {
		return b.wait(ctx, failed)
	} else if !b.awaitAnswer(ctx, c, failed) {
		return false
	}
	if !limited(failed) {
		return b.wait(ctx, nil)
	}
	b.afterProbe = min(max(2*b.afterProbe, limitedPause), longLimited)
	return b.pause(ctx, b.afterProbe+time.Duration(b.life.jitter()*float64(b.afterProbe/2)))
}

// awaitAnswer waits until the controller answers a request without a credential, or
// refuses it.
func (b *backoff) awaitAnswer(ctx context.Context, c *jenkins.Client, failed error) bool {
	for {
		if answer := failure(failed); answer.Kind != jenkins.KindRateLimit && answer.RetryAfter == 0 {
			failed = nil
		}
		if !b.wait(ctx, failed) {
			return false
		}
		if _, failed = c.Probe(ctx); failed == nil || !retryable(failed) {
			return true
		}
	}
}

// awaitStart waits until the controller is up.
func (b *backoff) awaitStart(ctx context.Context, c *jenkins.Client) bool {
	for b.wait(ctx, nil) {
		if starting, err := c.Starting(ctx); err == nil && !starting {
			return true
		}
	}
	return false
}

// wait pauses after what failed, and reports whether there is time for another try.
//
// After 429 and 503 the pauses are of a second and more, and as long as the answer asked
// for: a gateway that limits the rate answers faster repeats with the same.
func (b *backoff) wait(ctx context.Context, failed error) bool {
	b.notify(ctx, failed)
	limit := longPause
	if limited(failed) {
		// Half of it and more is what follows.
		b.next, limit = max(b.next, 2*limitedPause), longLimited
	}
	d := b.next/2 + time.Duration(b.life.jitter()*float64(b.next/2))
	b.next = min(2*b.next, limit)
	if answer := failure(failed); answer != nil {
		d = max(d, answer.RetryAfter)
	}
	return b.pause(ctx, d)
}

// notify tells the user, once, that the controller does not answer, and until when it is
// asked again.
func (b *backoff) notify(ctx context.Context, failed error) {
	silent := is(failed, jenkins.KindTimeout) || is(failed, jenkins.KindConnect) || is(failed, jenkins.KindResolve) ||
		is(failed, jenkins.KindProxyTarget) || is(failed, jenkins.KindRateLimit)
	answer := failure(failed)
	if silent && !b.told && ctx.Err() == nil && answer.RetryAfter < b.left {
		b.told = true
		b.life.Notice(failed.Error() + "; trying again until " + b.life.Now().Add(b.left).UTC().Format("15:04:05 UTC"))
	}
}

// pause waits for d where there is time for it.
func (b *backoff) pause(ctx context.Context, d time.Duration) bool {
	if b.left -= d; b.left < 0 {
		return false
	}
	return b.life.Pause(ctx, d) == nil
}

// starting reports whether the controller is starting or stopping, asked at once
// and a second later: for that time it answers 401 to good tokens.
func (l Life) starting(ctx context.Context, c *jenkins.Client) bool {
	if starting, err := c.Starting(ctx); starting || err != nil {
		return true
	}
	if l.Pause(ctx, time.Second) != nil {
		return true // unknown, and only a token that is known to be gone counts as gone
	}
	starting, err := c.Starting(ctx)
	return starting || err != nil
}

// jitter is in [0, 1).
func (l Life) jitter() float64 {
	var seed [32]byte
	if _, err := io.ReadFull(l.Random, seed[:]); err != nil {
		return 0.5
	}
	return rand.New(rand.NewChaCha8(seed)).Float64()
}
