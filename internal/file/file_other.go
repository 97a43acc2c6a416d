//go:build !unix

package file

import "os"

const withoutBlocking = 0

// owned is true where files have no owner and no modes that Go can see: Windows keeps
// the temporary directories of a user from others.
func owned(os.FileInfo) bool { return true }

// inherited is false where no path stands for a descriptor.
func inherited(string) (fd int, ok bool) { return 0, false }

func duplicate(int) (*os.File, error) { return nil, os.ErrInvalid }
