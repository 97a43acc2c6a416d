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
	"github.com/jenkins-token/jenkins-token/internal/cli"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/process"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// exitNotRevoked is the exit code when the command succeeded and its token was not
// revoked.
const exitNotRevoked = 3

// execCommand describes exec.
func execCommand() Command {
	return Command{
		Name: "exec", Arguments: "COMMAND [ARG...]", Summary: "run a command with a temporary token",
		About: "Runs the command with a token in JENKINS_URL, JENKINS_USER_ID, JENKINS_USERNAME and JENKINS_API_TOKEN; the settings below are removed from its environment. " +
			"Signals are passed to the command and its children, and the second SIGINT or SIGTERM kills them. " +
			"The token is replaced by *** in what the command prints. " +
			"The token is revoked when the command ends, even if processes of it still run; on a CI system also a few seconds after the first SIGINT or SIGTERM. " +
			"On a terminal outside CI nothing is replaced, and Control-C goes to the command. " +
			"In the script of a step, begin the line with exec, so that jenkins-token gets the signals of the shell: exec jenkins-token exec -- make deploy",
		Settings: creationSettings(), MaxArguments: cli.AnyNumber,
		Flags: []cli.Flag{
			{Name: "set", Value: "NAME=WHAT", Text: "set another variable, to token, username or url; may be given more than once"},
			{Name: "auth-file", Value: "NAME", Text: "set NAME to the path of a file that holds username:token, which jenkins-cli reads with -auth @FILE"},
			{Name: "netrc", Value: "NAME", Text: "set NAME to the path of a netrc file, which curl reads with --netrc-file FILE"},
			{Name: "no-redact", Text: "do not change what the command prints", Boolean: true},
			{Name: "lease", Value: "FILE", Text: "also write the lease to a new file, from which revoke can revoke the token after a kill -9"}, ciFlag(),
		},
		ExitCodes: []cli.ExitCode{
			{Number: "0-255", Meaning: "the command's own, 128+n after signal n"},
			wrongUse(),
			{Number: "3", Meaning: "the command succeeded, its token may still be valid, and on-revoke-failure is fail"},
			{Number: "125", Meaning: "no token could be created; the command did not run"},
			{Number: "126", Meaning: "the command cannot be run"},
			{Number: "127", Meaning: "there is no such command"},
			{Number: "130, 143", Meaning: "ended by SIGINT or SIGTERM before the command ran; what was created is revoked"},
		},
		Examples: []cli.Example{
			{Purpose: "a script that reads JENKINS_API_TOKEN", Line: "jenkins-token exec --url https://ci.example.com --username deploy -- ./trigger.sh"},
			{Purpose: "a tool that reads another variable", Line: "jenkins-token exec --set JENKINS_PASSWORD=token -- terraform apply"},
		},
		Run: runExec,
	}
}

// runExec runs one command with a temporary token.
func runExec(ctx context.Context, inv *invocation) error {
	if err := requireKnownCI(inv); err != nil {
		return err
	}
	extra, err := parseVariables(inv.input)
	if err != nil {
		return err
	}
	s, err := loadSettings(ctx, inv, settings.ForCreate)
	if err != nil {
		return err
	}
	name := inv.input.Args[0]
	path, err := inv.Files.LookPath(name)
	if err != nil {
		return cannotRun(name, err)
	}
	command := process.Command{
		Path: path, Args: inv.input.Args, Stdin: inv.Streams.In, Stdout: inv.Streams.Out, Stderr: inv.Streams.Err, ReapOrphans: inv.Process.IsPID1,
	}
	// From here on every signal waits for its turn: it is this program's while the
	// token is created, the command's while that runs, and this program's again.
	inv.Process.Signals.Listen(command.Signals()...)
	store := &execStore{system: inv.system, write: inv.write, redacts: !inv.input.Set["no-redact"]}
	created, err := createForCommand(ctx, inv, s, store)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // which ended with the watch
	vars, remove, err := extra.create(tempDir(inv.system.Files), created)
	defer remove()
	if err != nil {
		undo(ctx, inv, s, created, store)
		return &cli.ExitError{Code: cli.ExitNotStarted, Cause: err}
	}
	command.Env = secret.Hold(environment(inv.Env.Environ(), vars))
	if store.redacts {
		command.Redact, command.TerminalIsLog = store.masks, onCI(inv)
	}
	child, err := process.Start(command)
	if err != nil {
		undo(ctx, inv, s, created, store)
		return cannotRun(name, err)
	}
	r := &revocation{
		lease: created, settings: s, store: store, report: newReporter(inv),
		pause: inv.Clock.Pause, revoker: func() *lease.Revoker { return newRevoker(inv, s, false) },
	}
	exit := child.Wait(inv.Process.Signals.Incoming(), func() {
		// Control-C on a person's terminal is the command's own matter, and so is a token
		// that is not to be revoked.
		if onCI(inv) && created.Settings.Revoke {
			r.revokeAfter(ctx, patience(inv.system.KillGrace))
		}
	})
	remove()
	r.stopWaiting()
	return revokeAfterCommand(ctx, inv.Process.Signals, r, child, exit)
}

