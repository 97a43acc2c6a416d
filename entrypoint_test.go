package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/command"

	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

var update = flag.Bool("update", false, "write the transcripts of the stories anew")

// storyTime is when every story begins, for the program and for the controller.
const storyTime = "2026-11-23T15:00:00Z"

// TestMain lets this test binary play the program under all its names.
func TestMain(m *testing.M) {
	play := func() {
		p := storyProgram()
		trustSystemRoots(p)
		code := run(p)
		tellPeak()
		os.Exit(code)
	}
	testscript.Main(signalled{m}, map[string]func(){
		"jenkins-token": play, "create": play, "revoke": play, "revoke-uuid": play, "sweep": play,
	})
}

// signalled takes back the signals that whoever runs the tests has had ignored, as nohup
// does: the program would inherit that. Where this binary plays the program it does not.
type signalled struct{ *testing.M }

// Run implements [testscript.TestingM].
func (m signalled) Run() int {
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	return m.M.Run()
}

// storyProgram is the program with the clock, the pauses and the randomness of a
// story. STORY_FULL is the beginning of what is written to a disk that is full.
func storyProgram() *command.Program {
	p := newProgram()
	now, err := time.Parse(time.RFC3339, cmp.Or(os.Getenv("STORY_NOW"), storyTime))
	if err != nil {
		panic(err)
	}
	var seed [32]byte
	n, _ := strconv.Atoi(os.Getenv("STORY_SEED"))
	binary.LittleEndian.PutUint64(seed[:], uint64(n))
	p.Clock.Now = func() time.Time { return now }
	p.Random = rand.NewChaCha8(seed)
	p.Env.Hostname = "builder"
	p.Version = "jenkins-token v0.0.0 (commit 0000000, go1.26 linux/amd64)"
	p.Clock.Pause = func(ctx context.Context, d time.Duration) error { now = now.Add(d); return ctx.Err() }
	if full := os.Getenv("STORY_FULL"); full != "" {
		p.AroundWrite = func(what string, write func() error) error {
			if strings.HasPrefix(what, full) {
				return &ci.ChannelError{Channel: "step output", Variable: "GITHUB_OUTPUT", Err: syscall.ENOSPC}
			}
			return write()
		}
	}
	return p
}

// TestStories runs the stories of testdata/script. Each plays a runner that
// calls the program, and compares the transcript: what the program printed, what
// it handed on, and what the controller saw.
func TestStories(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup:               setup,
		Condition:           doorCondition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"jenkins": startJenkins, "runner": runner, "input": input, "input-file": inputFile, "step": step,
			"fault": fault, "token": token, "tokens": tokens, "restart": restart,
			"clock": clock, "note": note, "state": state, "front": startFront, "proxy": startProxy,
		},
	})
}

// stage is what a story plays on.
type stage struct {
	server *jenkinstest.Server
	now    time.Time
	mu     sync.Mutex
	runner string
	inputs []string
	state  string // what the runner hands to the post step
	steps  int
	ci     []string // variables of a runner that is not GitHub-like
	hide   []string // old, new pairs of strings that change from run to run
	doors  []func(*transcript)
}

type stageKey struct{}

func setup(env *testscript.Env) error {
	now, err := time.Parse(time.RFC3339, storyTime)
	env.Values[stageKey{}] = &stage{now: now, hide: []string{env.WorkDir, "$WORK"}}
	env.Setenv("GORACE", "atexit_sleep_ms=0")
	env.Setenv("SSL_CERT_FILE", filepath.Join(env.WorkDir, "no-roots.pem"))
	return err
}

func on(ts *testscript.TestScript) *stage { return ts.Value(stageKey{}).(*stage) }

