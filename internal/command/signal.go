package command

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/lease"
)

// Interrupted is the cause of a context that a signal ended.
type Interrupted struct{ Code int }

// Error implements error.
func (Interrupted) Error() string { return "interrupted by a signal" }

// Signals are the signals sent to this process. While nobody watches they wait.
type Signals struct {
	incoming chan os.Signal
	leave    func(code int)
	stop     func() // ends the watch
}

// Interruptible returns a context that the first SIGINT or SIGTERM to this
// process ends, with the cause [Interrupted]. A second one calls leave with the
// exit code: the record stays. From now on a reader of standard output or error
// that is gone is an error of the write, and no end of the process: a token that
// could not be handed on has to be revoked.
func Interruptible(ctx context.Context, leave func(code int)) (context.Context, *Signals) {
	s := &Signals{incoming: make(chan os.Signal, 64), leave: leave}
	s.listen(syscall.SIGINT, syscall.SIGTERM)
	// Not signal.Ignore, which children would inherit.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return s.watch(ctx, leave), s
}

// listen adds signals to those that come in, without those that whoever started
// the program has had ignored (nohup): they stay ignored here, and in children.
func (s *Signals) listen(signals ...os.Signal) {
	for _, one := range signals {
		if !signal.Ignored(one) {
			signal.Notify(s.incoming, one)
		}
	}
}

// watch ends the context it returns at the first signal that asks the program to
// end, and calls leave at the second, or a second after the grace of the first. It lasts until stop, which ends the context
// too; signals that come later stay in the channel.
func (s *Signals) watch(ctx context.Context, leave func(code int)) context.Context {
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
					last := time.AfterFunc(lease.Grace+time.Second, func() { leave(code) })
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
