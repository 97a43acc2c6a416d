package process

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// output copies what a command writes to where it belongs, redacted.
type output struct {
	pipe     *os.File // its reading end
	to       secret.Value[*redactor]
	done     chan struct{}
	terminal *os.File // whose place the pipe takes, nil for none
	waits    bool     // a read of the pipe knows no deadline
}

// newOutput returns an output and the end of its pipe that the command is given.
func newOutput(w io.Writer, secrets []secret.String) (*output, *os.File, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	return &output{pipe: reader, to: secret.Hold(newRedactor(w, secrets)), done: make(chan struct{})}, writer, nil
}

// copy runs until nobody holds the pipe any more, or finish ends it. It closes
// the pipe when its own writer is gone, so that the command learns of that as if
// it wrote there itself.
func (o *output) copy() {
	defer close(o.done)
	defer func() { _ = o.pipe.Close() }()
	_, err := io.Copy(writerOnly{o.to.Reveal()}, readerOnly{o.pipe})
	if err != nil && atEnd(err) {
		err = nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = o.pipe.SetReadDeadline(time.Time{})
		err = drain(o.pipe, o.to.Reveal())
	}
	if err == nil {
		_ = o.to.Reveal().Close()
	}
}

// writerOnly and readerOnly keep io.Copy from the ways around Read and Write
// that files have.
type writerOnly struct{ io.Writer }
type readerOnly struct{ io.Reader }

// finish waits until the copy is at its end, but once over is, only for what is
// in the pipe already: its reader may be slow, its writers may never end.
func (o *output) finish(over <-chan struct{}) {
	select {
	case <-o.done:
		return
	case <-over:
	}
	if o.waits || o.pipe.SetReadDeadline(time.Unix(1, 0)) != nil {
		return // the copy ends with the program
	}
	<-o.done
}
