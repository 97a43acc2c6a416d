// Package examples holds a pipeline to copy for each CI system, and the test that
// runs them.
package examples

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// program builds the program once.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(bin, "jenkins-token")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", path, "..").CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	for _, name := range []string{"create", "revoke", "revoke-uuid", "sweep"} {
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			return "", err
		}
	}
	return bin, nil
})

// bin is the directory of the program, for all tests.
var bin string

func TestMain(m *testing.M) {
	var err error
	if bin, err = os.MkdirTemp("", "examples"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(bin)
	os.Exit(code)
}

// TestEverySystemHasAnExample looks for the files, for their test, and for the row
// of the page that explains them.
func TestEverySystemHasAnExample(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/ci-systems.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, system := range ci.Names() {
		if !slices.ContainsFunc(pipelines(), func(p pipeline) bool { return p.system == system }) {
			t.Errorf("%s: no pipeline is run", system)
		}
		if !strings.Contains(string(page), "| `"+system+"` |") {
			t.Errorf("%s: no row in docs/ci-systems.md", system)
		}
	}
	for _, p := range pipelines() {
		if !strings.Contains(string(page), "../examples/"+p.file) {
			t.Errorf("%s: no link in docs/ci-systems.md", p.file)
		}
	}
	files, err := filepath.Glob("*/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		file = filepath.ToSlash(file)
		tested := slices.ContainsFunc(pipelines(), func(p pipeline) bool { return p.file == file || p.also == file })
		own := slices.Contains([]string{"act", "gateway", "use"}, filepath.Dir(file)) // those have tests of their own
		if !tested && !own {
			t.Errorf("%s: no test runs it", file)
		}
	}
}

// TestHeads wants each pipeline to say what a reader asks first.
func TestHeads(t *testing.T) {
	t.Parallel()
	for _, p := range pipelines() {
		for _, file := range []string{p.file, p.also} {
			if file == "" {
				continue
			}
			text := read(t, file)
			for _, word := range []string{"Image", "redential", "ancel"} {
				if head, _, _ := strings.Cut(text, "\n\n"); !strings.Contains(head, word) {
					t.Errorf("%s: its head says nothing of %q", file, word)
				}
			}
		}
	}
}

// TestPipelines runs the commands of each pipeline as its system does, against an
// emulated controller: once as they are, once with a controller on which the job
// cannot be started. Either way no token of the run may be left.
func TestPipelines(t *testing.T) {
	t.Parallel()
	for _, p := range pipelines() {
		for _, broken := range []bool{false, true} {
			if broken && p.project == "" {
				continue // nothing but a sweep
			}
			name := p.file
			if broken {
				name += ", and the command fails"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				play(t, p, broken)
			})
		}
	}
}

const (
	user = `Zoë "ops" O'Neil\x` // quoted in every example
	own  = "permanent"          // the token of the account, which is the credential
)

// needs skips a test of commands that call tools which this machine does not
// have. In CI they are there, and nothing is skipped.
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

func play(t *testing.T, p pipeline, broken bool) {
	needs(t, "sh", "curl", "jq")
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	j, err := jenkinstest.New(jenkinstest.WithUser(user, "correct horse"), jenkinstest.WithJob("deploy"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.Close)
	builds := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/job/") {
			builds++
			if broken {
				http.Error(w, "out of order", http.StatusServiceUnavailable)
				return
			}
		}
		j.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	credential := j.AddToken(user, own).Value
	left := ""
	if p.sweeps {
		left = "jenkins-token:elsewhere/acme/web:1:deploy:7f3k9q2m:until-20240101T000000Z"
		j.AddToken(user, left)
	}

	w := &world{
		t: t, work: t.TempDir(), url: server.URL, credential: credential,
		outputs: map[string]string{}, state: map[string]string{},
	}
	w.env = map[string]string{"PATH": bin + ":" + os.Getenv("PATH"), "HOME": w.dir("home"), "TMPDIR": w.dir("tmp")}
	for name, value := range p.env {
		w.env[name] = strings.ReplaceAll(value, "$WORK", w.work)
	}
	if p.given {
		maps.Copy(w.env, w.secrets())
	}
	if p.system == "tekton" {
		// What tells Tekton is a directory that only its containers have.
		w.ci = "tekton"
	}
	jobs := p.jobs(w, read(t, p.file))
	if len(jobs) == 0 {
		t.Fatal("no commands found")
	}
	for _, job := range jobs {
		if len(job) == 0 {
			t.Fatal("a job without commands")
		}
		w.run(job)
	}

	var tokens []string
	for _, token := range j.Tokens(user) {
		tokens = append(tokens, token.Name)
	}
	if !slices.Equal(tokens, []string{own}) {
		t.Errorf("tokens left: %q\n%s", tokens, w.log.String())
	}
	if p.project == "" {
		if w.failed {
			t.Errorf("failed:\n%s", w.log.String())
		}
		return
	}
	silent(t, j, w.log.String())
	made, used := 0, 0
	for _, r := range j.Requests() {
		if name := r.Form.Get("newTokenName"); name != "" {
			made++
			if want := "jenkins-token:" + p.project + ":"; !strings.HasPrefix(name, want) {
				t.Errorf("the token is named %s, want %s…", name, want)
			}
		}
		if strings.HasPrefix(r.Path, "/job/") {
			if r.Status == http.StatusCreated && r.Method == http.MethodPost && r.Path == "/job/deploy/build" && password(r.Header) != credential {
				used++
			}
		}
	}
	want := cmp.Or(p.tokens, 1)
	if made != want || builds != want {
		t.Errorf("%d tokens were made and %d builds tried, want %d\n%s", made, builds, want, w.log.String())
	}
	if !broken && used != want || w.failed != broken {
		t.Errorf("%d builds were started by a token of the run, failed %v\n%s", used, w.failed, w.log.String())
	}
}

