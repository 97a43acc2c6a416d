package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Interrupted is the cause of a context that a signal ended.
type Interrupted struct{ Code int }

// Error implements error.
func (Interrupted) Error() string { return "interrupted by a signal" }

// Signals are the signals sent to this process. They wait while nobody watches.
type Signals struct {
	incoming chan os.Signal
	grace    time.Duration
	leave    func(code int)
	stop     func() // ends the watch
}

// Interruptible returns a context that the first SIGINT or SIGTERM to this
// process ends, with the cause [Interrupted]. A second one, or the end of the grace,
// calls leave with the exit code. From now on a write to a pipe without a reader is an
// error, and does not end the process: what could not be written may have to be undone.
func Interruptible(ctx context.Context, grace time.Duration, leave func(code int)) (context.Context, *Signals) {
	s := &Signals{incoming: make(chan os.Signal, 64), grace: grace, leave: leave}
	s.Listen(syscall.SIGINT, syscall.SIGTERM)
	// Not signal.Ignore, which children would inherit.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return s.Watch(ctx, leave), s
}

// Incoming returns the signals that nobody watches.
func (s *Signals) Incoming() <-chan os.Signal { return s.incoming }

// Leave ends the process with an exit code.
func (s *Signals) Leave(code int) { s.leave(code) }

// Stop ends the watch that [Signals.Watch] began.
func (s *Signals) Stop() { s.stop() }

// Listen adds signals to those that come in, without those that whoever started
// the program has had ignored (nohup): they stay ignored here, and in children.
func (s *Signals) Listen(signals ...os.Signal) {
	for _, one := range signals {
		if !signal.Ignored(one) {
			signal.Notify(s.incoming, one)
		}
	}
}

// Watch ends the context it returns at the first signal that asks the program to end,
// and calls leave at the second, or after the grace of the first. It lasts until
// [Signals.Stop], which ends the context too; signals that come later stay in the channel.
func (s *Signals) Watch(ctx context.Context, leave func(code int)) context.Context {
	over, finish := context.WithCancel(context.Background())
	ctx, cancel := context.WithCancelCause(ctx)
	stop, stopped := make(chan struct{}), make(chan struct{})
	s.stop = func() { close(stop); <-stopped; cancel(nil); finish() }
	go func() {
		defer close(stopped)
		for first := true; ; {
			select {
			case <-stop:
				return
			case one := <-s.incoming:
				code, ends := codeOf(one)
				switch {
				case ends && first:
					first = false
					cancel(Interrupted{code})
					// Nothing that hangs, such as a write to a pipe, keeps the program alive:
					// the runner kills it soon after, and then nothing is said.
					last := time.AfterFunc(s.grace, func() { leave(code) })
					context.AfterFunc(over, func() { last.Stop() })
				case ends:
					leave(code)
				}
			}
		}
	}()
	return ctx
}

// codeOf is the exit code of a program that a signal ended, as a shell gives it;
// false for signals that are no request to end.
func codeOf(s os.Signal) (int, bool) {
	switch s {
	case syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM:
		return 128 + int(s.(syscall.Signal)), true
	}
	return 0, false
}
