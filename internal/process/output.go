package process

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// output copies what the child writes to its destination, redacted.
type output struct {
	source   *os.File // our end of the pipe or pseudo-terminal
	terminal *os.File // the terminal that the pseudo-terminal stands for, nil for a pipe
	blocking bool     // a read of source ignores deadlines
	to       *Redactor
	done     chan struct{}
}

// newOutput returns an output and the file that the child writes to: a pseudo-terminal
// if w is a terminal and the system has one to give, else a pipe.
func newOutput(w io.Writer, secrets []secret.String) (*output, *os.File, error) {
	o := &output{to: NewRedactor(w, secrets), done: make(chan struct{})}
	if f, ok := w.(*os.File); ok && isTerminal(f) {
		ours, theirs, blocking, err := openPseudoTerminal()
		if err == nil {
			copySize(ours, f)
			o.source, o.terminal, o.blocking = ours, f, blocking
			return o, theirs, nil
		}
	}
	ours, theirs, err := os.Pipe()
	o.source = ours
	return o, theirs, err
}

// copy runs until nobody can write to source any more, or flush ends it. When the
// destination fails it closes source, so that the child gets the same error as if it
// wrote there itself.
func (o *output) copy() {
	defer close(o.done)
	defer func() { _ = o.source.Close() }()
	_, err := io.Copy(writerOnly{o.to}, readerOnly{o.source})
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		_ = o.source.SetReadDeadline(time.Time{})
		err = drain(o.source, o.to)
	case isHangup(err):
		err = nil
	}
	if err == nil {
		_ = o.to.Close()
	}
}

// writerOnly and readerOnly keep io.Copy from the shortcuts that files offer.
type writerOnly struct{ io.Writer }
type readerOnly struct{ io.Reader }

// flush waits for the end of copy. Once expired is closed, copy takes only what source
// holds already.
func (o *output) flush(expired <-chan struct{}) {
	select {
	case <-o.done:
		return
	case <-expired:
	}
	if o.blocking || o.source.SetReadDeadline(time.Unix(1, 0)) != nil {
		return // copy ends with the program
	}
	<-o.done
}