// onCI reports whether the program runs in a job, where a terminal is a log and a
// cancelled job is killed soon, and not in a person's shell.
func onCI(inv *invocation) bool {
	text, _ := inv.Env.Lookup("CI")
	return inv.system.Name != "plain" || text != "" && text != "false"
}

// patience is how long a command that was asked to end keeps its token, on a system
// that then kills it after so long. The other half is for the revocation.
func patience(grace time.Duration) time.Duration { return min(grace/2, 4*time.Second) }

// createForCommand creates the token. A signal undoes it: the command never starts.
func createForCommand(ctx context.Context, inv *invocation, s *settings.Settings, store *execStore) (lease.Lease, error) {
	if hidden := inv.Process.NotHidden; hidden != nil {
		inv.system.Say(ci.Notice, "the command can read a credential in the environment of this program: "+hidden.Error())
	}
	var err error
	if path := inv.input.Text["lease"]; path != "" {
		files := inv.system.Files
		if public, refused := files.Refused(path); refused {
			return lease.Lease{}, refusePublic(public, files)
		}
		if store.file, err = createLeaseFile(path); err != nil {
			return lease.Lease{}, notStarted(err)
		}
	}
	connect := newClients(inv)
	account, err := connect.account(s)
	if err != nil {
		store.Clear()
		return lease.Lease{}, notStarted(err)
	}
	defer account.Close()
	created, leftovers, err := lease.Create(ctx, newLife(inv, s.Timeout), account, newRequest(connect, s), store, store)
	if err != nil {
		newReporter(inv).leftovers(leftovers)
		return created, notStarted(explained(err, account, s))
	}
	inv.Process.Signals.Stop()
	if errors.As(context.Cause(ctx), new(cli.Interrupted)) {
		undo(ctx, inv, s, created, store)
		return created, lease.ErrInterrupted
	}
	inv.system.Say(ci.Progress, subject(created)+" of "+created.Username+" is created for the command")
	warnOfLegacy(inv.system, created)
	return created, nil
}

// undo revokes a token that no command has seen.
func undo(ctx context.Context, inv *invocation, s *settings.Settings, created lease.Lease, store *execStore) {
	leftovers := revokeUnpublished(ctx, newRevoker(inv, s, false), created)
	if len(leftovers) == 0 {
		store.Clear()
	}
	newReporter(inv).leftovers(leftovers)
}

// revokeAfterCommand revokes the token of a command that has ended, and returns the
// command's exit code: no failure of ours hides that of the command.
func revokeAfterCommand(ctx context.Context, signals *cli.Signals, r *revocation, child *process.Process, exit process.Exit) error {
	ctx, hurry := context.WithCancel(ctx)
	defer hurry()
	if exit.StopRequested {
		hurry() // whoever asked the command to end will not wait long for us
	}
	ctx = signals.Watch(ctx, func(code int) {
		if !r.done {
			r.report.leftovers([]lease.Leftover{{Lease: r.lease, Name: r.lease.TokenName, UUID: r.lease.TokenUUID, Err: lease.ErrInterrupted}})
		}
		signals.Leave(cmp.Or(exit.Code, code))
	})
	defer signals.Stop()
	leftovers := r.finish(ctx, child.FlushOutput)
	switch {
	case exit.Code != 0:
		return &cli.ExitError{Code: exit.Code}
	case len(leftovers) > 0 && r.settings.OnRevokeFailure == settings.Fail:
		return &cli.ExitError{Code: exitNotRevoked, Cause: errors.New("the command succeeded, but its token may still be valid")}
	}
	return nil
}

// revocation is what becomes of the token of a running command. On a CI system it is
// revoked some seconds after the command was asked to end, even when the command goes
// on, because the system is about to kill both. Otherwise, and where that failed, it
// is revoked when the command has ended.
type revocation struct {
	lease    lease.Lease
	settings *settings.Settings
	store    *execStore
	report   reporter
	pause    func(context.Context, time.Duration) error
	revoker  func() *lease.Revoker

	stop    context.CancelFunc // ends the wait for the time; nil when the command was not asked to end
	stopped chan struct{}      // closed when the wait has ended, and what it did is done
	// The rest is read after stopped.
	done      bool             // the token is revoked, and that is said
	leftovers []lease.Leftover // said, where a refused login keeps it from being tried again
}

// revokeAfter begins to wait, and then revokes the token.
func (r *revocation) revokeAfter(ctx context.Context, wait time.Duration) {
	waiting, stop := context.WithCancel(ctx)
	r.stop, r.stopped = stop, make(chan struct{})
	go func() {
		defer close(r.stopped)
		if r.pause(waiting, wait) == nil {
			r.revokeEarly(ctx)
		}
	}()
}

