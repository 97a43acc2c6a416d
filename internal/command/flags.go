package command

import (
	"errors"
	"flag"
	"io"
	"strconv"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/settings"
)

// flags are the flags and arguments of a command.
type flags struct {
	text map[string]string
	all  map[string][]string // every text of a flag that was given more than once
	set  map[string]bool
	args []string
}

// settings are the flags that are settings. The label of a sweep is a filter,
// and no name to give.
func (f flags) settings() map[string]string { return f.text }

// value keeps the text of a flag as it is: the checks, and the messages that
// never repeat a value, are those of package settings.
type value struct {
	into    *flags
	name    string
	boolean bool
	setting bool
}

func (v value) String() string   { return "" }
func (v value) IsBoolFlag() bool { return v.boolean }
func (v value) Set(text string) error {
	on := true
	if v.boolean && !v.setting {
		var err error
		if on, err = strconv.ParseBool(strings.ToLower(text)); err != nil {
			return err
		}
	}
	v.into.text[v.name], v.into.set[v.name] = text, on
	v.into.all[v.name] = append(v.into.all[v.name], text)
	return nil
}

// commandOf is the command that the first argument names: two are spelt as flags
// as well.
func commandOf(arg string) string {
	switch arg {
	case "-h", "--help", "-help":
		return "help"
	case "-v", "--version", "-version":
		return "version"
	}
	return arg
}

// parse reads the command line of a command.
func parse(name string, args []string) (flags, error) {
	f := flags{text: map[string]string{}, all: map[string][]string{}, set: map[string]bool{}}
	v, ok := commandNamed(name)
	if !ok {
		return f, unknownCommand(name)
	}
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, o := range v.options {
		set.Var(value{&f, o.name, o.boolean, false}, o.name, o.text)
	}
	for _, s := range settings.All() {
		if v.takes(s) && !s.Secret && set.Lookup(s.Name) == nil {
			set.Var(value{&f, s.Name, s.Boolean, true}, s.Name, s.Description)
		}
	}
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			f.set["help"] = true
			return f, nil
		}
		return f, wrongFlag(v, set, args)
	}
	f.args = set.Args()
	if len(f.args) > v.positional && v.positional != anyNumber {
		return f, usage(name+": too many arguments", "jenkins-token help "+name+" shows how it is called")
	}
	return f, nil
}
