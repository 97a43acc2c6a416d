// Package use holds examples of what to do with the token, and the test that runs
// them.
package use

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

const (
	user     = `Zoë "ops" O'Neil\x`
	password = "correct horse battery staple"
)

// program builds the program once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "jenkins-token-use-")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", dir, "../..").CombinedOutput()
	if err != nil {
		return dir, errors.New(string(out))
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := program(); dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// world is a controller, and a directory of stand-ins for programs that are not
// here: each writes what it was given to a file.
type world struct {
	*jenkinstest.Server
	t    *testing.T
	dir  string
	seen string // where the stand-ins write
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithJob("deploy"), jenkinstest.WithContextPath("/jenkins"))
	w := &world{Server: s, t: t, dir: t.TempDir()}
	w.seen = filepath.Join(w.dir, "seen")
	return w
}

// standIn puts a program of that name first on the path.
func (w *world) standIn(name, script string) {
	w.t.Helper()
	text := "#!/bin/sh\nset -eu\nexec >\"$SEEN\"\n" + script
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o755); err != nil {
		w.t.Fatal(err)
	}
}

// exec runs a command under jenkins-token exec and returns its output and exit
// code.
func (w *world) exec(args ...string) (string, int) {
	w.t.Helper()
	dir, err := program()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.CommandContext(w.t.Context(), filepath.Join(dir, "jenkins-token"), append([]string{"exec", "--ci", "plain"}, args...)...)
	cmd.Env = []string{
		"PATH=" + w.dir + ":" + os.Getenv("PATH"), "HOME=" + w.dir, "TMPDIR=" + w.dir, "POLL=0", "SEEN=" + w.seen, "GORACE=atexit_sleep_ms=0",
		"JENKINS_URL=" + w.URL, "JENKINS_USERNAME=" + user, "JENKINS_PASSWORD=" + password,
	}
	out, err := cmd.CombinedOutput()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		w.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// given is what a stand-in wrote, with the token as TOKEN.
func (w *world) given() string {
	w.t.Helper()
	text, err := os.ReadFile(w.seen)
	if err != nil {
		w.t.Fatal(err)
	}
	made := w.token()
	if made == "" {
		w.t.Fatal("no token was used")
	}
	return strings.NewReplacer(made, "TOKEN", w.URL, "URL", w.dir, "DIR").Replace(string(text))
}

// token is the token that was made: its first use proves it.
func (w *world) token() string {
	for _, r := range w.Requests() {
		if r.Via == jenkinstest.ViaToken {
			_, secret, _ := (&http.Request{Header: r.Header}).BasicAuth()
			return secret
		}
	}
	return ""
}

// revoked checks that nothing is left, on the controller and on this machine.
func (w *world) revoked() {
	w.t.Helper()
	if got := w.Tokens(user); len(got) != 0 {
		w.t.Errorf("got %d tokens afterwards, want none", len(got))
	}
	if got := w.RefusedLogins(); got != 0 {
		w.t.Errorf("got %d refused logins, want none", got)
	}
	made := w.token()
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == w.seen {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && made != "" && strings.Contains(string(text), made) {
			w.t.Errorf("%s still holds the token", path)
		}
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
}

// needs skips a test of a script whose tools this machine does not have. In CI
// they are there, and nothing is skipped.
func needs(t *testing.T, tools ...string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the examples are written for a Unix shell")
	}
	for _, tool := range tools {
		_, err := exec.LookPath(tool)
		switch {
		case err == nil:
		case os.Getenv("CI") != "":
			t.Fatalf("there is no %s: install it", tool)
		default:
			t.Skipf("there is no %s", tool)
		}
	}
}

func TestTriggerAndWait(t *testing.T) {
	t.Parallel()
	needs(t, "curl", "jq")
	for _, test := range []struct {
		name, job, result string
		parameters        []string
		out               string
		code              int
	}{
		{name: "success", job: "deploy", out: "deploy #1: SUCCESS\n"},
		{name: "failure", job: "deploy", result: "FAILURE", out: "deploy #1: FAILURE\n", code: 1},
		{name: "parameters", job: "deploy", parameters: []string{"STAGE=test & more", "EMPTY="}, out: "deploy #1: SUCCESS\n"},
		{name: "no such job", job: "other", out: "curl: (22) The requested URL returned error: 404\n", code: 22},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.SetResult("deploy", test.result)
			out, code := w.exec(append([]string{"--", "sh", "trigger-and-wait.sh", test.job}, test.parameters...)...)
			if !strings.Contains(out, test.out) || code != test.code {
				t.Errorf("got exit code %d and %q, want %d and %q", code, out, test.code, test.out)
			}
			for _, parameter := range test.parameters {
				name, value, _ := strings.Cut(parameter, "=")
				sent := false
				for _, r := range w.Requests() {
					sent = sent || r.Path == "/jenkins/job/deploy/buildWithParameters" && r.Form.Has(name) && r.Form.Get(name) == value
				}
				if !sent {
					t.Errorf("the parameter %s was not sent", parameter)
				}
			}
			w.revoked()
		})
	}
}