// silent looks for credentials in what was printed, and in the arguments, which are
// printed here too. Only what the runner takes for a command to hide a text may
// hold one.
func silent(t *testing.T, j *jenkinstest.Jenkins, log string) {
	t.Helper()
	hides := regexp.MustCompile(`^(::add-mask::|##vso\[task\.setsecret\]|##vso\[task\.setvariable variable=token;issecret=true;)`)
	for _, r := range j.Requests() {
		secret := password(r.Header)
		for line := range strings.Lines(log) {
			if secret != "" && strings.Contains(line, secret) && !hides.MatchString(line) {
				t.Errorf("the credential of %s %s is seen in the log", r.Method, r.Path)
			}
		}
	}
}

func password(header http.Header) string {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(header.Get("Authorization"), "Basic "))
	if err != nil {
		return ""
	}
	_, password, _ := strings.Cut(string(raw), ":")
	return password
}

// step is a command as the system runs it.
type step struct {
	id     string
	argv   []string
	env    map[string]string
	always bool // runs after a failure too
}

// shell is a step that is a script.
func shell(script string) step { return step{argv: []string{"sh", "-ec", script}} }

// world is what the steps of a pipeline run in.
type world struct {
	t                     *testing.T
	work, url, credential string
	ci                    string
	env                   map[string]string // what the system sets
	outputs, state        map[string]string // what steps have handed on
	posts                 []step
	log                   bytes.Buffer
	failed                bool
}

// secrets are what the pipelines expect to be set in the system, under its names.
func (w *world) secrets() map[string]string {
	return map[string]string{"JENKINS_URL": w.url, "JENKINS_USERNAME": user, "JENKINS_API_TOKEN": w.credential}
}

func (w *world) dir(name string) string {
	path := filepath.Join(w.work, name)
	if err := os.MkdirAll(path, 0o700); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// run runs the steps of a job.
func (w *world) run(job []step) {
	failed := false
	for _, s := range job {
		if failed && !s.always {
			continue
		}
		if err := w.step(s); err != nil {
			failed = true
		}
	}
	for _, s := range w.posts {
		if err := w.step(s); err != nil {
			failed = true
		}
	}
	w.posts = nil
	w.failed = w.failed || failed
}

func (w *world) step(s step) error {
	for i, arg := range s.argv {
		s.argv[i] = w.expand(arg)
	}
	env := maps.Clone(w.env)
	for name, value := range s.env {
		env[name] = w.expand(value)
	}
	if w.ci != "" && filepath.Base(s.argv[0]) == "jenkins-token" {
		s.argv = slices.Insert(s.argv, 2, "--ci", w.ci)
	}
	program := s.argv[0]
	if dir, name := filepath.Split(program); dir == "/bin/" { // of our image
		program = name
	}
	if !strings.Contains(program, "/") {
		program = w.find(program)
	}
	cmd := exec.CommandContext(w.t.Context(), program, s.argv[1:]...)
	cmd.Dir = w.dir("work")
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Args[0] = s.argv[0]
	cmd.Stdout, cmd.Stderr = &w.log, &w.log
	if w.env["GITHUB_ACTIONS"] != "" {
		defer w.collect(s.id)()
		cmd.Env = append(cmd.Env, "GITHUB_OUTPUT="+w.file("output"), "GITHUB_STATE="+w.file("state"), "GITHUB_STEP_SUMMARY="+w.file("summary"))
		for name, value := range w.state {
			if strings.HasPrefix(name, s.id+".") && s.always {
				cmd.Env = append(cmd.Env, "STATE_"+strings.TrimPrefix(name, s.id+".")+"="+value)
			}
		}
	}
	w.log.WriteString("$ " + strings.Join(s.argv, " ") + "\n")
	before := w.log.Len()
	err := cmd.Run()
	if w.env["TF_BUILD"] != "" {
		w.variables(s.id, w.log.String()[before:])
	}
	return err
}

// find looks a program up where the step would.
func (w *world) find(name string) string {
	for _, dir := range filepath.SplitList(w.env["PATH"]) {
		if path := filepath.Join(dir, name); isFile(path) {
			return path
		}
	}
	w.t.Fatalf("%s: no such program", name)
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func (w *world) file(name string) string { return filepath.Join(w.dir("commands"), name) }

// expand replaces what the system replaces: secrets and outputs of steps.
func (w *world) expand(text string) string {
	if strings.HasPrefix(text, "https://") && strings.HasSuffix(text, ".example.com/jenkins") {
		return w.url
	}
	if text == "deploy-bot" {
		return user
	}
	var pairs []string
	for name, value := range w.secrets() {
		pairs = append(pairs, "${{ secrets."+name+" }}", value, "${{ vars."+name+" }}", value, "$("+name+")", value)
	}
	for name, value := range w.outputs {
		step, output, _ := strings.Cut(name, ".")
		pairs = append(pairs, "${{ steps."+step+".outputs."+output+" }}", value, "$("+name+")", value)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
