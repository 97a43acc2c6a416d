package command

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/cli"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/settings"
)

// Program is everything that the process provides.
type Program struct {
	Args    []string // with the name it was called by
	Version string   // one line of its own
	Env     Env
	Streams Streams
	Files   Files
	Clock   Clock
	Random  io.Reader
	Process Process
	// Dial connects to controllers and proxies; nil connects as net/http does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// AroundWrite is called for each write that publishes something, so that a test can
	// end the program before and after it; nil only writes.
	AroundWrite func(what string, write func() error) error
}

// Env is the environment of the process.
type Env struct {
	Lookup   func(string) (string, bool)
	Environ  func() []string
	Hostname string
}

// Streams are the standard streams, and what is known of them.
type Streams struct {
	In            io.Reader
	Out, Err      io.Writer
	OutIsTerminal bool
	ErrIsTerminal bool
	OutDiscarded  bool // standard output is the null device, or was closed
	OutIsErr      bool // standard output goes where standard error goes
}

// Files is access to the file system.
type Files struct {
	Read func(string) ([]byte, error)
	// ReadGiven reads a file that a setting names, which can be a pipe; nil is Read.
	// The action uses Read: there another step can have put a pipe in the place of the
	// file, to hold the job up.
	ReadGiven  func(context.Context, string) ([]byte, error)
	Exists     func(string) bool // a file or directory
	Executable func() (string, error)
	LookPath   func(string) (string, error) // finds a command
}

// Clock tells the time and waits.
type Clock struct {
	Now   func() time.Time
	Pause func(context.Context, time.Duration) error
}

// Process is the process itself, and those it starts.
type Process struct {
	Signals   *cli.Signals
	IsPID1    bool
	NotHidden error                                                     // why other processes can read this one's environment; nil when they cannot
	Tool      func(name string, args, env []string, stdin []byte) error // see ci.Environment
}

// invocation is one call of a command: what the process provides, what the command line
// says, and the CI system around it.
type invocation struct {
	*Program
	input  cli.Input
	action bool // called as the action, on a runner
	plugin bool // called as a plugin, without arguments
	system ci.System
	runner *ci.GitHub // the system, as the action
	// ambiguous says that the system is one of several; see requireKnownCI.
	ambiguous error
	write     writer
}

// writer publishes something: a lease, masks, an output, a summary.
type writer func(what string, write func() error) error

// Command is a command of this program.
type Command = cli.Command[*invocation]

// ciFlag is the flag of all commands that ask the CI system.
func ciFlag() cli.Flag {
	return cli.Flag{Name: "ci", Value: "SYSTEM", Text: "the CI around the program, when it is not detected: " + strings.Join(ci.Names(), ", ")}
}

// wrongUse is the exit code of all commands that take settings.
func wrongUse() cli.ExitCode {
	return cli.ExitCode{Number: "2", Meaning: "wrong use or wrong settings; nothing was sent"}
}

// accountSettings are the settings of all commands that log in.
func accountSettings() []cli.Flag {
	return flagsOf(func(s settings.Setting) bool { return !s.Creates })
}

// creationSettings are the settings of commands that create a token.
func creationSettings() []cli.Flag {
	return flagsOf(func(settings.Setting) bool { return true })
}

func flagsOf(taken func(settings.Setting) bool) []cli.Flag {
	var flags []cli.Flag
	for _, s := range settings.All() {
		if taken(s) {
			flags = append(flags, cli.Flag{Name: s.Name, Text: s.Description, Boolean: s.Boolean, Env: s.Env, Default: s.Default, Secret: s.Secret})
		}
	}
	return flags
}

// requireKnownCI refuses what depends on the CI system when it is not clear which one
// it is.
func requireKnownCI(inv *invocation) error {
	if inv.ambiguous == nil {
		return nil
	}
	return cli.Usage(inv.ambiguous.Error(), "pass --ci NAME with the system that runs this job")
}

// newLife is what package lease needs of the process.
func newLife(inv *invocation, timeout time.Duration) lease.Life {
	return lease.Life{
		Now: inv.Clock.Now, Pause: inv.Clock.Pause, Random: inv.Random,
		Grace: lease.Grace, Timeout: cmp.Or(timeout, settings.DefaultTimeout),
		Progress: func(text string) { inv.system.Say(ci.Progress, text) },
		Notice:   func(text string) { inv.system.Say(ci.Notice, text) },
		Warn:     func(text string) { inv.system.Say(ci.Warning, text) },
	}
}

// fileTimeout bounds the wait for pipes that settings name: whatever writes to one may
// ask a secret store first, or a person. docs/reference.md names it.
const fileTimeout = time.Minute

// loadSettings reads the settings from the sources that count for this invocation.
// others are names and values that are not settings, which are checked too.
func loadSettings(ctx context.Context, inv *invocation, need settings.Need, others ...[2]string) (*settings.Settings, error) {
	reading, cancel := context.WithTimeout(ctx, fileTimeout)
	defer cancel()
	lookup := inv.Env.Lookup
	source := settings.Source{
		Flags: inv.input.Text, Lookup: lookup, ReadFile: readGiven(reading, inv), Proxies: lookup,
		Action: inv.action, InJenkins: ci.InJenkins(lookup), Fork: ci.Fork(lookup, inv.Files.Read),
	}
	switch {
	case inv.action:
		source.Spelling = settings.Runner
	case ci.OnPlugin(lookup):
		source.Spelling = settings.Plugin
	}
	if need != settings.ForPost {
		source.Others = append(otherFlags(inv.input), append(others, otherVariables(lookup)...)...)
	}
	s, err := settings.Load(ctx, source, need)
	if err != nil && ctx.Err() != nil {
		return nil, lease.ErrInterrupted // a pipe was waited for
	}
	if err != nil {
		return nil, err
	}
	for _, notice := range s.Notices {
		if need != settings.ForPost {
			inv.system.Say(ci.Notice, notice)
		}
	}
	return s, nil
}

// readGiven reads a file that a setting names.
func readGiven(ctx context.Context, inv *invocation) func(string) ([]byte, error) {
	if inv.action || inv.Files.ReadGiven == nil {
		return inv.Files.Read
	}
	return func(path string) ([]byte, error) { return inv.Files.ReadGiven(ctx, path) }
}

// otherFlags are the flags that are not settings and have a value.
func otherFlags(input cli.Input) [][2]string {
	var all [][2]string
	for _, name := range []string{"lease", "project", "run", "label", "uuid", "auth-file", "netrc"} {
		if text := input.Text[name]; text != "" {
			all = append(all, [2]string{"--" + name, text})
		}
	}
	return all
}

// otherVariables are the variables that name the run and are not settings.
func otherVariables(lookup func(string) (string, bool)) [][2]string {
	var all [][2]string
	for _, name := range []string{"JENKINS_TOKEN_PROJECT", "JENKINS_TOKEN_RUN"} {
		text, _ := lookup(name)
		all = append(all, [2]string{name, text})
	}
	return all
}

// cause is what failed with a file, without its path.
func cause(err error) error {
	if failed, ok := errors.AsType[*os.PathError](err); ok {
		return failed.Err
	}
	return err
}
