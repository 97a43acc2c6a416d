package command

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/settings"
)

// loan is a token for one command. It implements lease.Keeper: the record is in
// memory, and in a file when one is named. Nothing is masked in the log by
// printing it, because the log may be read by anybody: the child's own output is
// what could show it, and is redacted.
type execStore struct {
	job   *job
	file  *lease.File
	masks []secret.String
}

// Keep implements lease.Keeper.
func (l *execStore) Save(r lease.Lease) error {
	if l.file == nil {
		return nil
	}
	if err := l.job.write("record's file", func() error { return l.file.Save(r) }); err != nil {
		return &ci.ChannelError{Channel: "record's file", Err: err}
	}
	return nil
}

// Mask implements lease.Keeper. Where the log is redacted by an agent, that is told
// besides: it also sees what other commands of the job print.
func (l *execStore) Mask(texts []secret.String) error {
	l.masks = texts
	if agent, ok := l.job.system.(redactingAgent); ok && !l.job.flags.set["no-redact"] {
		agent.Redact(texts...)
	}
	return nil
}

// Drop implements lease.Keeper.
func (l *execStore) Clear() {
	if l.file != nil {
		_ = l.job.write("removal of the record's file", l.file.Remove)
	}
}

// wanted is how the command is to be given the token, besides the variables that
// it always has.
type wanted struct {
	set             [][2]string // name, what
	authFile, netrc string      // names of variables
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// wanted reads the flags of exec that are no settings.
func (j *job) wanted() (wanted, error) {
	if len(j.flags.args) == 0 {
		return wanted{}, usage("exec: no command is given", "jenkins-token exec -- COMMAND ARG... lends it the token")
	}
	if j.flags.text["lease"] == "-" {
		return wanted{}, usage("--lease: standard output is the command's", "--lease FILE writes the record to a file")
	}
	w := wanted{authFile: j.flags.text["auth-file"], netrc: j.flags.text["netrc"]}
	names := []string{w.authFile, w.netrc}
	for _, text := range j.flags.all["set"] {
		name, what, _ := strings.Cut(text, "=")
		if !slices.Contains([]string{"token", "username", "url"}, what) {
			return wanted{}, usage("--set: what follows NAME= is none of token, username, url", "--set JENKINS_PASSWORD=token gives the command the token under that name too")
		}
		w.set = append(w.set, [2]string{name, what})
		names = append(names, name)
	}
	for i, name := range names {
		if !variableName.MatchString(name) && (i > 1 || name != "") {
			return wanted{}, usage("exec: a name is not one that a variable can have", "names have letters, digits and _, and no digit first")
		}
	}
	return w, nil
}

// make makes the variables, and the files that some of them name, in a new
// directory below dir that only its owner can enter. The function that it
// returns removes them, and can be called twice.
func (w wanted) make(dir string, r lease.Lease) (vars [][2]string, remove func(), err error) {
	what := map[string]string{"token": r.Token.Reveal(), "username": r.Username, "url": r.URL}
	vars = [][2]string{
		{"JENKINS_URL", r.URL}, {"JENKINS_USER_ID", r.Username}, {"JENKINS_USERNAME", r.Username}, {"JENKINS_API_TOKEN", r.Token.Reveal()},
	}
	for _, one := range w.set {
		vars = append(vars, [2]string{one[0], what[one[1]]})
	}
	if w.authFile == "" && w.netrc == "" {
		return vars, func() {}, nil
	}
	if dir, err = os.MkdirTemp(dir, "jenkins-token-*"); err != nil {
		return nil, func() {}, &ci.ChannelError{Channel: "token's file", Err: err}
	}
	for _, file := range []struct{ variable, name, text string }{
		{w.authFile, "auth", r.Username + ":" + r.Token.Reveal()},
		{w.netrc, "netrc", netrc(r)},
	} {
		if file.variable == "" || err != nil {
			continue
		}
		path := filepath.Join(dir, file.name)
		err = os.WriteFile(path, []byte(file.text), 0o600)
		vars = append(vars, [2]string{file.variable, path})
	}
	if err != nil {
		err = &ci.ChannelError{Channel: "token's file", Err: err}
	}
	return vars, func() { _ = os.RemoveAll(dir) }, err
}

// netrc is the token as curl, git and Python's netrc read it.
func netrc(r lease.Lease) string {
	host := ""
	if u, err := url.Parse(r.URL); err == nil {
		host = u.Hostname()
	}
	username := r.Username
	if strings.ContainsAny(username, " \t\"\\#") {
		username = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(username) + `"`
	}
	return "machine " + host + " login " + username + " password " + r.Token.Reveal() + "\n"
}

// tempDir is where such files go: in the directory that the CI keeps for the job,
// which it empties after a kill too.
func (j *job) tempDir() string {
	dir := j.system.Files().Private
	if dir == "" {
		return os.TempDir()
	}
	_ = os.Mkdir(dir, 0o700) // it need not be there yet
	return dir
}

// environment is the program's own, without the settings and with the token. Of
// a name there is one variable: what a program does with two is its own affair.
func environment(environ []string, vars [][2]string) []string {
	without := func(environ []string, names ...string) []string {
		return slices.DeleteFunc(environ, func(entry string) bool {
			have, _, _ := strings.Cut(entry, "=")
			return slices.ContainsFunc(names, func(name string) bool {
				return name == have || runtime.GOOS == "windows" && strings.EqualFold(name, have)
			})
		})
	}
	environ = without(slices.Clone(environ), settings.Variables()...)
	for _, v := range vars {
		environ = append(without(environ, v[0]), v[0]+"="+v[1])
	}
	return environ
}
