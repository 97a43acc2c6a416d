package lease

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/jenkins-token/jenkins-token/internal/file"
)

// ReadFile reads a file of at most [RecordLimit] bytes that nobody but this user can
// have written: whoever could would choose the token that is revoked.
func ReadFile(path string) ([]byte, error) {
	content, err := file.ReadOwn(path, SizeLimit)
	return content, leaseError(err)
}

// recordError is ErrRecord for what cannot be a file of this package.
func leaseError(err error) error {
	if errors.Is(err, file.ErrIrregular) || errors.Is(err, file.ErrLarge) {
		return ErrNotLease
	}
	return err
}

// SideLimit bounds a side file in bytes: a job can create many tokens.
const StateFileLimit = 8 << 20

// File is a record in a file of its own, readable by its owner alone.
type File struct{ path string }

// CreateFile makes the file, which must not exist yet, nor be a link.
func CreateFile(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
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

// Keep replaces the file's content: whole, or not at all.
func (f *File) Save(r Lease) error {
	line, err := r.Encode()
	if err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(f.path), ".jenkins-token-*")
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

// Side is a file of records without their tokens, one line each, for runners
// that do not hand state to the post step. The token is not in it: the post step
// has the credential of its inputs.
type StateFile struct {
	path string
	kept Lease // as last written by this process
}

// OpenSide returns the side file at path. It need not exist yet.
func OpenStateFile(path string) *StateFile { return &StateFile{path: path} }

// Keep writes a record in place of the one that this process kept before.
// Readers know a record by its first name.
func (s *StateFile) Save(r Lease) error {
	line, err := r.EncodeWithoutToken()
	if err == nil {
		err = s.append(line)
	}
	if err != nil {
		return err
	}
	before := s.kept
	s.kept = r
	s.kept.Names = slices.Clone(r.Names) // the caller goes on changing them
	if len(before.Names) > 0 && before.Names[0] != r.Names[0] {
		return s.mark(mark{Done: before.Names[0], Now: r.Names[0]})
	}
	return nil
}

// Drop says that the record which this process kept is void.
func (s *StateFile) Clear() error {
	if len(s.kept.Names) == 0 {
		return nil
	}
	return s.MarkDone(s.kept)
}

// mark is the line that says that nothing is left to do for a record.
type mark struct {
	Done string `json:"done"`          // its first name
	Now  string `json:"now,omitempty"` // first name of the record in its place
}

// MarkDone says that nothing is left to do for a record, so that no later post
// step sends anything for it.
func (s *StateFile) MarkDone(r Lease) error { return s.mark(mark{Done: r.Names[0]}) }

func (s *StateFile) mark(m mark) error {
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.append(line)
}

func (s *StateFile) append(line []byte) error { return appendLine(s.path, line) }

// Current returns what is known of a record by now, and whether nothing is left to do for
// it. The state that a runner passes to the post step can be older than the side file:
// create goes on after a cancel, and can rename the token.
func (s *StateFile) Current(r Lease) (current Lease, done bool) {
	content, err := file.ReadOwn(s.path, StateFileLimit)
	if err != nil {
		return r, false
	}
	first, latest := r.Names[0], Lease{}
	kept := map[string]Lease{} // by first name
	for line := range bytes.Lines(content) {
		var m mark
		if json.Unmarshal(line, &m) == nil && m.Done != "" {
			if m.Done == first {
				done = m.Now == ""
				first = cmp.Or(m.Now, first)
				latest = kept[first]
			}
		} else if k, err := Decode(bytes.TrimSpace(line)); err == nil {
			kept[k.Names[0]] = k
			if k.Names[0] == first {
				latest, done = k, false
			}
		}
	}
	switch {
	case r.Complete():
	case latest.TokenUUID != "":
		r = latest
	default:
		for _, name := range latest.Names {
			if !slices.Contains(r.Names, name) {
				r.Names = append(slices.Clone(r.Names), name)
			}
		}
		if latest.PendingUntil.After(r.PendingUntil) {
			r.PendingUntil = latest.PendingUntil
		}
	}
	return r, done
}

// Records returns the records that are not dealt with. A file that is not there
// holds none; lines that cannot be read are an error beside those that can.
func (s *StateFile) Leases() ([]Lease, error) {
	content, err := file.ReadOwn(s.path, StateFileLimit)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, leaseError(err)
	}
	var records []Lease
	bad := 0
	for line := range bytes.Lines(content) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var done mark
		if json.Unmarshal(line, &done) == nil && done.Done != "" {
			records = slices.DeleteFunc(records, func(r Lease) bool { return r.Names[0] == done.Done })
			continue
		}
		r, err := Decode(line)
		if err != nil {
			bad++
			continue
		}
		if i := slices.IndexFunc(records, func(old Lease) bool { return old.Names[0] == r.Names[0] }); i >= 0 {
			records[i] = r
		} else {
			records = append(records, r)
		}
	}
	if bad > 0 {
		return records, fmt.Errorf("%d lines: %w", bad, ErrNotLease)
	}
	return records, nil
}
