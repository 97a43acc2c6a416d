// Package file opens files that another process can have put where the program
// looks for one. A named pipe would hold the program up for ever, a link to
// /dev/zero would never end, and a file of another user says what that user likes.
// So only regular files are opened, without blocking, and read up to a limit.
//
// [ReadGiven] is the exception. It reads what the user of the program names, which can
// be a pipe: a shell passes <(command) as one.
package file

import (
	"errors"
	"io"
	"os"
)

// Errors of this package. All others are those of package os.
var (
	ErrIrregular = errors.New("not a regular file")
	ErrLarge     = errors.New("the file is too large")
	// ErrForeign is an error of the functions whose names end with Own.
	ErrForeign = errors.New("the file belongs to another user, or others can write to it")
)

// Read reads a file of at most limit bytes. It follows links: secrets that
// Kubernetes mounts are links.
func Read(path string, limit int64) ([]byte, error) {
	f, err := open(path, os.O_RDONLY, false)
	if err != nil {
		return nil, err
	}
	return read(f, limit)
}

// ReadOwn is [Read] of a file that nobody but this user, or an administrator, can have
// written. It follows no link.
func ReadOwn(path string, limit int64) ([]byte, error) {
	f, err := open(path, os.O_RDONLY, true)
	if err != nil {
		return nil, err
	}
	return read(f, limit)
}

func read(f *os.File, limit int64) ([]byte, error) { return readFrom(f, f, limit) }

// readFrom reads from what reads f, and closes f.
func readFrom(f *os.File, r io.Reader, limit int64) ([]byte, error) {
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(content)) > limit:
		return nil, ErrLarge
	}
	return content, nil
}

// CreateOwn creates a file that must not exist yet, nor be a link, and that nobody but this
// user, or an administrator, can read or write.
func CreateOwn(path string) (*os.File, error) {
	return protected(os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600))
}

// CreateTempOwn is [CreateOwn] of a file with a new name, as [os.CreateTemp] makes one.
func CreateTempOwn(dir, pattern string) (*os.File, error) {
	return protected(os.CreateTemp(dir, pattern))
}

func protected(f *os.File, err error) (*os.File, error) {
	if err != nil {
		return nil, err
	}
	if err := protect(f.Name()); err != nil {
		_ = f.Close()
		_ = os.Remove(f.Name())
		return nil, err
	}
	return f, nil
}

// Append opens a file that is there, to write at its end.
func Append(path string) (*os.File, error) { return open(path, os.O_WRONLY|os.O_APPEND, false) }

// AppendOwn is [Append] to a file that nobody but this user can have written.
func AppendOwn(path string) (*os.File, error) { return open(path, os.O_WRONLY|os.O_APPEND, true) }

func open(path string, flag int, own bool) (*os.File, error) {
	if own {
		info, err := os.Lstat(path)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, ErrIrregular
		}
	}
	f, err := os.OpenFile(path, flag|withoutBlocking, 0)
	if err != nil {
		// A pipe that nobody reads (ENXIO), a socket, a directory opened to write.
		if info, failed := os.Stat(path); failed == nil && !info.Mode().IsRegular() {
			return nil, ErrIrregular
		}
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = ErrIrregular
	case own && !ownedAt(path, info):
		err = ErrForeign
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// ownedAt reports whether the open file is the one at path and no link to it, and
// this user's alone.
func ownedAt(path string, open os.FileInfo) bool {
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(named, open) && owned(path, open)
}
