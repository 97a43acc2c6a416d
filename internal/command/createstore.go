package command

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// What some systems can do for a token; see ci.System.
type (
	masker  interface{ Mask(...secret.String) error }
	outputs interface {
		Open() error // checks that outputs can be written, and writes nothing
		Output(name, value string) error
	}
	summarizer interface{ Summary(markdown string) error }
	// redactingAgent redacts the log, and takes texts where nobody sees them. What it
	// does not take costs nothing: exec redacts by itself.
	redactingAgent interface{ Redact(...secret.String) }
)

// place is where the record goes. It implements lease.Keeper.
type createStore struct {
	job       *job
	stateFile *lease.StateFile
	file      *lease.File
	private   bool // the file is in the CI's private directory, under a name of its own
	stdout    bool
	isSaved   bool     // a record was kept
	saved     []string // that records were kept under
}

// place opens what the record goes to. Nothing has been sent yet, and nothing is
// written.
func (j *job) openStore() (*createStore, error) {
	p := &createStore{job: j}
	if step, ok := j.system.(outputs); ok {
		if err := step.Open(); err != nil {
			return nil, err
		}
	}
	if j.action {
		// Without the directory the runner takes the state from standard output.
		if path := j.runner.StateFile(); path != "" && !missing(filepath.Dir(path)) {
			p.stateFile = lease.OpenStateFile(path)
		}
		return p, nil
	}
	path := j.flags.text["lease"]
	if path == "-" {
		p.stdout = true
		return p, j.readable()
	}
	files := j.system.Files()
	if path == "" {
		var err error
		if path, err = j.privateFile(files); err != nil {
			return nil, err
		}
		p.private = true
	} else if public, refused := files.Refused(path); refused {
		return nil, refuse(public, files)
	}
	var err error
	p.file, err = createLeaseFile(path)
	if failed, ok := errors.AsType[*ci.ChannelError](err); ok && p.private {
		failed.Hint = "--lease FILE writes it elsewhere, for a later revoke --lease FILE"
	}
	return p, err
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

func refuse(public ci.Public, files ci.Files) error {
	return usage("--lease: others could read the token there: "+public.What, files.Way)
}

// recordFile makes the file of a record.
func createLeaseFile(path string) (*lease.File, error) {
	file, err := lease.CreateFile(path)
	switch {
	case os.IsExist(err):
		return nil, usage("--lease: the file exists", "it may hold the record of another token: revoke --lease FILE ends that one")
	case err != nil:
		return nil, &ci.ChannelError{Channel: "record's file", Err: err}
	}
	return file, nil
}

// readable refuses to write the record where only a log would take it: to a
// terminal; to where standard error goes too, for whoever captures one of them
// parts them; and from a plugin, which runs without a shell around it. A runner
// that reads the two streams apart cannot be told from a command that captures
// standard output.
func (j *job) readable() error {
	switch {
	case j.plugin:
		return usage("--lease -: the standard output of a plugin is the log, and the record holds the token", "--lease FILE writes it to a file of the workspace, which the steps share")
	case j.StdoutDiscarded:
		return usage("the record would be lost, and with it the way to revoke the token: standard output is closed or the null device", "--lease FILE writes it to a file")
	case j.flags.set["show"]:
		return nil
	case j.StdoutTTY:
		return usage("the record holds the token, and standard output is a terminal", "add --show to see it, or write it to a file: --lease FILE")
	case j.StdoutIsStderr:
		return usage("the record holds the token, and standard output goes where standard error goes: into a log", "capture it, with $(...), a pipe or a redirection of standard output alone; or write it to a file: --lease FILE")
	}
	return nil
}

// privateFile names a new file in the directory that the CI keeps for the job.
func (j *job) privateFile(files ci.Files) (string, error) {
	if files.Private == "" {
		hints := []string{"--lease FILE writes it to a file for a later revoke --lease FILE; --lease - to standard output"}
		if files.Way != "" {
			hints = append(hints, files.Way)
		}
		return "", usage("no place for the record, without which nothing can revoke the token", hints...)
	}
	nonce, err := lease.NewNonce(j.Random)
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(files.Private, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", &ci.ChannelError{Channel: "record's file", Err: err}
	}
	return filepath.Clean(files.LeaseFile(nonce)), nil
}

// errPosted is a job that was cancelled while the token was created: a runner can leave
// the container running, and its post step has looked for the token already.
var errPosted = errors.New("the post step of this job has run already")

// posted is [errPosted] when the post step has run. It may have been passed any record
// that was kept, so the names that the token had before count too.
func (p *createStore) posted() error {
	if p.job.marks().IsPosted(p.saved) {
		return errPosted
	}
	return nil
}

// Keep implements lease.Keeper. On standard output the record is written at the
// end only: whoever reads it wants one object.
func (p *createStore) Save(r lease.Lease) error {
	p.isSaved = true
	for _, name := range r.Names {
		if !slices.Contains(p.saved, name) {
			p.saved = append(p.saved, name)
		}
	}
	if err := p.posted(); err != nil {
		return err
	}
	if p.job.action {
		line, err := r.Encode()
		if err == nil {
			err = p.job.write("state", func() error { return p.job.runner.SaveState(line) })
		}
		if err != nil {
			return err
		}
	}
	if p.stateFile != nil {
		if err := p.job.write("side file", func() error { return p.stateFile.Save(r) }); err != nil {
			return &ci.ChannelError{Channel: "side file", Variable: "GITHUB_STATE", Err: err}
		}
	}
	if p.file != nil {
		if err := p.job.write("record's file", func() error { return p.file.Save(r) }); err != nil {
			return &ci.ChannelError{Channel: "record's file", Err: err}
		}
	}
	return nil
}

// Mask implements lease.Keeper.
func (p *createStore) Mask(texts []secret.String) error {
	if log, ok := p.job.system.(masker); ok {
		return p.job.write("masks", func() error { return log.Mask(texts...) })
	}
	return nil
}

// Drop implements lease.Keeper. What cannot be dropped costs the post step a
// search that finds nothing.
func (p *createStore) Clear() {
	if p.job.action && p.isSaved {
		_ = p.job.write("void state", func() error { return p.job.runner.SaveState(nil) })
	}
	if p.stateFile != nil && p.isSaved {
		_ = p.job.write("void side file", p.stateFile.Clear)
	}
	if p.file != nil {
		_ = p.job.write("removal of the record's file", p.file.Remove)
	}
}
