package cli

import (
	"errors"
	"flag"
	"io"
	"strconv"
	"strings"
)

// Input is what a command line holds.
type Input struct {
	Text map[string]string   // values of flags as they were written; the last one of each
	All  map[string][]string // all values of each flag
	Set  map[string]bool     // flags that were given; false for a boolean flag that is false
	Args []string            // what follows the flags
	Help bool                // --help was given: the rest does not count
}

// value keeps the text of a flag as it is. Settings are checked by their own package,
// with messages that never repeat a value.
type value struct {
	into    *Input
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
	v.into.Text[v.name], v.into.Set[v.name] = text, on
	v.into.All[v.name] = append(v.into.All[v.name], text)
	return nil
}

// Parse reads the arguments of the command of a name. Errors are of type [*UsageError].
func (a App[T]) Parse(name string, args []string) (Command[T], Input, error) {
	c, ok := a.Command(name)
	if !ok {
		return Command[T]{}, Input{}, unknownCommand(a.Name, name, a.names())
	}
	in := Input{Text: map[string]string{}, All: map[string][]string{}, Set: map[string]bool{}}
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, f := range c.Flags {
		set.Var(value{&in, f.Name, f.Boolean, false}, f.Name, f.Text)
	}
	for _, f := range c.Settings {
		if !f.Secret && set.Lookup(f.Name) == nil {
			set.Var(value{&in, f.Name, f.Boolean, true}, f.Name, f.Text)
		}
	}
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			in.Help = true
			return c, in, nil
		}
		var elsewhere []Flag
		for _, other := range a.Commands {
			elsewhere = append(elsewhere, other.Settings...)
		}
		return c, Input{}, wrongFlag(c.Name, a.Name+" help "+c.Name, set, args, c.Settings, elsewhere)
	}
	in.Args = set.Args()
	if len(in.Args) > c.MaxArguments && c.MaxArguments != AnyNumber {
		return c, Input{}, Usage(name+": too many arguments", a.Name+" help "+name+" shows how it is called")
	}
	return c, in, nil
}
