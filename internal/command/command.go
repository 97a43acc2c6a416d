// Package command is the program: it joins settings, the controller's client,
// the life of a token and the surrounding CI. One file is one command.
package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/settings"
)

// Exit codes. docs/reference.md lists them.
const (
	exitOK         = 0
	exitFailed     = 1
	exitUsage      = 2   // nothing was sent
	exitRevoke     = 3   // of exec: the command succeeded and its token was not revoked
	exitPage       = 4   // the token page was not understood
	exitBefore     = 125 // of exec: failed before the command ran
	exitNotRunning = 126 // of exec: the command cannot be run
	exitNotFound   = 127 // of exec: there is no such command
)

// Program is everything the program is handed from outside.
type Program struct {
	Args            []string // with the name it was called by
	Lookup          func(string) (string, bool)
	Environ         func() []string
	Stdin           io.Reader
	Stdout, Stderr  io.Writer
	StdoutTTY       bool // standard output is a terminal
	StderrTTY       bool // standard error is a terminal
	StdoutDiscarded bool // standard output is the null device, or was closed
	StdoutIsStderr  bool // standard output goes where standard error goes
	ReadFile        func(string) ([]byte, error)
	// ReadGiven reads a file that a setting names, which can be a pipe; nil is ReadFile.
	// The action uses ReadFile: there another step can have put a pipe in the place of the
	// file, to hold the job up.
	ReadGiven  func(context.Context, string) ([]byte, error)
	Exists     func(string) bool // of a file or directory
	Executable func() (string, error)
	LookPath   func(string) (string, error) // finds a command
	Signals    *Signals
	IsPID1     bool                                                      // the program is process 1
	NotHidden  error                                                     // why other processes can read this one's environment; nil when they cannot
	Tool       func(name string, args, env []string, stdin []byte) error // see ci.Surroundings
	Hostname   string
	Now        func() time.Time
	Pause      func(context.Context, time.Duration) error
	Random     io.Reader
	Version    string // one line of its own
	// Dial connects to controllers and proxies; nil is the way of net/http.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Around is called for each write that hands something on, so that a test can
	// end the program on either side of it; nil writes and nothing else.
	AroundWrite func(what string, write func() error) error
}

// write hands something on: a record, masks, an output, a summary.
func (p *Program) write(what string, f func() error) error {
	if p.AroundWrite == nil {
		return f()
	}
	return p.AroundWrite(what, f)
}

// IsAction reports whether argv0 is one of the names under which the program is
// one of the actions: create and revoke are the main and the post step of action.yml,
// revoke-uuid and sweep the steps of revoke/action.yml and sweep/action.yml. The
// name says which inputs the step declares, and only those are read: any other can
// come from an earlier step, through GITHUB_ENV.
func IsAction(argv0 string) bool {
	return slices.Contains([]string{"create", "revoke", revokeUUIDAction, "sweep"}, filepath.Base(argv0))
}

const revokeUUIDAction = "revoke-uuid"

// usageError is wrong use of the command line.
type usageError struct {
	text  string
	hints []string
}

func (e *usageError) Error() string { return e.text }

func usage(text string, hints ...string) error { return &usageError{text, hints} }

// job is one command on its way.
type job struct {
	*Program
	name   string // of the command
	action bool   // called as the action, on a runner
	plugin bool   // called as a plugin, without arguments
	flags  flags
	system ci.System
	runner *ci.GitHub // the system, as the action
	// unclear says that the system is one of several; see certain.
	unclear error
	// account are the settings as loaded, nil before.
	account *settings.Settings
}

// Run runs the command that name or arguments say and returns the exit code.
func (p *Program) Run(ctx context.Context) int {
	j, err := p.job()
	if err == nil {
		err = j.run(ctx)
	}
	return j.end(ctx, err)
}

// job finds out which command is meant. A job is there even when the error is
// not nil, to say so.
func (p *Program) job() (*job, error) {
	name, args := filepath.Base(p.Args[0]), p.Args[1:]
	j := &job{Program: p, name: name}
	j.system, _ = ci.Detect(j.surroundings(), "")
	if IsAction(name) && ci.OnRunner(p.Lookup) {
		// Nothing that an earlier step can set makes the action of another system.
		j.action = true
		j.system, _ = ci.Detect(j.surroundings(), "github")
		j.runner = j.system.(*ci.GitHub)
		if len(args) > 0 && name != "revoke" {
			return j, usage("the action takes no arguments, and `args` were given", "remove `args` from the step: settings are inputs")
		}
		return j, nil
	}
	if name == revokeUUIDAction {
		j.name = "revoke"
	}
	if !IsAction(name) {
		if len(args) == 0 && ci.OnPlugin(p.Lookup) {
			text, _ := p.Lookup("PLUGIN_COMMAND")
			args, j.plugin = strings.Fields(text), true
		}
		if len(args) == 0 {
			return j, usage("no command", "jenkins-token help lists the commands")
		}
		j.name, args = commandOf(args[0]), args[1:]
	}
	j.system, _ = ci.Detect(j.surroundings(), "")
	var err error
	if j.flags, err = parse(j.name, args); err != nil {
		return j, err
	}
	system, err := ci.Detect(j.surroundings(), j.flags.text["ci"])
	if errors.Is(err, ci.ErrUnknown) {
		return j, usage("--ci: "+err.Error(), "known are "+strings.Join(ci.Names(), ", "))
	}
	j.system, j.unclear = system, err
	return j, nil
}

