//go:build !linux

package process

import (
	"errors"
	"os"
)

// MakeUndumpable is implemented on Linux only. Elsewhere it returns an error that says
// so.
func MakeUndumpable() error {
	return errors.New("this system cannot protect the environment of a process from other processes of the same user")
}

// reopenReadOnly is implemented on Linux only: /dev/fd gives the same file with the
// same rights, and nobody can write to the input of a Windows console.
func reopenReadOnly(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }
