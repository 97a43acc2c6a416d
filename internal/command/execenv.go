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
	"github.com/jenkins-token/jenkins-token/internal/cli"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/settings"
)

// extraVariables are those that tell the command about the token, besides the ones that it
// always gets.
type extraVariables struct {
	set             [][2]string // name, what
	authFile, netrc string      // names of variables
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// parseVariables reads the flags of exec that are not settings.
func parseVariables(input cli.Input) (extraVariables, error) {
	if len(input.Args) == 0 {
		return extraVariables{}, cli.Usage("exec: no command is given", "run jenkins-token exec -- COMMAND ARG...")
	}
	if input.Text["lease"] == "-" {
		return extraVariables{}, cli.Usage("--lease: standard output is the command's", "pass a file: --lease FILE")
	}
	v := extraVariables{authFile: input.Text["auth-file"], netrc: input.Text["netrc"]}
	names := []string{v.authFile, v.netrc}
	for _, text := range input.All["set"] {
		name, what, _ := strings.Cut(text, "=")
		if !slices.Contains([]string{"token", "username", "url"}, what) {
			return extraVariables{}, cli.Usage("--set: what follows NAME= must be token, username or url", "for instance --set JENKINS_PASSWORD=token")
		}
		v.set = append(v.set, [2]string{name, what})
		names = append(names, name)
	}
	for i, name := range names {
		if !variableName.MatchString(name) && (i > 1 || name != "") {
			return extraVariables{}, cli.Usage("exec: not the name of a variable", "use letters, digits and _, and do not begin with a digit")
		}
	}
	return v, nil
}

// create creates the variables, and the files that some of them name, in a new
// directory below dir that only its owner can enter. The function that it returns
// removes the files, and can be called twice.
func (v extraVariables) create(dir string, r lease.Lease) (vars [][2]string, remove func(), err error) {
	what := map[string]string{"token": r.Token.Reveal(), "username": r.Username, "url": r.URL}
	vars = [][2]string{
		{"JENKINS_URL", r.URL}, {"JENKINS_USER_ID", r.Username}, {"JENKINS_USERNAME", r.Username}, {"JENKINS_API_TOKEN", r.Token.Reveal()},
	}
	for _, one := range v.set {
		vars = append(vars, [2]string{one[0], what[one[1]]})
	}
	if v.authFile == "" && v.netrc == "" {
		return vars, func() {}, nil
	}
	if dir, err = os.MkdirTemp(dir, "jenkins-token-*"); err != nil {
		return nil, func() {}, &ci.ChannelError{Channel: "token's file", Err: err}
	}
	for _, file := range []struct{ variable, name, text string }{
		{v.authFile, "auth", r.Username + ":" + r.Token.Reveal()},
		{v.netrc, "netrc", netrc(r)},
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
func tempDir(files ci.Files) string {
	dir := files.Private
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
