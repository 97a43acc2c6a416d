package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/child"
	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/settings"
)

// exec lends a token to one command.
func (j *job) exec(ctx context.Context) error {
	if err := j.certain(); err != nil {
		return err
	}
	wanted, err := j.wanted()
	if err != nil {
		return err
	}
	s, err := j.load(ctx, settings.ForCreate)
	if err != nil {
		return err
	}
	path, err := j.LookPath(j.flags.args[0])
	if err != nil {
		return j.cannotRun(err)
	}
	command := child.Command{Path: path, Args: j.flags.args, Stdin: j.Stdin, Stdout: j.Stdout, Stderr: j.Stderr, Orphans: j.First}
	// From here on every signal waits for its turn: it is this program's while the
	// token is made, the command's while that runs, and this program's again.
	j.Signals.listen(command.Signals()...)
	l := &loan{job: j}
	record, err := j.lend(ctx, s, l)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // which ended with the watch
	vars, remove, err := wanted.make(j.tempDir(), record)
	defer remove()
	if err != nil {
		j.undo(ctx, record, l)
		return &exitError{exitBefore, err}
	}
	command.Env = secret.Hold(environment(j.Environ(), vars))
	if !j.flags.set["no-redact"] {
		command.Redact, command.Published = l.masks, j.onCI()
	}
	process, err := child.Start(command)
	if err != nil {
		j.undo(ctx, record, l)
		return j.cannotRun(err)
	}
	revocation := j.revocation(ctx, record)
	exit := process.Wait(j.Signals.incoming, revocation.whenAsked)
	remove()
	return j.reclaim(ctx, record, l, process, exit, revocation)
}

// onCI reports whether the program runs in a job, where a terminal is a log and a
// cancelled job is killed soon, and not in a person's shell.
func (j *job) onCI() bool {
	text, _ := j.Lookup("CI")
	return j.system.Name() != "plain" || text != "" && text != "false"
}

// patience is how long a command that was asked to end has its token still, by
// system: what kills it comes a few seconds later, and then nothing revokes.
func patience(system string) time.Duration {
	switch system {
	case "buildkite":
		return 4 * time.Second // killed 9 s after TERM (agent, --signal-grace-period-seconds)
	case "github", "azure":
		return 3 * time.Second // INT, TERM after 7.5 s, killed 2.5 s later (ProcessInvoker.cs of runner and agent)
	}
	// docker stop kills 10 s after TERM, and so do the systems that run containers;
	// Kubernetes 30 s (terminationGracePeriodSeconds); gitlab-runner 10 s (ForceKillTimeout).
	return 3 * time.Second
}

// revocation is the end of a command's token: when the command has ended, or on a CI
// system some seconds after it was asked to.
type revocation struct {
	j      *job
	record lease.Record
	once   sync.Once
	early  context.Context
	ended  context.CancelFunc

	ending lease.Ending
	left   []lease.Left
}

func (j *job) revocation(ctx context.Context, r lease.Record) *revocation {
	early, ended := context.WithCancel(ctx)
	return &revocation{j: j, record: r, early: early, ended: ended}
}

// whenAsked is called when the command is asked to end.
func (r *revocation) whenAsked() {
	if !r.j.onCI() {
		return // Control-C on a person's terminal is the command's own matter
	}
	go func() {
		if r.j.Pause(r.early, patience(r.j.system.Name())) == nil {
			r.revoke(context.WithoutCancel(r.early))
		}
	}()
}

// revoke revokes the token, once, and waits until it is done.
func (r *revocation) revoke(ctx context.Context) {
	r.once.Do(func() {
		releaser := r.j.releaser(r.j.account, false)
		releaser.Life.Timeout = r.j.account.Timeout
		r.ending, r.left = releaser.Release(ctx, r.record)
		if len(r.left) == 0 && (r.ending != lease.Kept || r.record.Settings.Legacy == settings.LegacyRead) {
			r.j.ended(r.record, r.ending)
		}
	})
}

