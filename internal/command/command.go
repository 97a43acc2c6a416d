// Package command is the program: it joins settings, the controller's client, the life
// of a token and the CI system. One file is one command: what its help says, and the
// code that runs it.
package command

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/cli"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/settings"
)

// SignalGrace is how long the process may live after the first signal. Nothing that hangs,
// such as a write to a pipe, keeps it alive longer: the runner kills it soon after, and
// then nothing is said.
const SignalGrace = lease.Grace + time.Second

// app is the program with all its commands.
func app() cli.App[*invocation] {
	return cli.App[*invocation]{
		Name:  "jenkins-token",
		About: "gives a CI job a short-lived, named Jenkins API token and revokes it.",
		Usage: "Settings are flags (--url), inputs of the CI system, or environment variables (JENKINS_URL), " +
			"in that order. Secrets cannot be passed as flags. jenkins-token help COMMAND explains a command, with its flags, settings, exit codes and examples.",
		Examples: []cli.Example{
			{Purpose: "check whether a token can be created and revoked from here", Line: "jenkins-token doctor"},
			{Purpose: "create a token, and revoke it", Line: "jenkins-token create --lease token.json && jenkins-token revoke --lease token.json"},
		},
		Commands: []Command{
			createCommand(), revokeCommand(), execCommand(), sweepCommand(), doctorCommand(), installCommand(), versionCommand(), helpCommand(app),
		},
	}
}

// IsAction reports whether argv0 is one of the names under which the program is
// one of the actions: create and revoke are the main and the post step of action.yml,
// revoke-uuid and sweep the steps of revoke/action.yml and sweep/action.yml. The
// name says which inputs the step declares, and only those are read: any other can
// come from an earlier step, through GITHUB_ENV.
func IsAction(argv0 string) bool {
	return slices.Contains([]string{"create", "revoke", revokeUUIDAction, "sweep"}, programName(argv0))
}

// programName is the name that the program was called by, without the ending of Windows.
func programName(argv0 string) string {
	name := filepath.Base(argv0)
	if ending := filepath.Ext(name); strings.EqualFold(ending, ".exe") {
		return strings.TrimSuffix(name, ending)
	}
	return name
}

const revokeUUIDAction = "revoke-uuid"

// Run runs the command that name or arguments say and returns the exit code.
func (p *Program) Run(ctx context.Context) int {
	inv, run, err := p.parse()
	if err == nil {
		err = run(ctx, inv)
	}
	return exitCode(ctx, inv, err)
}

// parse finds out which command is meant. There is an invocation even when the error is
// not nil, to report it.
func (p *Program) parse() (*invocation, func(context.Context, *invocation) error, error) {
	inv := &invocation{Program: p, write: p.AroundWrite}
	if inv.write == nil {
		inv.write = func(_ string, write func() error) error { return write() }
	}
	if IsAction(p.Args[0]) && ci.OnRunner(p.Env.Lookup) {
		run, err := p.parseAction(inv)
		return inv, run, err
	}
	name, args, err := p.commandLine(inv)
	var c Command
	if err == nil {
		c, inv.input, err = app().Parse(name, args)
	}
	override := inv.input.Text["ci"]
	if override != "" && !slices.Contains(ci.Names(), override) {
		err = cli.Usage("--ci: "+ci.ErrUnknown.Error(), "known are "+strings.Join(ci.Names(), ", "))
		inv.input, override = cli.Input{}, ""
	}
	inv.system, inv.ambiguous = ci.Detect(surroundings(p, name, inv.input), override)
	if err == nil && inv.input.Help {
		return inv, func(_ context.Context, inv *invocation) error { return printHelp(inv, app(), name) }, nil
	}
	return inv, c.Run, err
}

// parseAction finds out which action is meant. Nothing that an earlier step can set makes
// it the action of a system that is not GitHub-like.
func (p *Program) parseAction(inv *invocation) (func(context.Context, *invocation) error, error) {
	name := programName(p.Args[0])
	inv.action = true
	inv.system, _ = ci.Detect(surroundings(p, name, inv.input), "github")
	inv.runner = inv.system.Runner
	if len(p.Args) > 1 && name != "revoke" {
		return nil, cli.Usage("the action takes no arguments, and `args` were given", "remove `args` from the step: settings are inputs")
	}
	if name == revokeUUIDAction {
		return revokeByInput, nil
	}
	c, _ := app().Command(name)
	return c.Run, nil
}

// commandLine is the name of the command and its arguments: from the name of the program,
// from the settings of a plugin, or from the arguments.
func (p *Program) commandLine(inv *invocation) (string, []string, error) {
	name, args := programName(p.Args[0]), p.Args[1:]
	switch {
	case name == revokeUUIDAction:
		return "revoke", args, nil
	case IsAction(name):
		return name, args, nil
	}
	if len(args) == 0 && ci.OnPlugin(p.Env.Lookup) {
		text, _ := p.Env.Lookup("PLUGIN_COMMAND")
		args, inv.plugin = strings.Fields(text), true
	}
	if len(args) == 0 {
		return name, nil, cli.Usage("no command", "jenkins-token help lists the commands")
	}
	return cli.CommandName(args[0]), args[1:], nil
}

// surroundings are what the CI system is detected in.
func surroundings(p *Program, name string, input cli.Input) ci.Environment {
	shared := name == "exec" // with the command that exec runs
	return ci.Environment{
		Lookup: p.Env.Lookup, ReadFile: p.Files.Read, Exists: p.Files.Exists, Stdout: p.Streams.Out, Stderr: p.Streams.Err,
		Hostname: p.Env.Hostname, Now: p.Clock.Now(), Tool: p.Process.Tool, Unmasked: shared,
		Captured: shared || name == "create" && input.Text["lease"] == "-" || input.Set["json"],
	}
}

// message is the text of an error: one line, or one for each wrong setting.
func message(err error) []string {
	if wrong, ok := errors.AsType[*settings.Error](err); ok {
		return wrong.Lines()
	}
	return []string{err.Error()}
}

// exitCode reports an error and returns the exit code.
func exitCode(ctx context.Context, inv *invocation, err error) int {
	if err == nil {
		return cli.ExitOK
	}
	exit, coded := errors.AsType[*cli.ExitError](err)
	if !coded || exit.Cause != nil {
		inv.system.Fail(message(err), hints(err, inv.action))
	}
	var interrupted cli.Interrupted
	switch {
	case coded:
		return exit.Code
	case errors.As(err, new(*cli.UsageError)), errors.As(err, new(*settings.Error)):
		return cli.ExitUsage
	case errors.Is(err, lease.ErrInterrupted) && errors.As(context.Cause(ctx), &interrupted):
		return interrupted.Code
	}
	return cli.ExitFailed
}
