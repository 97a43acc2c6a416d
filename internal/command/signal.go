package command

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Interrupted is the cause of a context that a signal ended.
type Interrupted struct{ Code int }

// Error implements error.
func (Interrupted) Error() string { return "interrupted by a signal" }

// Interruptible returns a context that the first SIGINT or SIGTERM to this
// process ends, with the cause [Interrupted]. A second one calls leave with the
// exit code: the record stays. From now on a reader of standard output or error
// that is gone is an error of the write, and no end of the process: a token that
// could not be handed on has to be revoked.
func Interruptible(ctx context.Context, leave func(code int)) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	// Not signal.Ignore, which children would inherit.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go func() {
		first := codeOf(<-signals)
		cancel(Interrupted{Code: first})
		leave(codeOf(<-signals))
	}()
	return ctx
}

func codeOf(s os.Signal) int {
	if s == syscall.SIGTERM {
		return 143
	}
	return 130
}
