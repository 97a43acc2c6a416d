// Package ci is what a CI system provides and accepts: what names the run, how to
// write to its log, where a lease file may be, and how to publish a token to
// later steps.
//
// One file knows one kind of systems, from the variables that its documentation
// names; detect.go finds out which one is around. The package knows nothing of
// Jenkins' API.
package ci

import (
	"context"
	"net/http"

	"cmp"
	"errors"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Level is how much a message matters.
type Level int

// The levels.
const (
	Progress Level = iota
	Notice
	Warning
)

// Run names a run of a job, so that a token's name tells where it comes from.
type Run struct {
	Project string // host and project of the CI
	ID      string // run and attempt
	Job     string // the job's name, the default label
}

// System is the CI system around the program, and what it can do: a member that is nil
// says that it cannot. Errors of its functions are of type [*ChannelError].
type System struct {
	Name  string // as --ci takes it
	Run   Run
	Files Files // where a lease may lie
	// KillGrace is how long a command of a cancelled job lives, from the first signal that
	// asks it to end until one that it cannot catch. Zero means that the system sends no
	// signal before.
	KillGrace time.Duration

	Log
	// Mask masks texts in the log from now on: GitHub-like runners, Azure Pipelines,
	// Buildkite; GitLab's says that it cannot.
	Mask func(...secret.String) error
	// Redact tells the agent what to redact where exec redacts by itself: Buildkite.
	Redact func(...secret.String)
	// Outputs of the step: GitHub-like runners, Azure Pipelines.
	Outputs Outputs
	// Summary adds Markdown to the page of the run: GitHub-like runners.
	Summary func(markdown string) error
	// IDToken requests an ID token, and masks it: GitHub-like runners.
	IDToken func(ctx context.Context, transport http.RoundTripper, audience string) (secret.String, error)
	// Runner is what the action needs of a GitHub-like runner.
	Runner *GitHub
}

// Log tells the user something.
type Log interface {
	// Say tells one message, of one line or more.
	Say(level Level, lines ...string)
	// Fail tells the one error that ends the command, with hints. Its message is of one
	// line or more.
	Fail(lines, hints []string)
}

// Outputs sets outputs of the step.
type Outputs interface {
	// Open checks that outputs can be written, and writes nothing.
	Open() error
	// Output sets one, of one line.
	Output(name, value string) error
}

// ChannelError is a channel of the CI that cannot be used.
type ChannelError struct {
	Channel  string // "step output", "state", "mask", "summary"
	Variable string // the variable that names its file
	Hint     string // what to do, where there is something better to say than usual
	Err      error
}

// Error names the channel and not the path.
func (e *ChannelError) Error() string {
	if e.Variable == "" {
		return "the " + e.Channel + " cannot be written"
	}
	return "the " + e.Channel + " cannot be written (file of " + e.Variable + ")"
}

// Unwrap returns the cause.
func (e *ChannelError) Unwrap() error { return e.Err }

// Environment is what a system is detected in.
type Environment struct {
	Lookup         func(string) (string, bool)
	ReadFile       func(string) ([]byte, error)
	Exists         func(string) bool // of a file or directory
	Stdout, Stderr io.Writer
	Hostname       string
	Now            time.Time
	// Tool runs a program of the CI's with this environment and no other, and
	// without showing what it prints. The error is [ErrNoTool] where there is no
	// such program.
	Tool func(name string, args, env []string, stdin []byte) error
	// Captured is set when standard output carries a lease: messages and masks
	// then go to standard error.
	Captured bool
	// Unmasked is set when both streams are another program's too, which can send
	// them anywhere: a mask would then show the secret.
	Unmasked bool
}

// ErrNoTool is the error for a program of the CI's that is not there.
var ErrNoTool = errors.New("no such program")

func (s Environment) get(name string) string {
	text, _ := s.Lookup(name)
	return strings.TrimSpace(text)
}

// first is the first of the variables that says something.
func (s Environment) first(names ...string) string {
	for _, name := range names {
		if text := s.get(name); text != "" {
			return text
		}
	}
	return ""
}

// repository names the repository of a run: by the system's host and the name that it
// gives, or by the first address in the variables. A system's local runner (exec) may
// give neither; its name is then better than that of a container, which says nothing.
func (s Environment) repository(system, host, name string, addresses ...string) string {
	if name != "" {
		return join("/", host, name)
	}
	for _, variable := range addresses {
		if u, err := url.Parse(s.get(variable)); err == nil && u.Host != "" {
			return join("/", u.Host, strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git"))
		}
	}
	return cmp.Or(host, system)
}

// host is the host, and the port, of the address in a variable.
func (s Environment) host(name string) string {
	u, err := url.Parse(s.get(name))
	if err != nil {
		return ""
	}
	return u.Host
}

// read is what a file holds, empty when it cannot be read.
func (s Environment) read(path string) string {
	if s.ReadFile == nil {
		return ""
	}
	content, err := s.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(content))
}

func (s Environment) exists(path string) bool { return s.Exists != nil && s.Exists(path) }

// join puts the parts that are known between separators.
func join(separator string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), separator)
}

// out is where commands to the CI go: its runner reads both streams.
func (s Environment) out() io.Writer {
	if s.Captured {
		return s.Stderr
	}
	return s.Stdout
}

// cleanLines makes each line of a message safe to print.
func cleanLines(lines ...string) string {
	clean := make([]string, len(lines))
	for i, line := range lines {
		clean[i] = Clean(line)
	}
	return strings.Join(clean, "\n")
}

// Clean makes text safe to print in any log: no control characters, no terminal
// escapes, nothing that a runner takes for a command.
func Clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r < 0x20, r == 0x7f, r >= 0x80 && r < 0xa0, r == 0x61c, r == 0x2028, r == 0x2029,
			r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfffd:
			return ' '
		}
		return r
	}, text)
	// The runner finds ##[command] anywhere in a line and ::command:: at its start,
	// after white space of all Unicode (ActionCommand.cs, TryParse and TryParseV2).
	// Azure's agent finds ##vso[command] anywhere (Command.cs), TeamCity's
	// ##teamcity[command] at the start of a line.
	text = strings.NewReplacer("##[", "## [", "##vso[", "## vso[", "##teamcity[", "## teamcity[").Replace(text)
	if trimmed := strings.TrimLeftFunc(text, unicode.IsSpace); strings.HasPrefix(trimmed, "::") {
		text = ": " + trimmed[1:]
	}
	return text
}