func (j *job) surroundings() ci.Environment {
	lends := j.name == "exec"
	return ci.Environment{
		Lookup: j.Lookup, ReadFile: j.ReadFile, Exists: j.Exists, Stdout: j.Stdout, Stderr: j.Stderr,
		Hostname: j.Hostname, Now: j.Now(), Tool: j.Tool, Unmasked: lends,
		Captured: lends || j.name == "create" && j.flags.text["lease"] == "-" || j.flags.set["json"],
	}
}

// certain refuses what depends on the CI where it cannot be told which one it is.
func (j *job) requireKnownCI() error {
	if j.unclear == nil {
		return nil
	}
	return usage(j.unclear.Error(), "--ci NAME says which of them runs this job")
}

func (j *job) run(ctx context.Context) error {
	if j.flags.set["help"] {
		return j.help()
	}
	switch j.name {
	case "create":
		return j.create(ctx)
	case "revoke":
		return j.revoke(ctx)
	case revokeUUIDAction:
		return j.revokeByInput(ctx)
	case "exec":
		return j.exec(ctx)
	case "sweep":
		return j.sweep(ctx)
	case "doctor":
		return j.doctor(ctx)
	case "install":
		return j.install()
	case "version":
		_, err := fmt.Fprintln(j.Stdout, j.Version)
		return err
	default:
		return j.help()
	}
}

// exitError ends the program with an exit code of its own. Without a cause there
// is nothing more to say.
type exitError struct {
	code  int
	cause error
}

func (e *exitError) Error() string { return e.cause.Error() }
func (e *exitError) Unwrap() error { return e.cause }

// end says what went wrong and gives the exit code.
func (j *job) end(ctx context.Context, err error) int {
	if err == nil {
		return exitOK
	}
	exit, ends := errors.AsType[*exitError](err)
	if !ends || exit.cause != nil {
		j.system.Fail(err.Error(), j.hints(err))
	}
	var wrong *usageError
	var settings *settings.Error
	var interrupted Interrupted
	var page *pageError
	switch {
	case ends:
		return exit.code
	case errors.As(err, &wrong), errors.As(err, &settings):
		return exitUsage
	case errors.Is(err, lease.ErrInterrupted) && errors.As(context.Cause(ctx), &interrupted):
		return interrupted.Code
	case errors.As(err, &page):
		return exitPage
	}
	return exitFailed
}

// life is what package lease is handed.
func (j *job) life(timeout time.Duration) lease.Life {
	return lease.Life{
		Now: j.Now, Pause: j.Pause, Random: j.Random,
		Grace: lease.Grace, Timeout: cmp.Or(timeout, settings.DefaultTimeout),
		Progress: func(text string) { j.system.Say(ci.Progress, text) },
		Notice:   func(text string) { j.system.Say(ci.Notice, text) },
		Warn:     func(text string) { j.system.Say(ci.Warning, text) },
	}
}

// fileTimeout bounds the wait for pipes that settings name: whatever writes to one may
// ask a secret store first, or a person. docs/reference.md names it.
const fileTimeout = time.Minute

// readGiven reads a file that a setting names.
func (j *job) readGiven(ctx context.Context) func(string) ([]byte, error) {
	if j.action || j.ReadGiven == nil {
		return j.ReadFile
	}
	return func(path string) ([]byte, error) { return j.ReadGiven(ctx, path) }
}

// others are the settings that are not in the table of settings, with what was given.
func (j *job) others() [][2]string {
	var all [][2]string
	for _, name := range []string{"lease", "project", "run", "label", "uuid", "auth-file", "netrc"} {
		if text := j.flags.text[name]; text != "" {
			all = append(all, [2]string{"--" + name, text})
		}
	}
	if j.action && j.name == "sweep" {
		for _, name := range []string{"project", "run", "label"} {
			all = append(all, [2]string{name, j.choice(name)})
		}
	}
	for _, name := range []string{"JENKINS_TOKEN_PROJECT", "JENKINS_TOKEN_RUN"} {
		text, _ := j.Lookup(name)
		all = append(all, [2]string{name, text})
	}
	return all
}

// load reads the settings, from the places that count for this job.
func (j *job) load(ctx context.Context, need settings.Need) (*settings.Settings, error) {
	reading, cancel := context.WithTimeout(ctx, fileTimeout)
	defer cancel()
	source := settings.Source{
		Flags: j.flags.settings(), Lookup: j.Lookup, ReadFile: j.readGiven(reading), Proxies: j.Lookup,
		Action: j.action, InJenkins: ci.InJenkins(j.Lookup), Fork: ci.Fork(j.Lookup, j.ReadFile),
	}
	switch {
	case j.action:
		source.Spelling = settings.Runner
	case ci.OnPlugin(j.Lookup):
		source.Spelling = settings.Plugin
	}
	if need != settings.ForPost {
		source.Others = j.others()
	}
	s, err := settings.Load(ctx, source, need)
	if err != nil && ctx.Err() != nil {
		return nil, lease.ErrInterrupted // a pipe was waited for
	}
	if err != nil {
		return nil, err
	}
	j.account = s
	for _, notice := range s.Notices {
		if need != settings.ForPost {
			j.system.Say(ci.Notice, notice)
		}
	}
	return s, nil
}
