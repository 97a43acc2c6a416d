package command

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/cli"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// createStore is where create keeps the lease. It implements [lease.Store] and
// [lease.Masker].
type createStore struct {
	system    ci.System
	runner    *ci.GitHub // nil unless this is the action
	write     writer
	stateFile *lease.StateFile
	file      *lease.File
	private   bool // the file is in the CI's private directory, under a name of its own
	stdout    bool
	isSaved   bool
	saved     []string // all names of the leases that were saved
}

// openStore opens what the lease goes to. Nothing has been sent yet, and nothing is
// written.
func openStore(inv *invocation) (*createStore, error) {
	store := &createStore{system: inv.system, runner: inv.runner, write: inv.write}
	if outputs := inv.system.Outputs; outputs != nil {
		if err := outputs.Open(); err != nil {
			return nil, err
		}
	}
	if inv.action {
		// Without the directory the runner takes the state from standard output.
		if path := inv.runner.StateFile(); path != "" && !missing(filepath.Dir(path)) {
			store.stateFile = lease.OpenStateFile(path)
		}
		return store, nil
	}
	path := inv.input.Text["lease"]
	if path == "-" {
		store.stdout = true
		return store, refuseLog(inv.Streams, inv.plugin, inv.input.Set["show"])
	}
	files := inv.system.Files
	if path == "" {
		var err error
		if path, err = privateFile(files, inv.Random); err != nil {
			return nil, err
		}
		store.private = true
	} else if public, refused := files.Refused(path); refused {
		return nil, refusePublic(public, files)
	}
	var err error
	store.file, err = createLeaseFile(path)
	if failed, ok := errors.AsType[*ci.ChannelError](err); ok && store.private {
		failed.Hint = "write it elsewhere: pass --lease FILE, and revoke --lease FILE later"
	}
	return store, err
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

// refusePublic explains why a lease cannot be written where others could read it.
func refusePublic(public ci.Public, files ci.Files) error {
	return cli.Usage("--lease: others could read the token there: "+public.What, files.Way)
}

// createLeaseFile creates the file of a lease.
func createLeaseFile(path string) (*lease.File, error) {
	file, err := lease.CreateFile(path)
	switch {
	case os.IsExist(err):
		return nil, cli.Usage("--lease: the file exists", "it may hold the lease of another token, which jenkins-token revoke --lease FILE revokes")
	case err != nil:
		return nil, &ci.ChannelError{Channel: "lease file", Err: err}
	}
	return file, nil
}

// refuseLog refuses to write the lease where only a log would take it: to a terminal;
// to where standard error goes too, because a command that captures one of them
// separates them; and from a plugin, which runs without a shell around it. A runner
// that reads the two streams apart cannot be told from a command that captures standard
// output.
func refuseLog(streams Streams, plugin, show bool) error {
	switch {
	case plugin:
		return cli.Usage("--lease -: the standard output of a plugin is the log, and the lease holds the token", "write it to a file in the workspace, which the steps share: --lease FILE")
	case streams.OutDiscarded:
		return cli.Usage("standard output is closed or the null device: the lease would be lost, and nothing could revoke the token", "--lease FILE writes it to a file")
	case show:
		return nil
	case streams.OutIsTerminal:
		return cli.Usage("the lease holds the token, and standard output is a terminal", "add --show to see it, or write it to a file: --lease FILE")
	case streams.OutIsErr:
		return cli.Usage("the lease holds the token, and standard output goes to the same log as standard error", "capture standard output alone with $(...), a pipe or a redirection, or write the lease to a file: --lease FILE")
	}
	return nil
}

// privateFile names a new file in the directory that the CI keeps for the job.
func privateFile(files ci.Files, random io.Reader) (string, error) {
	if files.Private == "" {
		hints := []string{"pass --lease FILE, and revoke --lease FILE later; --lease - writes the lease to standard output"}
		if files.Way != "" {
			hints = append(hints, files.Way)
		}
		return "", cli.Usage("nowhere to store the lease file; pass --lease FILE", hints...)
	}
	nonce, err := lease.NewNonce(random)
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(files.Private, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", &ci.ChannelError{Channel: "lease file", Err: err}
	}
	return filepath.Clean(files.LeaseFile(nonce)), nil
}

// errPosted is a job that was cancelled while the token was created: a runner can leave
// the container running, and its post step has looked for the token already.
var errPosted = errors.New("the post step of this job has run already")

// posted returns [errPosted] when the post step has run. It may have got any lease that
// was saved, so the names that the token had before count too.
func (s *createStore) posted() error {
	if stepMarks(s.runner).IsPosted(s.saved) {
		return errPosted
	}
	return nil
}

// Save implements [lease.Store]. On standard output create writes the lease at the end
// only: a reader expects one object.
func (s *createStore) Save(r lease.Lease) error {
	s.isSaved = true
	for _, name := range r.Names {
		if !slices.Contains(s.saved, name) {
			s.saved = append(s.saved, name)
		}
	}
	if err := s.posted(); err != nil {
		return err
	}
	if s.runner != nil {
		line, err := r.Encode()
		if err == nil {
			err = s.write("state", func() error { return s.runner.SaveState(line) })
		}
		if err != nil {
			return err
		}
	}
	if s.stateFile != nil {
		if err := s.write("runner state file", func() error { return s.stateFile.Save(r) }); err != nil {
			return &ci.ChannelError{Channel: "runner state file", Variable: "GITHUB_STATE", Err: err}
		}
	}
	if s.file != nil {
		if err := s.write("lease file", func() error { return s.file.Save(r) }); err != nil {
			return &ci.ChannelError{Channel: "lease file", Err: err}
		}
	}
	return nil
}

// Mask implements [lease.Store].
func (s *createStore) Mask(texts []secret.String) error {
	if s.system.Mask == nil {
		return nil
	}
	return s.write("masks", func() error { return s.system.Mask(texts...) })
}

// Clear implements [lease.Store]. What cannot be cleared costs the post step a search
// that finds nothing.
func (s *createStore) Clear() {
	if s.runner != nil && s.isSaved {
		_ = s.write("void state", func() error { return s.runner.SaveState(nil) })
	}
	if s.stateFile != nil && s.isSaved {
		_ = s.write("void runner state file", s.stateFile.Clear)
	}
	if s.file != nil {
		_ = s.write("removal of the lease file", s.file.Remove)
	}
}

// stepMarks are what the steps of a job tell each other; none where this is not the
// action.
func stepMarks(runner *ci.GitHub) lease.Marks {
	if runner == nil {
		return lease.Marks{}
	}
	return lease.OpenMarks(runner.MarksFile())
}

// jobMarks are the marks of the job, also for a step that is not the action: the post
// step of another one reads them.
func jobMarks(system ci.System) lease.Marks {
	return stepMarks(system.Runner)
}