// lend makes the token. A signal undoes it: the command never starts.
func (j *job) lend(ctx context.Context, s *settings.Settings, l *loan) (lease.Record, error) {
	if j.Exposed != nil {
		j.system.Say(ci.Notice, "the command can read the environment of this program, and a credential there: "+j.Exposed.Error())
	}
	var err error
	if path := j.flags.text["lease"]; path != "" {
		files := j.system.Files()
		if public, refused := files.Refused(path); refused {
			return lease.Record{}, refuse(public, files)
		}
		if l.file, err = recordFile(path); err != nil {
			return lease.Record{}, before(err)
		}
	}
	account, err := j.accountClient(s)
	if err != nil {
		l.Drop()
		return lease.Record{}, before(err)
	}
	defer account.Close()
	record, left, err := lease.Acquire(ctx, j.life(s.Timeout), account, j.order(s), l)
	if err != nil {
		j.report(left)
		return record, before(explained(err, account, s))
	}
	j.Signals.stop()
	if errors.As(context.Cause(ctx), new(Interrupted)) {
		j.undo(ctx, record, l)
		return record, lease.ErrInterrupted
	}
	j.system.Say(ci.Progress, subject(record)+" of "+record.Username+" is lent to the command")
	j.warnOfLegacy(record)
	return record, nil
}

// undo ends a token that no command has seen.
func (j *job) undo(ctx context.Context, r lease.Record, l *loan) {
	left := j.giveBack(ctx, r)
	if len(left) == 0 {
		l.Drop()
	}
	j.report(left)
}

// reclaim ends the token of a command that has ended, and gives the command's
// exit code: no failure of ours hides that of the command.
func (j *job) reclaim(ctx context.Context, r lease.Record, l *loan, process *child.Process, exit child.Exit, revocation *revocation) error {
	s := j.account
	revocation.ended()
	ctx, hurry := context.WithCancel(ctx)
	defer hurry()
	if exit.Asked {
		hurry() // whoever asked the command to end will not wait long for us
	}
	ctx = j.Signals.watch(ctx, func(code int) {
		j.report([]lease.Left{{Record: r, Name: r.TokenName, UUID: r.TokenUUID, Err: lease.ErrInterrupted}})
		j.Signals.leave(cmp.Or(exit.Code, code))
	})
	defer j.Signals.stop()
	revocation.revoke(ctx)
	ending, left := revocation.ending, revocation.left
	process.Finish()
	switch {
	case ending == lease.Kept && r.Settings.Legacy != settings.LegacyRead:
		j.report([]lease.Left{leftAlone(r)})
	case len(left) == 0:
		l.Drop()
	}
	j.report(left)
	switch {
	case exit.Code != 0:
		return &exitError{code: exit.Code}
	case len(left) > 0 && s.OnRevokeFailure == settings.Fail:
		return &exitError{exitRevoke, errors.New("the command succeeded, but its token may outlive it")}
	}
	return nil
}

// before gives an error the exit code of a failure before the command ran. Wrong
// use, and a signal, keep their own.
func before(err error) error {
	if _, wrong := errors.AsType[*usageError](err); wrong {
		return err
	}
	if errors.Is(err, lease.ErrInterrupted) {
		return err
	}
	return &exitError{exitBefore, err}
}

// cannotRun is a command that cannot be run, with the exit code that a shell
// gives.
func (j *job) cannotRun(err error) error {
	name := j.flags.args[0]
	if unfound, ok := errors.AsType[*exec.Error](err); ok {
		err = unfound.Err
	} else if failed, ok := errors.AsType[*fs.PathError](err); !ok || failed.Op != "fork/exec" {
		return &exitError{exitBefore, fmt.Errorf("%s cannot be started: %w", name, cause(err))}
	}
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return &exitError{exitNotFound, fmt.Errorf("%s: there is no such command", name)}
	case errors.Is(err, fs.ErrNotExist):
		return &exitError{exitNotFound, fmt.Errorf("%s: there is no such file, or its first line names an interpreter that is not there", name)}
	case errors.Is(err, syscall.ENOEXEC):
		return &exitError{exitNotRunning, fmt.Errorf("%s cannot be run: no program for this machine, and no script whose first line begins with #! and names an interpreter", name)}
	}
	return &exitError{exitNotRunning, fmt.Errorf("%s cannot be run: %w", name, cause(err))}
}
