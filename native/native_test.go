// Package native_test runs the actions native and setup as a runner does.
package native_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

var update = flag.Bool("update", false, "write native/action.yml and the expected texts of the stories anew")

// TestStories runs the stories of testdata/script: a release on this machine, a
// controller, and the steps of a job.
func TestStories(t *testing.T) {
	t.Parallel()
	node := find(t, "node")
	program := build(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireUniqueNames: true, RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			j := &job{node: node, program: program, dir: env.WorkDir}
			env.Values[jobKey{}] = j
			return j.install()
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"release": release, "jenkins": controller, "step": step, "tokens": tokens, "requests": requests, "tamper": tamper,
		},
	})
}

// find returns the path of a program that the tests need. Only CI has all of them.
func find(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("%s is not installed", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// build builds the program once and returns its bytes.
func build(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jenkins-token")
	if out, err := exec.Command("go", "build", "-o", path, "..").CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// job is a job on a runner of a machine, with a checkout of the actions.
type job struct {
	node    string
	program []byte
	dir     string
	state   string
	release string // host and port of the release
	url     string // of the controller
	server  *jenkinstest.Server

	mu        sync.Mutex
	downloads int
}

type jobKey struct{}

func of(ts *testscript.TestScript) *job { return ts.Value(jobKey{}).(*job) }

// install copies the actions into the directory of the job.
func (j *job) install() error {
	for _, name := range []string{"temp", "tools", "native", "setup"} {
		if err := os.Mkdir(filepath.Join(j.dir, name), 0o755); err != nil {
			return err
		}
	}
	for _, name := range []string{"native/main.js", "native/post.js", "native/program.js", "native/release.json", "setup/main.js"} {
		content, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(j.dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// release serves a release and writes it into the action, as the release does.
//
// usage: release [wrong|truncated|missing|moved|endless|other-system]
func release(ts *testscript.TestScript, _ bool, args []string) {
	j := of(ts)
	kind := strings.Join(args, " ")
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	ts.Defer(server.Close)
	send := func(w http.ResponseWriter, content []byte, length int) {
		j.mu.Lock()
		j.downloads++
		j.mu.Unlock()
		w.Header().Set("Content-Length", fmt.Sprint(length))
		_, _ = w.Write(content)
	}
	system := runtime.GOOS + "-" + runtime.GOARCH
	mux.HandleFunc("/v1.2.3/jenkins-token-"+system, func(w http.ResponseWriter, r *http.Request) {
		switch kind {
		case "missing":
			http.NotFound(w, r)
		case "wrong":
			send(w, append([]byte("x"), j.program...), len(j.program)+1)
		case "truncated":
			send(w, j.program[:len(j.program)/2], len(j.program))
		case "moved":
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		case "endless":
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		default:
			send(w, j.program, len(j.program))
		}
	})
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, _ *http.Request) { send(w, j.program, len(j.program)) })
	if kind == "other-system" {
		system = "plan9-amd64"
	}
	content, err := json.Marshal(map[string]any{
		"version": "v1.2.3", "url": server.URL + "/v1.2.3", "sha256": map[string]string{system: fmt.Sprintf("%x", sha256.Sum256(j.program))},
	})
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(j.dir, "native/release.json"), content, 0o644))
	ts.Check(os.WriteFile(filepath.Join(j.dir, "program"), j.program, 0o755))
	j.release = strings.TrimPrefix(server.URL, "http://")
}

// story is a story as [jenkinstest.Start] takes it.
type story struct{ *testscript.TestScript }

// Helper implements [jenkinstest.TB].
func (s story) Helper() {}

// Cleanup implements [jenkinstest.TB].
func (s story) Cleanup(f func()) { s.Defer(f) }

// Errorf implements [jenkinstest.TB].
func (s story) Errorf(format string, args ...any) { s.Fatalf(format, args...) }

// controller starts a controller with the account alice.
func controller(ts *testscript.TestScript, _ bool, _ []string) {
	j := of(ts)
	j.server = jenkinstest.Start(story{ts}, jenkinstest.WithSeed(1), jenkinstest.WithUser("alice", "correct horse"))
	j.url = j.server.URL
}

// step runs a script of an action with node, as a runner does, and keeps its output in
// the file log. It fails when the exit code is not the one expected.
//
// usage: [!] step native/main.js [NAME=VALUE]...
func step(ts *testscript.TestScript, fails bool, args []string) {
	j := of(ts)
	files := map[string]string{}
	env := []string{
		"PATH=" + os.Getenv("PATH"), "GITHUB_ACTIONS=true", "GITHUB_REPOSITORY=acme/web", "GITHUB_RUN_ID=7", "GITHUB_RUN_ATTEMPT=1",
		"GITHUB_JOB=deploy", "GITHUB_ACTION=jenkins", "GITHUB_SERVER_URL=https://github.com", "CI=true",
		"RUNNER_TEMP=" + filepath.Join(j.dir, "temp"), "RUNNER_TOOL_CACHE=" + filepath.Join(j.dir, "tools"),
		"INPUT_URL=" + j.url, "INPUT_USERNAME=alice", "INPUT_PASSWORD=correct horse", "INPUT_PROGRAM=",
	}
	for _, name := range []string{"STATE", "OUTPUT", "PATH", "STEP_SUMMARY"} {
		file, err := os.CreateTemp(filepath.Join(j.dir, "temp"), name)
		ts.Check(err)
		ts.Check(file.Close())
		files[name] = file.Name()
		env = append(env, "GITHUB_"+name+"="+file.Name())
	}
	if j.state != "" {
		env = append(env, "STATE_LEASE="+j.state)
	}
	cmd := exec.Command(j.node, filepath.Join(j.dir, args[0]))
	cmd.Env, cmd.Dir = append(env, args[1:]...), j.dir
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	text := strings.NewReplacer(j.dir, "$WORK", cmp.Or(j.release, "no release"), "$RELEASE", runtime.GOOS+"-"+runtime.GOARCH, "$SYSTEM").Replace(string(out))
	ts.Logf("%s", text)
	ts.Check(os.WriteFile(filepath.Join(j.dir, "log"), []byte(text), 0o644))
	if fails == (err == nil) {
		ts.Fatalf("got error %v", err)
	}
	j.state = state(ts, files["STATE"])
	for name, to := range map[string]string{"OUTPUT": "outputs", "PATH": "path"} {
		content, err := os.ReadFile(files[name])
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(j.dir, to), content, 0o644))
	}
}

// state is the lease in the file of the runner's state.
func state(ts *testscript.TestScript, file string) string {
	content, err := os.ReadFile(file)
	ts.Check(err)
	value := ""
	for line := range bytes.Lines(content) {
		text := strings.TrimSuffix(string(line), "\n")
		if strings.HasPrefix(text, "{") {
			value = text
		}
	}
	return value
}

// tokens compares the number of tokens on the account.
func tokens(ts *testscript.TestScript, _ bool, args []string) {
	if got := fmt.Sprint(len(of(ts).server.Tokens("alice"))); got != args[0] {
		ts.Fatalf("got %s tokens, want %s", got, args[0])
	}
}

// requests compares how often the release was asked for the program.
func requests(ts *testscript.TestScript, _ bool, args []string) {
	j := of(ts)
	j.mu.Lock()
	defer j.mu.Unlock()
	if got := fmt.Sprint(j.downloads); got != args[0] {
		ts.Fatalf("got %s downloads, want %s", got, args[0])
	}
}

// tamper writes another program over each that is in the tool cache.
func tamper(ts *testscript.TestScript, _ bool, _ []string) {
	found := 0
	ts.Check(filepath.WalkDir(filepath.Join(of(ts).dir, "tools"), func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			found++
			return os.WriteFile(path, []byte("#!/bin/sh\necho tampered\n"), 0o755)
		}
		return err
	}))
	if found == 0 {
		ts.Fatalf("there is no program in the tool cache")
	}
}
