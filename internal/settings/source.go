package settings

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/file"
	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// Spelling is how the surrounding CI spells its inputs.
type Spelling int

// The spellings.
const (
	NoInputs Spelling = iota // no inputs, only flags and environment
	Runner                   // INPUT_CA-CERTIFICATE: GitHub-like runners keep the hyphen (Handler.cs AddInputsToEnvironment)
	Plugin                   // PLUGIN_CA_CERTIFICATE: Drone and Woodpecker
)

// Need says which settings a command cannot do without.
type Need int

// The needs.
const (
	ForCreate  Need = iota // url, account and credential
	ForAccount             // url, account and credential, to sweep or to revoke by uuid
	ForPost                // nothing: what is there helps when the record does not
)

// Source is where settings come from.
type Source struct {
	Flags    map[string]string // by setting, as the command line gave them
	Lookup   func(string) (string, bool)
	ReadFile func(string) ([]byte, error)
	// Proxies reads the variables of proxies; nil looks at none. They are not settings:
	// what exec starts keeps them.
	Proxies func(string) (string, bool)
	// Others are the settings of a single command, names and values: only placeholders
	// are looked for in them.
	Others   [][2]string
	Spelling Spelling
	// Action is set under the names create, revoke and sweep on a runner: in the
	// post step there, the environment counts for nothing.
	Action bool
	// InJenkins is set inside a Jenkins build: its JENKINS_URL is the controller
	// that runs it.
	InJenkins bool
	// Fork is set in a run that is given no secrets.
	Fork bool
}

// finder is the one Lookuper that go-envconfig asks. It keeps what it could not
// answer as problems.
type finder struct {
	Source
	need     Need
	table    []Setting
	inputs   bool               // url or a credential is an input
	files    map[string]content // by path
	problems []Problem
	settled  map[string]bool   // settings whose problem stands for all others
	from     map[string]string // by setting, what gave it
	paths    []string          // see Settings.Paths
	// plainProxy is the variable of the proxy that sees the requests in clear text.
	plainProxy string
}

// content is what reading a file gave. A pipe can be read only once, and can hold the
// values of two settings: a certificate and its key.
type content struct {
	text secret.Value[[]byte]
	err  error
}

func newFinder(source Source, need Need) *finder {
	f := &finder{Source: source, need: need, table: All(), from: map[string]string{}, files: map[string]content{}}
	f.inputs = f.postOfAction()
	for _, s := range f.table {
		if s.Name == "url" || s.credential {
			_, given := f.input(s)
			f.inputs = f.inputs || given
		}
	}
	f.problems, f.settled, f.from = nil, nil, map[string]string{} // Lookup meets them again
	return f
}

// postOfAction reports whether this is the post step of the action.
func (f *finder) postOfAction() bool { return f.Action && f.need == ForPost }

// Lookup implements envconfig.Lookuper; key is a setting's name in the form that
// go-envconfig allows in a tag.
func (f *finder) Lookup(key string) (string, bool) {
	i := slices.IndexFunc(f.table, func(s Setting) bool { return upper(s.Name) == key })
	if i < 0 {
		return "", false
	}
	text, ok := f.find(f.table[i])
	f.checkPlaceholder(f.table[i].Name, text)
	return text, ok
}

func (f *finder) find(s Setting) (string, bool) {
	if text, ok := f.Flags[s.Name]; ok && !blank(text) {
		f.from[s.Name] = "--" + s.Name
		return text, true
	}
	if text, ok := f.input(s); ok {
		return text, true
	}
	if f.inputs && (s.guarded || f.postOfAction()) {
		return f.orDefault(s)
	}
	names := s.Env
	if s.Name == "url" {
		names = append([]string{urlAnywhere}, names...)
		if f.InJenkins {
			names = names[:1]
		}
	}
	for _, name := range names {
		if text, ok := f.variable(s, name); ok {
			return text, true
		}
	}
	return f.orDefault(s)
}

func (f *finder) orDefault(s Setting) (string, bool) { return s.Default, s.Default != "" }

func (f *finder) input(s Setting) (string, bool) {
	switch f.Spelling {
	case Runner:
		if s.Creates && f.need == ForAccount {
			return "", false // the actions that create nothing do not declare it
		}
		text, ok := f.Source.Lookup("INPUT_" + strings.ToUpper(s.Name))
		if ok = ok && !blank(text); ok {
			f.from[s.Name] = "input " + s.Name
		}
		return text, ok
	case Plugin:
		return f.variable(s, "PLUGIN_"+upper(s.Name))
	}
	return "", false
}

// variable reads a variable, or for a secret the file that its _FILE names.
func (f *finder) variable(s Setting, name string) (string, bool) {
	text, ok := f.Source.Lookup(name)
	if ok = ok && !blank(text); ok {
		f.from[s.Name] = name
	}
	if !s.Secret {
		return text, ok
	}
	path, named := f.Source.Lookup(name + "_FILE")
	if !named || blank(path) {
		return text, ok
	}
	if ok {
		f.problem(s.Name, "set twice: by %s and by %s_FILE", name, name)
		return "", false
	}
	if form := unresolved(path, false); form != "" {
		f.problem(s.Name, "%s_FILE is a placeholder that was not replaced, of the form %s", name, form)
		f.advise(s.Name, placeholderCure)
		return "", false
	}
	content, err := f.read(strings.TrimSpace(path))
	if err != nil {
		why := "cannot be read"
		switch {
		case errors.Is(err, file.ErrIrregular):
			why = "is not a regular file"
		case errors.Is(err, context.DeadlineExceeded):
			why = "is a pipe to which nothing was written in time"
		}
		f.problem(s.Name, "the file that %s_FILE names %s", name, why)
		return "", false
	}
	if ok = !blank(string(content)); ok {
		f.from[s.Name] = name + "_FILE"
	}
	return string(content), ok
}

func (f *finder) read(path string) ([]byte, error) {
	c, known := f.files[path]
	if !known {
		text, err := f.ReadFile(path)
		c = content{secret.Hold(text), err}
		f.files[path] = c
	}
	return c.text.Reveal(), c.err
}

func blank(text string) bool { return strings.TrimSpace(text) == "" }

// place says where a setting is to be written, for messages.
func (f *finder) place(name string) string {
	s := f.table[slices.IndexFunc(f.table, func(s Setting) bool { return s.Name == name })]
	switch {
	case f.Spelling == Runner && (f.inputs || f.Action):
		return "the input " + s.Name
	case f.Spelling == Plugin:
		return "the setting " + upperless(s.Name)
	case s.Secret:
		return s.Env[0]
	case s.Name == "url" && f.InJenkins:
		return "--url or JENKINS_TOKEN_URL"
	}
	return "--" + s.Name + " or " + s.Env[0]
}

// upperless is a name as Drone and Woodpecker write it in a pipeline.
func upperless(name string) string { return strings.ReplaceAll(name, "-", "_") }
