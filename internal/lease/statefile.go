package lease

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/jenkins-token/jenkins-token/internal/file"
)

// StateFileLimit bounds a runner state file in bytes: a job can create many tokens.
const StateFileLimit = 8 << 20

// StateFile is the runner state file: leases without their tokens, one line each, for
// runners that do not pass state to the post step. The token is not in it: the post step
// has the credential of its inputs.
type StateFile struct {
	path  string
	saved Lease // as last written by this process
}

// OpenStateFile returns the runner state file at path. It need not exist yet.
func OpenStateFile(path string) *StateFile { return &StateFile{path: path} }

// Save writes a lease instead of the one that this process saved before.
// Readers know a lease by its first name.
func (s *StateFile) Save(r Lease) error {
	line, err := r.EncodeWithoutToken()
	if err == nil {
		err = s.append(line)
	}
	if err != nil {
		return err
	}
	before := s.saved
	s.saved = r
	s.saved.Names = slices.Clone(r.Names) // the caller goes on changing them
	if len(before.Names) > 0 && before.Names[0] != r.Names[0] {
		return s.mark(mark{Done: before.Names[0], Now: r.Names[0]})
	}
	return nil
}

// Clear says that there is no token to find for the lease that this process saved.
func (s *StateFile) Clear() error {
	if len(s.saved.Names) == 0 {
		return nil
	}
	return s.MarkDone(s.saved)
}

// mark is the line that says that nothing is left to do for a lease.
type mark struct {
	Done string `json:"done"`          // its first name
	Now  string `json:"now,omitempty"` // first name of the lease in its place
}

// MarkDone says that nothing is left to do for a lease, so that no later post
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

// Current returns what is known of a lease by now, and whether nothing is left to do for
// it. The state that a runner passes to the post step can be older than the runner state file:
// create continues after a cancel, and can rename the token.
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

// Leases returns the leases that are not resolved. A file that is not there
// holds none; lines that cannot be read are an error beside those that can.
func (s *StateFile) Leases() ([]Lease, error) {
	content, err := file.ReadOwn(s.path, StateFileLimit)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, leaseError(err)
	}
	var leases []Lease
	bad := 0
	for line := range bytes.Lines(content) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var done mark
		if json.Unmarshal(line, &done) == nil && done.Done != "" {
			leases = slices.DeleteFunc(leases, func(r Lease) bool { return r.Names[0] == done.Done })
			continue
		}
		r, err := Decode(line)
		if err != nil {
			bad++
			continue
		}
		if i := slices.IndexFunc(leases, func(old Lease) bool { return old.Names[0] == r.Names[0] }); i >= 0 {
			leases[i] = r
		} else {
			leases = append(leases, r)
		}
	}
	if bad > 0 {
		return leases, fmt.Errorf("%d lines: %w", bad, ErrNotLease)
	}
	return leases, nil
}