// stopWaiting is called when the command has ended.
func (r *revocation) stopWaiting() {
	if r.stop != nil {
		r.stop()
		<-r.stopped
	}
}

// revokeEarly revokes the token while the command runs. It does nothing that can wait,
// takes no longer than the grace, and says at once what came of it.
func (r *revocation) revokeEarly(ctx context.Context) {
	revoker := r.revoker()
	revoker.Life.Timeout = min(r.settings.Timeout, lease.Grace)
	early := r.lease
	early.Settings.Sweep = false
	outcome, leftovers := revoker.Revoke(ctx, early)
	if r.done = len(leftovers) == 0; r.done {
		r.store.Clear()
		r.report.outcome(early, outcome)
		return
	}
	for _, one := range leftovers {
		failed, ok := errors.AsType[*jenkins.Error](one.Err)
		if ok && (failed.Kind == jenkins.KindRefused || failed.Kind == jenkins.KindRepeated) {
			r.leftovers = leftovers
			r.report.leftovers(leftovers)
			return
		}
	}
	for _, one := range leftovers {
		r.report.system.Say(ci.Notice, leftoverText(one, 1)+"; this is tried again when the command has ended")
	}
}

// finish revokes the token, unless that is done, and returns what may be left of it.
// close is called before anything is said: it ends what the command still prints.
func (r *revocation) finish(ctx context.Context, close func()) []lease.Leftover {
	if r.done || r.leftovers != nil { // said already
		close()
		return r.leftovers
	}
	revoker := r.revoker()
	revoker.Life.Timeout = r.settings.Timeout
	outcome, leftovers := revoker.Revoke(ctx, r.lease)
	close()
	switch {
	case outcome == lease.Kept && r.lease.Settings.Legacy != settings.LegacyRead:
		r.report.leftovers([]lease.Leftover{keptLeftover(r.lease)})
	case len(leftovers) == 0:
		r.store.Clear()
		r.report.outcome(r.lease, outcome)
	}
	r.report.leftovers(leftovers)
	return leftovers
}

// execStore is where exec keeps the lease: in memory, and in a file when one is named.
// It implements [lease.Store]. Nothing is masked in the log by printing it, because the
// log may be read by anybody: the command's own output is what could show it, and is
// redacted.
type execStore struct {
	system  ci.System
	write   writer
	redacts bool
	file    *lease.File
	masks   []secret.String
}

// Save implements [lease.Store].
func (s *execStore) Save(r lease.Lease) error {
	if s.file == nil {
		return nil
	}
	if err := s.write("lease file", func() error { return s.file.Save(r) }); err != nil {
		return &ci.ChannelError{Channel: "lease file", Err: err}
	}
	return nil
}

// Mask implements [lease.Store]. Where an agent redacts the log, it gets the masks too:
// it also sees what other commands of the job print.
func (s *execStore) Mask(texts []secret.String) error {
	s.masks = texts
	if s.system.Redact != nil && s.redacts {
		s.system.Redact(texts...)
	}
	return nil
}

// Clear implements [lease.Store].
func (s *execStore) Clear() {
	if s.file != nil {
		_ = s.write("removal of the lease file", s.file.Remove)
	}
}

// notStarted gives an error the exit code of a failure before the command ran. Wrong
// use, and a signal, keep their own.
func notStarted(err error) error {
	if _, wrong := errors.AsType[*cli.UsageError](err); wrong {
		return err
	}
	if errors.Is(err, lease.ErrInterrupted) {
		return err
	}
	return &cli.ExitError{Code: cli.ExitNotStarted, Cause: err}
}

// cannotRun is a command that cannot be run, with the exit code that a shell
// gives.
func cannotRun(name string, err error) error {
	if unfound, ok := errors.AsType[*exec.Error](err); ok {
		err = unfound.Err
	} else if failed, ok := errors.AsType[*fs.PathError](err); !ok || failed.Op != "fork/exec" {
		return &cli.ExitError{Code: cli.ExitNotStarted, Cause: fmt.Errorf("%s cannot be started: %w", name, cause(err))}
	}
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return &cli.ExitError{Code: cli.ExitNotFound, Cause: fmt.Errorf("%s: there is no such command", name)}
	case errors.Is(err, fs.ErrNotExist):
		return &cli.ExitError{Code: cli.ExitNotFound, Cause: fmt.Errorf("%s: there is no such file, or its first line names an interpreter that is not there", name)}
	case errors.Is(err, syscall.ENOEXEC):
		return &cli.ExitError{Code: cli.ExitCannotRun, Cause: fmt.Errorf("%s cannot be run: it is not a program for this machine, and not a script that begins with #! and an interpreter", name)}
	}
	return &cli.ExitError{Code: cli.ExitCannotRun, Cause: fmt.Errorf("%s cannot be run: %w", name, cause(err))}
}
