// Package ci is what the surrounding CI gives and takes: what names the run, how
// to speak to its user, and how to hand a token on to later steps.
//
// One file knows one family of systems: github.go the runners that speak
// GitHub's workflow commands (GitHub, GitHub Enterprise Server, act, Gitea,
// Forgejo), plain.go everything else. The package knows nothing of Jenkins.
package ci

import (
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// Level is how much a message matters.
type Level int

// The levels.
const (
	Progress Level = iota
	Notice
	Warning
)

// Run names a run of a job, so that a token's name tells whose it is.
type Run struct {
	Where string // host and project of the CI
	ID    string // run and attempt
	Job   string // the job's name, the default label
}

// System is the CI around the program.
type System interface {
	// Name of the system, as --ci takes it.
	Name() string
	// Run names the run.
	Run() Run
	// Say tells the user one line.
	Say(level Level, text string)
	// Fail tells the user the one error that ends the command, with hints.
	Fail(message string, hints []string)
	// Handover is how a token reaches later steps, nil where the program has no
	// way that is its own.
	Handover() Handover
}

// Handover hands a token on to later steps of a job, and a record to the post
// step. Errors are of type [*ChannelError].
type Handover interface {
	// Open checks that state and outputs can be written. It writes nothing.
	Open() error
	// Mask hides the text in the log from now on.
	Mask(secret.String) error
	// Keep stores the record for the post step, in place of an earlier one.
	Keep(record []byte) error
	// Kept returns what Keep stored, in the post step.
	Kept() (record string, ok bool)
	// Output sets a step output of one line.
	Output(name, value string) error
	// Summary adds Markdown to the page of the run.
	Summary(markdown string) error
	// SideFile is the file that stands in for the state where the runner does not
	// hand it to a post step; empty elsewhere.
	SideFile() string
	// PostUncertain reports whether there are versions of this runner that do not
	// run the post step of a container action.
	PostUncertain() bool
	// TempDir is the job's own directory for temporary files.
	TempDir() string
	// EveryRunIsOne reports whether all runs have the same number here.
	EveryRunIsOne() bool
}

// ChannelError is a channel of the CI that cannot be used.
type ChannelError struct {
	Channel  string // "step output", "state", "mask", "summary"
	Variable string // the variable that names its file
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

// Surroundings are what a system is detected in.
type Surroundings struct {
	Lookup         func(string) (string, bool)
	Stdout, Stderr io.Writer
	Hostname       string
	Now            time.Time
	// Captured is set when standard output carries a record: messages and masks
	// then go to standard error.
	Captured bool
}

func (s Surroundings) get(name string) string {
	text, _ := s.Lookup(name)
	return strings.TrimSpace(text)
}

// Names are the systems that [Detect] takes as an override.
func Names() []string { return []string{"github", "plain"} }

// Detect returns the system around the program, or the one that override names.
// It is false for a name that is not one of [Names].
func Detect(s Surroundings, override string) (System, bool) {
	switch override {
	case "":
	case "github":
		return newGitHub(s), true
	case "plain":
		return &plain{s}, true
	default:
		return nil, false
	}
	if OnRunner(s.Lookup) {
		return newGitHub(s), true
	}
	return &plain{s}, true
}

// OnRunner reports whether the program runs on a GitHub-like runner.
func OnRunner(lookup func(string) (string, bool)) bool {
	text, _ := lookup("GITHUB_ACTIONS")
	return text == "true"
}

// OnPlugin reports whether the program runs as a plugin of Drone or Woodpecker,
// which pass settings as PLUGIN_ variables.
func OnPlugin(lookup func(string) (string, bool)) bool {
	drone, _ := lookup("DRONE")
	ci, _ := lookup("CI")
	return drone == "true" || ci == "woodpecker" || ci == "drone"
}

// InJenkins reports whether the program runs inside a Jenkins build.
func InJenkins(lookup func(string) (string, bool)) bool {
	home, _ := lookup("JENKINS_HOME")
	build, _ := lookup("BUILD_TAG")
	return home != "" || strings.HasPrefix(build, "jenkins-")
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
	text = strings.ReplaceAll(text, "##[", "## [")
	if trimmed := strings.TrimLeftFunc(text, unicode.IsSpace); strings.HasPrefix(trimmed, "::") {
		text = ": " + trimmed[1:]
	}
	return text
}