// startJenkins starts a controller with the user alice, whose password is
// "correct horse": jenkins [--tls] [--zone NAME] [options of cmd/jenkins-emulator].
func startJenkins(ts *testscript.TestScript, _ bool, args []string) {
	s := on(ts)
	options := []jenkinstest.Option{
		jenkinstest.WithSeed(1), jenkinstest.WithUser("alice", "correct horse"), jenkinstest.WithJob("deploy"),
		jenkinstest.WithClock(func() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return s.now }),
	}
	tls := false
	next := func() string {
		if len(args) == 0 {
			ts.Fatalf("jenkins: an option needs a value")
		}
		value := args[0]
		args = args[1:]
		return value
	}
	for len(args) > 0 {
		switch option := next(); option {
		case "--tls":
			tls = true
		case "--version":
			options = append(options, jenkinstest.WithVersion(next()))
		case "--zone":
			zone, err := time.LoadLocation(next())
			ts.Check(err)
			options = append(options, jenkinstest.WithZone(zone))
		case "--user":
			name, password, _ := strings.Cut(next(), ":")
			options = append(options, jenkinstest.WithUser(name, password))
		case "--alias":
			login, id, _ := strings.Cut(next(), "=")
			options = append(options, jenkinstest.WithAlias(id, login))
		case "--realm-throws":
			options = append(options, jenkinstest.WithThrowingRealm())
		case "--no-token-logins":
			options = append(options, jenkinstest.WithoutTokenLogins())
		case "--admin":
			options = append(options, jenkinstest.WithAdmin(next()))
		case "--no-read":
			options = append(options, jenkinstest.WithoutRead(next()))
		case "--context-path":
			options = append(options, jenkinstest.WithContextPath(next()))
		case "--no-crumbs":
			options = append(options, jenkinstest.WithoutCrumbs())
		case "--anonymous-read":
			options = append(options, jenkinstest.WithAnonymousRead())
		case "--admin-can-generate":
			options = append(options, jenkinstest.WithAdminCanGenerate())
		default:
			ts.Fatalf("jenkins: no option %s", option)
		}
	}
	start := jenkinstest.Start
	if tls {
		start = jenkinstest.StartTLS
	}
	s.server = start(scriptTB{ts}, options...)
	if tls {
		ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), s.server.CA, 0o600))
		s.hide = append(s.hide, strings.ReplaceAll(string(s.server.CA), "\n", "\\n"), "$CA")
	}
	root := s.server.URL
	ts.Setenv("JENKINS", root)
	host := strings.TrimPrefix(strings.TrimPrefix(root, "http://"), "https://")
	host, _, _ = strings.Cut(host, "/")
	ts.Setenv("JENKINS_HOST", host)
	s.hide = append(s.hide, host, "jenkins:8080")
}

// scriptTB lets the emulator fail a story.
type scriptTB struct{ ts *testscript.TestScript }

func (t scriptTB) Helper()                      {}
func (t scriptTB) Cleanup(f func())             { t.ts.Defer(f) }
func (t scriptTB) Errorf(f string, args ...any) { t.ts.Logf("FAIL: "+f, args...) }
func (t scriptTB) Fatalf(f string, args ...any) { t.ts.Fatalf(f, args...) }

// runners are the variables of runners that are not GitHub-like; $WORK is the
// story's directory.
func runners() map[string][]string {
	return map[string][]string{
		"none": nil,
		"gitlab": {
			"GITLAB_CI=true", "CI=true", "CI_SERVER_FQDN=gitlab.example", "CI_PROJECT_PATH=acme/web", "CI_PIPELINE_ID=4711", "CI_JOB_ID=90210",
			"CI_JOB_NAME=deploy", "CI_PROJECT_DIR=$WORK/web", "RUNNER_TEMP_PROJECT_DIR=$WORK/web.tmp",
		},
		"azure": {
			"TF_BUILD=True", "SYSTEM_COLLECTIONURI=https://dev.azure.com/fabrikam/", "SYSTEM_TEAMPROJECT=web", "BUILD_BUILDID=812",
			"SYSTEM_JOBATTEMPT=1", "SYSTEM_JOBNAME=deploy", "AGENT_TEMPDIRECTORY=$WORK/_temp", "PIPELINE_WORKSPACE=$WORK/1",
		},
		"buildkite": {
			"BUILDKITE=true", "BUILDKITE_ORGANIZATION_SLUG=acme", "BUILDKITE_PIPELINE_SLUG=web", "BUILDKITE_BUILD_NUMBER=1514", "BUILDKITE_RETRY_COUNT=0",
			"BUILDKITE_STEP_KEY=deploy", "BUILDKITE_JOB_ID=e44f9784", "BUILDKITE_BUILD_CHECKOUT_PATH=$WORK/checkout", "TMPDIR=$WORK/tmp",
			"BUILDKITE_AGENT_JOB_API_SOCKET=$WORK/redactor",
		},
		"drone": {
			"DRONE=true", "CI=true", "DRONE_SYSTEM_HOST=drone.example", "DRONE_REPO=acme/web", "DRONE_BUILD_NUMBER=9", "DRONE_STAGE_NAME=release",
			"DRONE_STEP_NAME=deploy", "DRONE_OUTPUT=$WORK/output.env",
		},
		"teamcity": {
			"TEAMCITY_VERSION=2025.07", "TEAMCITY_PROJECT_NAME=Web", "TEAMCITY_BUILDCONF_NAME=Deploy", "BUILD_NUMBER=41", "BUILD_URL=https://teamcity.example/build/1234",
		},
		"codebuild": {"CODEBUILD_BUILD_ID=web:b1e6661e", "AWS_REGION=eu-central-1", "CODEBUILD_SRC_DIR=$WORK/src"},
	}
}

// runner says what runs the steps: github, act, gitea, forgejo or one of runners,
// whose variables stay when a GitHub-like one follows.
func runner(ts *testscript.TestScript, _ bool, args []string) {
	s := on(ts)
	s.runner = args[0]
	if variables, ok := runners()[s.runner]; ok {
		s.ci = nil
		for _, v := range variables {
			s.ci = append(s.ci, strings.ReplaceAll(v, "$WORK", ts.MkAbs(".")))
		}
		return
	}
	for _, v := range []string{
		"GITHUB_ACTIONS=true", "GITHUB_SERVER_URL=https://github.com", "GITHUB_REPOSITORY=acme/web", "GITHUB_RUN_ID=17263512",
		"GITHUB_RUN_ATTEMPT=1", "GITHUB_JOB=deploy", "GITHUB_ACTION=jenkins", "GITHUB_EVENT_NAME=push",
		"GITHUB_OUTPUT=" + ts.MkAbs("commands/output"), "GITHUB_STATE=" + ts.MkAbs("commands/state"),
		"GITHUB_STEP_SUMMARY=" + ts.MkAbs("commands/summary"), "RUNNER_TEMP=" + ts.MkAbs("temp"),
	} {
		name, value, _ := strings.Cut(v, "=")
		ts.Setenv(name, value)
	}
	switch s.runner {
	case "act":
		ts.Setenv("ACT", "true")
		ts.Setenv("GITHUB_RUN_ID", "1")
	case "gitea":
		ts.Setenv("GITEA_ACTIONS", "true")
	case "forgejo":
		ts.Setenv("FORGEJO_ACTIONS", "true")
	}
	ts.Check(os.MkdirAll(ts.MkAbs("commands"), 0o700))
	ts.Check(os.MkdirAll(ts.MkAbs("temp"), 0o700))
}

// input sets an input of the action as the runner does: input NAME VALUE.
func input(ts *testscript.TestScript, _ bool, args []string) {
	s := on(ts)
	name := "INPUT_" + strings.ToUpper(args[0])
	s.inputs = slices.DeleteFunc(s.inputs, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	s.inputs = append(s.inputs, name+"="+strings.Join(args[1:], " "))
}

// inputFile sets an input to the content of a file: input-file NAME FILE.
func inputFile(ts *testscript.TestScript, not bool, args []string) {
	input(ts, not, []string{args[0], ts.ReadFile(args[1])})
}

// step lets the runner call the program: step [<FILE] NAME ARG…. What it did is
// added to the file transcript.
func step(ts *testscript.TestScript, _ bool, args []string) {
	s := on(ts)
	s.steps++
	var stdin []byte
	if file, ok := strings.CutPrefix(args[0], "<"); ok {
		stdin, args = []byte(ts.ReadFile(file)), args[1:]
	}
	out := &transcript{ts: ts, s: s}
	out.line("$ %s", strings.Join(args, " "))
	if s.server != nil {
		s.server.Forget()
	}
	for _, name := range []string{"output", "state", "summary"} {
		path := ts.MkAbs("commands/" + name)
		if info, err := os.Stat(filepath.Dir(path)); err == nil && info.IsDir() {
			if info, err := os.Lstat(path); err != nil || info.Mode().IsRegular() && info.Mode().Perm()&0o200 != 0 {
				ts.Check(os.WriteFile(path, nil, 0o600))
			}
		}
	}
	program, err := exec.LookPath(args[0])
	if err != nil {
		program = filepath.Join(firstDir(ts.Getenv("PATH")), args[0])
	}
	cmd := exec.CommandContext(context.Background(), program, args[1:]...)
	cmd.Args[0] = args[0]
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = slices.Concat(storyEnv(ts), s.ci, s.inputs, []string{"STORY_SEED=" + strconv.Itoa(s.steps)})
	if s.state != "" && s.runner == "github" && args[0] != "create" {
		cmd.Env = append(cmd.Env, "STATE_LEASE="+s.state)
	}
	cmd.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		out.line("exit %d", exit.ExitCode())
	} else {
		ts.Check(err)
	}
	ts.Check(os.WriteFile(ts.MkAbs("printed"), stdout.Bytes(), 0o600))
	out.block("stdout", stdout.String())
	out.block("stderr", stderr.String())
	for _, name := range []string{"state", "output", "summary"} {
		text, err := os.ReadFile(ts.MkAbs("commands/" + name))
		if err != nil {
			continue
		}
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) // of Windows
		out.block(name, commands(string(text)))
		if name == "state" && len(text) > 0 {
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			s.state = lines[len(lines)-2]
		}
		if name == "output" {
			for line := range strings.Lines(commands(string(text))) {
				if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
					ts.Setenv("OUTPUT_"+strings.ToUpper(strings.ReplaceAll(key, "-", "_")), value)
				}
			}
		}
	}
	out.requests()
	for _, seen := range s.doors {
		seen(out)
	}
	out.write()
}

