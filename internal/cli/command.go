// Package cli describes the commands of a program as values. It parses command
// lines, prints help, suggests what was probably meant, and turns the signals that
// end a program into the end of a context.
//
// It never repeats what it read from the command line: that may be a secret in the
// wrong place.
package cli

import (
	"context"
	"slices"
)

// App is a program with several commands. T is what main hands to their functions.
type App[T any] struct {
	Name     string
	About    string // one sentence
	Usage    string // a paragraph on how the commands are called
	Examples []Example
	Commands []Command[T] // in the order of the help text
}

// Command is one command of a program.
type Command[T any] struct {
	Name         string
	Arguments    string // as the usage line shows them
	Summary      string // one line
	About        string // two or three sentences
	Flags        []Flag
	Settings     []Flag // flags that environment variables can set too
	MaxArguments int    // or AnyNumber
	ExitCodes    []ExitCode
	Examples     []Example
	Run          func(context.Context, T) error
}

// AnyNumber is the MaxArguments of a command that takes another command line.
const AnyNumber = -1

// Flag is a flag of a command. When a [Command] has a flag and a setting of the same
// name, the command line sets the flag.
type Flag struct {
	Name    string
	Value   string // what the help text calls its value
	Text    string
	Boolean bool

	// The rest is for settings.

	Env     []string // the first is the one to write
	Default string
	// Secret settings cannot be passed as flags, because every process can see a
	// command line. A variable of Env with _FILE appended names a file that holds one.
	Secret bool
}

// ExitCode is an exit code, or several, and what it means.
type ExitCode struct{ Number, Meaning string }

// Example is a command line and its purpose.
type Example struct{ Purpose, Line string }

// Command returns the command of a name.
func (a App[T]) Command(name string) (Command[T], bool) {
	i := slices.IndexFunc(a.Commands, func(c Command[T]) bool { return c.Name == name })
	if i < 0 {
		return Command[T]{}, false
	}
	return a.Commands[i], true
}

// names are the names of all commands.
func (a App[T]) names() []string {
	var names []string
	for _, c := range a.Commands {
		names = append(names, c.Name)
	}
	return names
}

// CommandName returns the command that the first argument names. Two commands can be
// written as flags too.
func CommandName(arg string) string {
	switch arg {
	case "-h", "--help", "-help":
		return "help"
	case "-v", "--version", "-version":
		return "version"
	}
	return arg
}
