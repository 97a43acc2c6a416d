//go:build unix && !linux

package process

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

const getTermios, setTermios = unix.TIOCGETA, unix.TIOCSETA

// readOnly fails: /dev/fd has the file itself, with all that it allows.
func readOnly(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }

// withDeadlines changes nothing: not all of these systems can wait for a terminal
// otherwise than in the read itself.
func withDeadlines(f *os.File) (same *os.File, waits bool) { return f, true }