func firstDir(path string) string { return filepath.SplitList(path)[0] }

// storyEnv is the environment of a step: what the story has set, and nothing of
// the one that runs the tests.
func storyEnv(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{
		"PATH", "HOME", "TMPDIR", "GORACE", "GOCOVERDIR", "TESTSCRIPT_COMMAND", "SSL_CERT_FILE", "STORY_NOW", "STORY_FULL",
		"GITHUB_ACTIONS", "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB", "GITHUB_ACTION",
		"GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH", "GITHUB_ACTOR", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY", "RUNNER_TEMP",
		"ACT", "GITEA_ACTIONS", "FORGEJO_ACTIONS", "CI", "DRONE", "BUILD_TAG", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy",
		"JENKINS_URL", "JENKINS_USERNAME", "JENKINS_USER_ID", "JENKINS_PASSWORD", "JENKINS_PASSWORD_FILE", "JENKINS_API_TOKEN",
		"JENKINS_TOKEN_URL", "JENKINS_TOKEN_TTL", "JENKINS_TOKEN_LABEL", "JENKINS_TOKEN_PROJECT", "JENKINS_TOKEN_TIMEOUT", "JENKINS_TOKEN_ALLOW_HTTP", "JENKINS_TOKEN_CA_CERTIFICATE", "JENKINS_TOKEN_HEADERS", "JENKINS_TOKEN_RUN",
		"JENKINS_TOKEN_BEARER_TOKEN", "JENKINS_TOKEN_CLIENT_CERTIFICATE", "JENKINS_TOKEN_CLIENT_KEY", "INPUT_URL", "INPUT_ALLOW_HTTP", "INPUT_CA_CERTIFICATE", "INPUT_API_TOKEN", "STATE_LEASE",
		"PLUGIN_COMMAND", "PLUGIN_URL", "PLUGIN_USERNAME", "PLUGIN_PASSWORD", "PLUGIN_LEASE",
	} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// commands shows a file of workflow commands as one pair a line.
func commands(text string) string {
	const delimiter = "_GitHubActionsFileCommandDelimeter_"
	var b strings.Builder
	for line := range strings.Lines(text) {
		switch name, ok := strings.CutSuffix(strings.TrimRight(line, "\n"), "<<"+delimiter); {
		case ok:
			b.WriteString(name + "=")
		case strings.TrimRight(line, "\n") == delimiter:
		default:
			b.WriteString(line)
		}
	}
	return b.String()
}

// transcript collects what a step did.
type transcript struct {
	ts *testscript.TestScript
	s  *stage
	b  strings.Builder
}

func (t *transcript) line(format string, args ...any) { fmt.Fprintf(&t.b, format+"\n", args...) }

func (t *transcript) block(name, text string) {
	if text == "" {
		return
	}
	if runtime.GOOS != "linux" { // where exec says this too
		text = exposed.ReplaceAllString(text, "")
	}
	t.line("%s:", name)
	for line := range strings.Lines(text) {
		t.line("  %s", strings.TrimRight(line, "\r\n"))
	}
}

// exposed is what exec says on systems where it cannot hide its environment.
var exposed = regexp.MustCompile(`(?m)^.*the command can read the environment of this program.*\n`)

// below is a path in the directory of a story.
var below = regexp.MustCompile(`\$WORK[\w.\\-]+`)

// requests shows what the controller saw.
func (t *transcript) requests() {
	if t.s.server == nil {
		return
	}
	conns := map[int]bool{}
	var lines []string
	for _, r := range t.s.server.Requests() {
		conns[r.Conn] = true
		line := fmt.Sprintf("%s %s", r.Method, r.Path)
		keys := make([]string, 0, len(r.Form))
		for key := range r.Form {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			line += fmt.Sprintf(" %s=%s", key, r.Form.Get(key))
		}
		who := string(r.Via)
		if r.User != "" {
			who = r.User + " by " + who
		}
		lines = append(lines, fmt.Sprintf("%s (%s): %d", line, who, r.Status))
	}
	if unknown := t.s.server.Unknown(); len(unknown) > 0 {
		t.ts.Fatalf("routes the emulator does not know: %v", unknown)
	}
	name := "requests"
	if len(conns) > 1 {
		name = fmt.Sprintf("requests, on %d connections", len(conns))
	}
	t.block(name, strings.Join(lines, "\n"))
}

// write appends to the file transcript, without what changes from run to run.
func (t *transcript) write() {
	path := t.ts.MkAbs("transcript")
	before, _ := os.ReadFile(path)
	text := strings.NewReplacer(t.s.hide...).Replace(t.b.String())
	if runtime.GOOS == "windows" {
		text = below.ReplaceAllStringFunc(text, filepath.ToSlash)
	}
	// A line that looks like the head of a file would end the section.
	t.ts.Check(os.WriteFile(path, append(before, text...), 0o600))
}

func fault(ts *testscript.TestScript, _ bool, args []string) { ts.Check(on(ts).server.Inject(args...)) }

// token gives a user a token, in the variables TOKEN and TOKEN_UUID: token USER
// NAME [SIZE]. The name is repeated up to a size in bytes.
func token(ts *testscript.TestScript, _ bool, args []string) {
	name := args[1]
	if len(args) > 2 {
		size, err := strconv.Atoi(args[2])
		ts.Check(err)
		name = strings.Repeat(name, size/len(name)+1)[:size]
	}
	made := on(ts).server.AddToken(args[0], name)
	ts.Setenv("TOKEN", made.Value)
	ts.Setenv("TOKEN_UUID", made.UUID)
}

// tokens adds a user's tokens to the transcript: tokens USER.
func tokens(ts *testscript.TestScript, _ bool, args []string) {
	out := &transcript{ts: ts, s: on(ts)}
	var names []string
	for _, token := range out.s.server.Tokens(args[0]) {
		names = append(names, token.Name+"\n")
	}
	out.block("tokens of "+args[0], cmp.Or(strings.Join(names, ""), "none\n"))
	out.write()
}

func restart(ts *testscript.TestScript, _ bool, _ []string) { on(ts).server.Restart() }

// clock sets the clock of the program, of the controller, or of both: clock
// [program|controller] TIME.
func clock(ts *testscript.TestScript, _ bool, args []string) {
	s := on(ts)
	now, err := time.Parse(time.RFC3339, args[len(args)-1])
	ts.Check(err)
	if args[0] != "controller" {
		ts.Setenv("STORY_NOW", now.Format(time.RFC3339))
	}
	if args[0] != "program" {
		s.mu.Lock()
		s.now = now
		s.mu.Unlock()
	}
}

// note adds a line to the transcript.
func note(ts *testscript.TestScript, _ bool, args []string) {
	out := &transcript{ts: ts, s: on(ts)}
	out.line("# %s", strings.Join(args, " "))
	out.write()
}

// state replaces what the runner hands to the post step: state TEXT.
func state(ts *testscript.TestScript, _ bool, args []string) {
	on(ts).state = strings.Join(args, " ")
}
