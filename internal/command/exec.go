package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"syscall"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/process"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// exec lends a token to one command.
func (j *job) exec(ctx context.Context) error {
	if err := j.requireKnownCI(); err != nil {
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
	command := process.Command{Path: path, Args: j.flags.args, Stdin: j.Stdin, Stdout: j.Stdout, Stderr: j.Stderr, ReapOrphans: j.IsPID1}
	// From here on every signal waits for its turn: it is this program's while the
	// token is made, the command's while that runs, and this program's again.
	j.Signals.listen(command.Signals()...)
	l := &execStore{job: j}
	record, err := j.createForCommand(ctx, s, l)
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
		command.Redact, command.TerminalIsLog = l.masks, j.onCI()
	}
	child, err := process.Start(command)
	if err != nil {
		j.undo(ctx, record, l)
		return j.cannotRun(err)
	}
	r := &revocation{job: j, record: record, loan: l}
	exit := child.Wait(j.Signals.incoming, func() { r.askedToEnd(ctx) })
	remove()
	r.stopWaiting()
	return j.revokeAfterCommand(ctx, r, child, exit)
}

// onCI reports whether the program runs in a job, where a terminal is a log and a
// cancelled job is killed soon, and not in a person's shell.
func (j *job) onCI() bool {
	text, _ := j.Lookup("CI")
	return j.system.Name() != "plain" || text != "" && text != "false"
}

// patience is how long a command that was asked to end keeps its token, on a system
// that then kills it after so long. The other half is for the revocation.
func patience(grace time.Duration) time.Duration { return min(grace/2, 4*time.Second) }

// revocation is what becomes of the token of a running command. On a CI system it is
// revoked some seconds after the command was asked to end, even when the command goes
// on, because the system is about to kill both. Otherwise, and where that failed, it
// is revoked when the command has ended.
type revocation struct {
	job    *job
	record lease.Lease
	loan   *execStore

	stop context.CancelFunc // ends the wait for the time; nil when the command was not asked to end
	over chan struct{}      // closed when the wait has ended, and what it did is done
	// The rest is read after over.
	done bool             // the token is revoked, and that is said
	left []lease.Leftover // what may be left, where a refused login keeps it from being tried again
}

// askedToEnd begins the wait. Control-C on a person's terminal is the command's own
// matter, and so is a token that is not to be revoked.
func (r *revocation) askedToEnd(ctx context.Context) {
	if !r.job.onCI() || !r.record.Settings.Revoke {
		return
	}
	waiting, stop := context.WithCancel(ctx)
	r.stop, r.over = stop, make(chan struct{})
	go func() {
		defer close(r.over)
		if r.job.Pause(waiting, patience(ci.KillGrace(r.job.system.Name()))) == nil {
			r.early(ctx)
		}
	}()
}

// stopWaiting is called when the command has ended.
func (r *revocation) stopWaiting() {
	if r.stop != nil {
		r.stop()
		<-r.over
	}
}

// early revokes the token while the command runs. It does nothing that can wait, takes
// no longer than the grace, and says at once what came of it.
func (r *revocation) early(ctx context.Context) {
	j := r.job
	releaser := j.releaser(j.account, false)
	releaser.Life.Timeout = min(j.account.Timeout, lease.Grace)
	record := r.record
	record.Settings.Sweep = false
	ending, left := releaser.Revoke(ctx, record)
	if r.done = len(left) == 0; r.done {
		r.loan.Clear()
		j.sayOutcome(record, ending)
		return
	}
	for _, one := range left {
		failed, ok := errors.AsType[*jenkins.Error](one.Err)
		if ok && (failed.Kind == jenkins.KindRefused || failed.Kind == jenkins.KindRepeated) {
			r.left = left
			j.report(left)
			return
		}
	}
	for _, one := range left {
		j.system.Say(ci.Notice, leftoverText(one, 1)+"; this is tried again when the command has ended")
	}
}

// lend makes the token. A signal undoes it: the command never starts.
func (j *job) createForCommand(ctx context.Context, s *settings.Settings, l *execStore) (lease.Lease, error) {
	if j.NotHidden != nil {
		j.system.Say(ci.Notice, "the command can read the environment of this program, and a credential there: "+j.NotHidden.Error())
	}
	var err error
	if path := j.flags.text["lease"]; path != "" {
		files := j.system.Files()
		if public, refused := files.Refused(path); refused {
			return lease.Lease{}, refuse(public, files)
		}
		if l.file, err = createLeaseFile(path); err != nil {
			return lease.Lease{}, before(err)
		}
	}
	account, err := j.accountClient(s)
	if err != nil {
		l.Clear()
		return lease.Lease{}, before(err)
	}
	defer account.Close()
	record, left, err := lease.Create(ctx, j.life(s.Timeout), account, j.request(s), l)
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
func (j *job) undo(ctx context.Context, r lease.Lease, l *execStore) {
	left := j.revokeUnpublished(ctx, r)
	if len(left) == 0 {
		l.Clear()
	}
	j.report(left)
}

// reclaim ends the token of a command that has ended, and gives the command's
// exit code: no failure of ours hides that of the command.
func (j *job) revokeAfterCommand(ctx context.Context, r *revocation, child *process.Process, exit process.Exit) error {
	s := j.account
	ctx, hurry := context.WithCancel(ctx)
	defer hurry()
	if exit.StopRequested {
		hurry() // whoever asked the command to end will not wait long for us
	}
	ctx = j.Signals.watch(ctx, func(code int) {
		if !r.done {
			j.report([]lease.Leftover{{Lease: r.record, Name: r.record.TokenName, UUID: r.record.TokenUUID, Err: lease.ErrInterrupted}})
		}
		j.Signals.leave(cmp.Or(exit.Code, code))
	})
	defer j.Signals.stop()
	var ending lease.Outcome
	var left []lease.Leftover
	if !r.done && r.left == nil {
		releaser := j.releaser(s, false)
		releaser.Life.Timeout = s.Timeout
		ending, left = releaser.Revoke(ctx, r.record)
	}
	child.FlushOutput()
	switch {
	case r.done:
	case r.left != nil:
		left = r.left
	case ending == lease.Kept && r.record.Settings.Legacy != settings.LegacyRead:
		j.report([]lease.Leftover{keptLeftover(r.record)})
	case len(left) == 0:
		r.loan.Clear()
		j.sayOutcome(r.record, ending)
	}
	if r.left == nil { // else it is said already
		j.report(left)
	}
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
