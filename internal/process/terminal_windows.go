package process

import (
	"errors"
	"io"
	"os"

	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// newTerminal gives the command a pipe: what it prints is redacted, and it sees no
// console there.
func newTerminal(to *os.File, secrets []secret.String) (*output, *os.File, error) {
	return newOutput(to, secrets)
}

func (o *output) resize() {}

func atEnd(err error) bool { return errors.Is(err, io.EOF) }

func resizes(os.Signal) bool { return false }

// readOnly fails: the input of a console is not written to.
func readOnly(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }
