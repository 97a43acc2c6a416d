package command

import (
	"errors"
	"flag"
	"io"
	"slices"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/settings"
)

// option is a flag that is no setting.
type option struct {
	name, meta, text string
	boolean          bool
}

// verb is a command as help describes it.
type verb struct {
	name, arguments, text string
	settings              bool // takes the settings as flags
	options               []option
	positional            int
}

func verbs() []verb {
	on := option{name: "ci", meta: "SYSTEM", text: "the CI around the program, when it is not detected: " + strings.Join(ci.Names(), ", ")}
	return []verb{
		{name: "create", text: "make a token and hand it on", settings: true, options: []option{
			{name: "lease", meta: "FILE|-", text: "write the record, which holds the token, to a new file or to standard output"},
			{name: "show", text: "write the record to a terminal or a log all the same", boolean: true}, on,
		}},
		{name: "revoke", text: "revoke the token of a record, or one by its uuid", settings: true, options: []option{
			{name: "lease", meta: "FILE|-", text: "the record; the file is deleted when the token is gone"},
			{name: "uuid", meta: "UUID", text: "a token of the account whose credential is given"}, on,
		}},
		{name: "sweep", text: "revoke expired tokens that this program made", settings: true, options: []option{
			{name: "where", meta: "WHERE", text: "only tokens of this host and project"},
			{name: "run", meta: "RUN[.ATTEMPT]", text: "only tokens of this run, expired or not"},
			{name: "dry-run", text: "list them and revoke nothing", boolean: true},
			{name: "json", text: "the result as JSON on standard output", boolean: true}, on,
		}},
		{name: "install", arguments: "DIR", text: "copy the program to DIR/jenkins-token", positional: 1},
		{name: "version", text: "print the version"},
		{name: "help", arguments: "[COMMAND]", text: "explain a command", positional: 1},
	}
}

// flags are the flags and arguments of a command.
type flags struct {
	text map[string]string
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
}

func (v value) String() string   { return "" }
func (v value) IsBoolFlag() bool { return v.boolean }
func (v value) Set(text string) error {
	v.into.text[v.name], v.into.set[v.name] = text, text != "false"
	return nil
}

// parse reads the command line of a command.
func parse(name string, args []string) (flags, error) {
	f := flags{text: map[string]string{}, set: map[string]bool{}}
	switch name {
	case "-h", "--help", "-help":
		name = "help"
	case "--version", "-version":
		name = "version"
	}
	i := slices.IndexFunc(verbs(), func(v verb) bool { return v.name == name })
	if i < 0 {
		return f, usage("there is no such command", "commands are "+strings.Join(verbNames(), ", ")+"; jenkins-token help explains them")
	}
	v := verbs()[i]
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, o := range v.options {
		set.Var(value{&f, o.name, o.boolean}, o.name, o.text)
	}
	if v.settings {
		for _, s := range settings.All() {
			if !s.Secret && set.Lookup(s.Name) == nil {
				set.Var(value{&f, s.Name, s.Boolean}, s.Name, s.Description)
			}
		}
	}
	if err := set.Parse(args); err != nil {
		hint := "jenkins-token help " + name + " lists its flags"
		if errors.Is(err, flag.ErrHelp) {
			f.set["help"] = true
			return f, nil
		}
		if secret := secretFlag(args); secret != "" {
			return f, usage("--"+secret+" is no flag: a secret in the command line can be seen by every process", "set "+environmentOf(secret)+", or "+environmentOf(secret)+"_FILE to the path of a file that holds it")
		}
		return f, usage(name+": a flag is not known or lacks its value", hint)
	}
	f.args = set.Args()
	if len(f.args) > v.positional {
		return f, usage(name+": too many arguments", "jenkins-token help "+name+" shows how it is called")
	}
	return f, nil
}

func verbNames() []string {
	var names []string
	for _, v := range verbs() {
		names = append(names, v.name)
	}
	return names
}

// secretFlag finds a secret setting that was given as if it were a flag.
func secretFlag(args []string) string {
	for _, s := range settings.All() {
		for _, arg := range args {
			name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
			if s.Secret && strings.HasPrefix(arg, "-") && name == s.Name {
				return s.Name
			}
		}
	}
	return ""
}

func environmentOf(name string) string {
	for _, s := range settings.All() {
		if s.Name == name {
			return s.Env[0]
		}
	}
	return ""
}