func TestRevokingDoesNotStopABuild(t *testing.T) {
	t.Parallel()
	needs(t, "curl", "jq")
	w := newWorld(t)
	w.HoldBuilds(true)
	// The script ends at its first pause, before the build does.
	w.standIn("sleep", "exit 9\n")
	if out, code := w.exec("--", "sh", "trigger-and-wait.sh", "deploy"); code != 9 {
		t.Fatalf("got exit code %d, want that of the pause, 9: %s", code, out)
	}
	w.revoked()
	if got := w.Builds(); len(got) != 1 || got[0].Result != "" {
		t.Fatalf("got builds %v, want one that has not ended", got)
	}
	w.HoldBuilds(false)
	client := &http.Client{}
	for _, path := range []string{"/queue/item/1", "/job/deploy/1"} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", w.URL+path+"/api/json", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(user, password)
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	if got := w.Builds(); got[0].Number != 1 || got[0].Result != "SUCCESS" {
		t.Errorf("got build %v after the token was revoked, want it to go on to SUCCESS", got[0])
	}
}

func TestOtherPrograms(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the stand-ins call the stat of Linux")
	}
	t.Parallel()
	for _, test := range []struct {
		name string
		args []string
		// program is the stand-in's name, and script what it looks at.
		program, script, want string
	}{
		{
			name: "jenkins-cli", args: []string{"--auth-file", "JENKINS_AUTH", "--", "sh", "jenkins-cli.sh", "build", "deploy", "-s"},
			program: "java",
			script: `for argument; do case $argument in @*) printf '%s %s\n' "$(stat -c %a "${argument#@}")" "$(cat "${argument#@}")"; argument=@FILE;; esac; echo "$argument"; done
echo "environment: ${JENKINS_API_TOKEN-none}"
`,
			want: "-jar\njenkins-cli.jar\n-s\nURL\n-webSocket\n-auth\n600 " + user + ":TOKEN\n@FILE\nbuild\ndeploy\n-s\nenvironment: none\n",
		},
		{
			name: "terraform", args: []string{"--set", "JENKINS_PASSWORD=token", "--", "sh", "terraform.sh", "plan"},
			program: "terraform",
			script:  `echo "$* $JENKINS_URL $JENKINS_USERNAME $JENKINS_PASSWORD"; ls` + "\n",
			want:    "plan URL " + user + " TOKEN\nmain.tf\n",
		},
		{
			name: "job builder", args: []string{"--", "sh", "job-builder.sh", "update", "jobs/"},
			program: "jenkins-jobs",
			script:  `echo "$1 $(stat -c %a "$2") $3 $4"; cat "$2"; echo "environment: ${JENKINS_API_TOKEN-none}"` + "\n",
			want:    "--conf 600 update jobs/\n[jenkins]\nurl=URL\nuser=" + user + "\npassword=TOKEN\nenvironment: none\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.standIn(test.program, test.script)
			if out, code := w.exec(test.args...); code != 0 {
				t.Fatalf("got exit code %d: %s", code, out)
			}
			if got := w.given(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			w.revoked()
		})
	}
}
