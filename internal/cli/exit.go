package cli

// Exit codes that programs share.
const (
	ExitOK         = 0
	ExitFailed     = 1
	ExitUsage      = 2
	ExitNotStarted = 125 // failed before another command ran
	ExitCannotRun  = 126 // the other command cannot be run
	ExitNotFound   = 127 // there is no such command
)

// UsageError is a wrong use of the command line.
type UsageError struct {
	Text  string
	Hints []string
}

// Error implements error.
func (e *UsageError) Error() string { return e.Text }

// Usage returns a [*UsageError].
func Usage(text string, hints ...string) error { return &UsageError{text, hints} }

// ExitError ends the program with an exit code of its own. When Cause is nil, there is
// nothing to print.
type ExitError struct {
	Code  int
	Cause error
}

// Error implements error.
func (e *ExitError) Error() string { return e.Cause.Error() }

// Unwrap returns the cause.
func (e *ExitError) Unwrap() error { return e.Cause }
