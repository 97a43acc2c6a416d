package lease

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/jenkins-token/jenkins-token/internal/file"
)

// ReadFile reads a file of at most [SizeLimit] bytes that nobody but this user can
// have written: whoever could would choose the token that is revoked.
func ReadFile(path string) ([]byte, error) {
	content, err := file.ReadOwn(path, SizeLimit)
	return content, leaseError(err)
}

// leaseError is [ErrNotLease] for what cannot be a file of this package.
func leaseError(err error) error {
	if errors.Is(err, file.ErrIrregular) || errors.Is(err, file.ErrLarge) {
		return ErrNotLease
	}
	return err
}

// File is a lease in a file of its own, readable by its owner alone.
type File struct{ path string }

// CreateFile creates the file, which must not exist yet, nor be a link.
func CreateFile(path string) (*File, error) {
	f, err := file.CreateOwn(path)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return &File{path}, nil
}

// Path is where the file is.
func (f *File) Path() string { return f.path }

// Save replaces the file's content: whole, or not at all.
func (f *File) Save(r Lease) error {
	line, err := r.Encode()
	if err != nil {
		return err
	}
	next, err := file.CreateTempOwn(filepath.Dir(f.path), ".jenkins-token-*")
	if err != nil {
		return err
	}
	_, err = next.Write(append(line, '\n'))
	if err == nil {
		err = next.Sync()
	}
	if closed := next.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(next.Name(), f.path)
	}
	if err != nil {
		_ = os.Remove(next.Name())
	}
	return err
}

// Remove deletes the file.
func (f *File) Remove() error { return os.Remove(f.path) }
