//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// runner is a twin of GitHub's runner 2.336.0 in a job, at a step of an action of ours
// (actions/runner, src/Runner.Worker: ActionRunner.cs, ContainerActionHandler.cs,
// DockerCommandManager.cs, FileCommandManager.cs, ActionCommandManager.cs). It builds
// no image: the tests share one.
type runner struct {
	t      *testing.T
	image  string
	action manifest
	label  string

	temp, workspace string // directories of the runner's machine
	network         string // of the job's services, empty without
	networks        []string

	id     string            // of the step, empty for a step without
	with   map[string]string // what the workflow gives
	env    map[string]string // the context env, which GITHUB_ENV adds to
	github map[string]string // the contexts github and runner
	system map[string]string // ACTIONS_*
	host   []string          // further environment of the runner's own process

	// nested is an action inside a composite one: its inputs are evaluated in the wrong
	// scope in the post step, and are empty (actions/runner issues 2030 and 3514).
	nested bool
	// kubernetes is a runner of ARC in the mode kubernetes, with the container hook 0.7.0
	// (actions/runner-container-hooks, packages/k8s/src/hooks/run-container-step.ts): the
	// action is a pod with the work directory at /__w, without the runner's temporary
	// directory and without Docker, and its two streams are one log.
	kubernetes bool

	mu    sync.Mutex
	state map[string]string
	masks *masker
}

// manifest is what action.yml says to the runner.
type manifest struct {
	Inputs map[string]struct {
		Default string `yaml:"default"`
	} `yaml:"inputs"`
	Outputs map[string]any `yaml:"outputs"`
	Runs    struct {
		Main string `yaml:"entrypoint"`
		Post string `yaml:"post-entrypoint"`
		Pre  string `yaml:"pre-entrypoint"`
		Args any    `yaml:"args"`
		Env  any    `yaml:"env"`
	} `yaml:"runs"`
}

// newRunner starts a job whose step gets these inputs. The password is a secret of
// the workflow.
func newRunner(t *testing.T, image string, with map[string]string) *runner {
	t.Helper()
	r := &runner{t: t, image: image, label: random(3), id: "jenkins", with: with, env: map[string]string{}, state: map[string]string{}, masks: &masker{}}
	r.action = readManifest(t, "../action.yml")
	work := t.TempDir()
	r.temp, r.workspace = filepath.Join(work, "_temp"), filepath.Join(work, "web", "web")
	for _, dir := range []string{r.workspace, r.dir("_github_home"), r.dir("_github_workflow"), r.dir("_runner_file_commands")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	event := filepath.Join(r.dir("_github_workflow"), "event.json")
	if err := os.WriteFile(event, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.github = map[string]string{
		"GITHUB_ACTOR": "alice", "GITHUB_API_URL": "https://api.github.com", "GITHUB_BASE_REF": "", "GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": event,
		"GITHUB_HEAD_REF": "", "GITHUB_JOB": "deploy", "GITHUB_REF": "refs/heads/main", "GITHUB_REPOSITORY": "acme/web", "GITHUB_REPOSITORY_OWNER": "acme",
		"GITHUB_RUN_ATTEMPT": "1", "GITHUB_RUN_ID": "17263512", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_WORKFLOW": "deploy", "GITHUB_WORKSPACE": r.workspace,
		"RUNNER_ARCH": "X64", "RUNNER_ENVIRONMENT": "github-hosted", "RUNNER_NAME": "twin", "RUNNER_OS": "Linux",
		"RUNNER_TEMP": r.temp, "RUNNER_TOOL_CACHE": "/opt/hostedtoolcache",
	}
	runtime := random(16)
	r.system = map[string]string{
		"ACTIONS_RUNTIME_URL": "https://pipelines.actions.test/", "ACTIONS_RUNTIME_TOKEN": runtime,
		"ACTIONS_RESULTS_URL": "https://results.actions.test/", "ACTIONS_CACHE_URL": "https://cache.actions.test/",
	}
	r.masks.add(runtime)
	r.masks.add(with["password"])
	t.Cleanup(r.cleanUp)
	return r
}

// step is another step of the job.
func (r *runner) step(id, path string, with map[string]string) *runner {
	r.t.Helper()
	return &runner{
		t: r.t, image: r.image, action: readManifest(r.t, path), label: r.label, temp: r.temp, workspace: r.workspace, network: r.network,
		id: id, with: with, env: r.env, github: r.github, system: r.system, host: r.host, state: map[string]string{}, masks: r.masks,
	}
}

func readManifest(t *testing.T, path string) manifest {
	t.Helper()
	var m manifest
	text, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(text, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	if m.Runs.Main == "" || m.Runs.Pre != "" || m.Runs.Args != nil || m.Runs.Env != nil {
		t.Fatalf("%s has no entrypoint, or pre-entrypoint, args or env, which the twin does not know", path)
	}
	return m
}

// offerIDTokens gives the job the permission id-token: write.
func (r *runner) offerIDTokens(url string) {
	r.system["ACTIONS_ID_TOKEN_REQUEST_URL"] = url
	r.system["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = r.system["ACTIONS_RUNTIME_TOKEN"]
}

func (r *runner) dir(name string) string { return filepath.Join(r.temp, name) }

func random(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// cleanUp removes by id what carries the label of this runner.
func (r *runner) cleanUp() {
	for _, id := range r.containers() {
		_ = exec.Command("docker", "rm", "--force", "--volumes", id).Run()
	}
	for _, id := range r.networks {
		_ = exec.Command("docker", "network", "rm", id).Run()
	}
}

// containers are the ids of the containers that this runner started and that are there.
func (r *runner) containers() []string {
	out, err := exec.Command("docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", "label="+r.label).Output()
	if err != nil {
		r.t.Errorf("docker ps: %v", err)
	}
	return strings.Fields(string(out))
}

// service starts a container of the job in a network of its own, which the step joins,
// and returns its id (ContainerOperationProvider.cs). Call ready before the first step:
// the runner waits for a service's health check.
func (r *runner) service(alias, image string, ready ...string) string {
	r.t.Helper()
	if r.network == "" {
		r.network = "github_network_" + random(16)
		id, err := docker(r.t.Context(), nil, "network", "create", "--label", r.label, r.network)
		if err != nil {
			r.t.Fatal(err)
		}
		r.networks = append(r.networks, id)
	}
	id, err := docker(r.t.Context(), nil, "create", "--name", random(16)+"_"+random(3), "--label", r.label, "--network", r.network, "--network-alias", alias,
		"-e", "GITHUB_ACTIONS=true", "-e", "CI=true", image)
	if err == nil {
		_, err = docker(r.t.Context(), nil, "start", id)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err = docker(r.t.Context(), nil, append([]string{"exec", id}, ready...)...); err == nil {
			return id
		}
		running, gone := docker(r.t.Context(), nil, "inspect", "--format", "{{.State.Running}}", id)
		if gone != nil || running != "true" {
			r.t.Fatalf("service %s ended: %v", alias, err)
		}
		select {
		case <-r.t.Context().Done():
			r.t.Fatal(r.t.Context().Err())
		case <-tick.C:
		}
	}
}

// stage is the main or the post step while it runs.
type stage struct {
	*runner
	post      bool
	cmd       *exec.Cmd
	container string // its name
	suffix    string // of the files of this stage
	streams   sync.WaitGroup
	ended     chan struct{}

	stopped string // token of stop-commands
	log     strings.Builder
	result  result
}

// result is what the runner makes of a stage.
type result struct {
	code    int
	log     string            // as the page of the run shows it
	outputs map[string]string // that later steps see
	errors  []string          // commands and files that the runner cannot read
	summary string
}

// failed reports whether the step failed.
func (r result) failed() bool { return r.code != 0 || len(r.errors) > 0 }

// main runs the main step to its end.
func (r *runner) main() result { r.t.Helper(); return r.start(false).wait() }

// post runs the post step to its end.
func (r *runner) post() result { r.t.Helper(); return r.start(true).wait() }

// The files of commands, by the name of their variable. GITHUB_ARTIFACTS and
// GITHUB_ARTIFACTS_LIST have no use here.
var commandFiles = map[string]string{
	"GITHUB_PATH": "add_path_", "GITHUB_ENV": "set_env_", "GITHUB_STEP_SUMMARY": "step_summary_", "GITHUB_STATE": "save_state_", "GITHUB_OUTPUT": "set_output_",
	"GITHUB_ARTIFACTS": "artifacts_", "GITHUB_ARTIFACTS_LIST": "artifacts_list_",
}

// start starts a stage. Every stage has files of its own, and leaves those of earlier
// ones where they are.
func (r *runner) start(post bool) *stage {
	r.t.Helper()
	s := &stage{runner: r, post: post, suffix: random(16), container: r.label + random(16) + "_" + random(3), ended: make(chan struct{})}
	s.result.outputs = map[string]string{}
	for _, prefix := range commandFiles {
		if err := os.WriteFile(s.path(prefix), nil, 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
	env := s.environment()
	args := []string{"run", "--name", s.container, "--label", r.label, "--workdir", "/github/workspace", "--rm"}
	own := slices.Concat(os.Environ(), r.host)
	for _, name := range slices.Sorted(maps.Keys(env)) {
		args = append(args, "-e", name)
		own = append(own, name+"="+env[name])
	}
	args = append(args, "-e", "GITHUB_ACTIONS=true")
	if _, ok := env["CI"]; !ok {
		args = append(args, "-e", "CI=true")
	}
	entrypoint := r.action.Runs.Main
	if post {
		entrypoint = r.action.Runs.Post
	}
	args = append(args, "--entrypoint", entrypoint)
	if r.network != "" {
		args = append(args, "--network", r.network)
	}
	if r.kubernetes {
		args = append(args, "-v", filepath.Dir(r.temp)+":/__w")
	} else {
		args = append(args, "-v", "/var/run/docker.sock:/var/run/docker.sock")
	}
	for _, m := range slices.Backward(r.mounts()) {
		args = append(args, "-v", m.host+":"+m.container)
	}
	args = append(args, r.image)
	s.print("##[command]docker " + strings.Join(args, " "))

	s.cmd = exec.Command("docker", args...)
	s.cmd.Dir, s.cmd.Env = r.workspace, append(own, "GITHUB_ACTIONS=true")
	stdout, err := s.cmd.StdoutPipe()
	stderr, err2 := s.cmd.StderrPipe()
	if err := cmp.Or(err, err2, s.cmd.Start()); err != nil {
		r.t.Fatal(err)
	}
	for _, stream := range []interface{ Read([]byte) (int, error) }{stdout, stderr} {
		s.streams.Go(func() {
			lines := bufio.NewScanner(stream)
			lines.Buffer(nil, 1<<20)
			lines.Split(splitLines)
			for lines.Scan() {
				s.line(lines.Text())
			}
		})
	}
	go func() { s.streams.Wait(); _ = s.cmd.Wait(); close(s.ended) }()
	return s
}

type mount struct{ host, container string }

// mounts are the directories of the container, the one that is looked at last for
// translating paths first in docker's arguments.
func (r *runner) mounts() []mount {
	mounts := []mount{
		{r.workspace, "/github/workspace"}, {r.dir("_runner_file_commands"), "/github/file_commands"}, {r.dir("_github_workflow"), "/github/workflow"},
		{r.dir("_github_home"), "/github/home"},
	}
	if r.kubernetes {
		return mounts
	}
	return append(mounts, mount{r.temp, "/github/runner_temp"})
}

// translate turns a path of the machine into one of the container. Only a whole value,
// or its beginning, is a path (ContainerInfo.cs).
func (r *runner) translate(value string) string {
	for _, m := range r.mounts() {
		if rest, ok := strings.CutPrefix(value, m.host); ok && (rest == "" || rest[0] == '/') {
			return m.container + rest
		}
	}
	return value
}

func (s *stage) path(prefix string) string {
	return filepath.Join(s.dir("_runner_file_commands"), prefix+s.suffix)
}

// environment is the container's, but for what docker sets itself. What comes later
// wins. Nothing of the machine's environment is in it.
func (s *stage) environment() map[string]string {
	env := maps.Clone(s.env)
	for key, value := range s.state {
		env["STATE_"+key] = value
	}
	for name, input := range s.action.Inputs {
		value, given := s.with[name]
		switch {
		case given && s.post && s.nested:
			value = ""
		case !given:
			value = input.Default
		}
		env["INPUT_"+strings.ToUpper(strings.ReplaceAll(name, " ", "_"))] = value
	}
	env["HOME"] = s.dir("_github_home")
	maps.Copy(env, s.github)
	env["GITHUB_ACTION"] = cmp.Or(s.id, "__jenkins-token_jenkins-token")
	env["GITHUB_ACTION_REPOSITORY"], env["GITHUB_ACTION_REF"] = "jenkins-token/jenkins-token", "v1"
	for variable, prefix := range commandFiles {
		env[variable] = s.path(prefix)
	}
	maps.Copy(env, s.system)
	for name, value := range env {
		env[name] = s.translate(value)
	}
	return env
}

// wait returns when the docker CLI has ended and the runner has read the files.
func (s *stage) wait() result {
	<-s.ended
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.code = s.cmd.ProcessState.ExitCode()
	s.files()
	s.result.log = s.log.String()
	return s.result
}

// cancel ends a stage as the runner ends one that is cancelled or whose time is over:
// the signals go to the docker CLI, which passes on those that can be caught. The
// CLI alone is killed in the end (ProcessInvoker.cs, CancelAndKillProcessTree).
func (s *stage) cancel() result {
	for _, next := range []struct {
		signal syscall.Signal
		grace  time.Duration
	}{{syscall.SIGINT, 7500 * time.Millisecond}, {syscall.SIGTERM, 2500 * time.Millisecond}} {
		_ = s.cmd.Process.Signal(next.signal)
		over := time.NewTimer(next.grace)
		select {
		case <-s.ended:
			over.Stop()
			return s.wait()
		case <-over.C:
		}
	}
	_ = s.cmd.Process.Kill()
	return s.wait()
}

// splitLines splits as .NET does: at LF, CR, and both together.
func splitLines(data []byte, atEOF bool) (advance int, line []byte, err error) {
	if i := bytes.IndexAny(data, "\r\n"); i >= 0 {
		switch {
		case data[i] == '\n':
			return i + 1, data[:i], nil
		case i+1 < len(data) && data[i+1] == '\n':
			return i + 2, data[:i], nil
		case i+1 < len(data) || atEOF:
			return i + 1, data[:i], nil
		}
		return 0, nil, nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// line is a line of either stream (OutputManager.cs).
func (s *stage) line(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := parseCommand(line, s.stopped)
	switch {
	case !ok:
		s.print(line)
	case s.stopped != "" && strings.EqualFold(c.name, s.stopped):
		s.stopped = ""
		s.print(line)
	case s.stopped != "":
		s.print(line)
	default:
		if err := s.obey(c, line); err != nil {
			s.fail(fmt.Errorf("unable to process command %q: %w", c.name, err))
		}
	}
}

// print masks and writes a line of the log. The runner does so for each line apart.
func (s *stage) print(line string) { s.log.WriteString(s.masks.replace(line) + "\n") }

func (s *stage) fail(err error) {
	s.result.errors = append(s.result.errors, err.Error())
	s.print("##[error]" + err.Error())
}

// obey does what a command says (ActionCommandManager.cs).
func (s *stage) obey(c command, line string) error {
	switch name := strings.ToLower(c.name); name {
	case "add-mask":
		if strings.TrimSpace(c.data) == "" {
			s.print("##[warning]can't add secret mask for empty string")
			return nil
		}
		s.masks.add(c.data)
		for part := range strings.FieldsFuncSeq(c.data, func(r rune) bool { return r == '\r' || r == '\n' }) {
			s.masks.add(strings.TrimSpace(part))
		}
	case "stop-commands":
		if c.data == "" || registered[strings.ToLower(c.data)] || strings.EqualFold(c.data, "pause-logging") {
			return errors.New("not a token")
		}
		s.stopped = c.data
		if len(c.data) > 6 {
			s.masks.add(c.data)
		}
		s.print(line)
	case "set-output", "save-state":
		key := c.properties["name"]
		if key == "" {
			return errors.New("required field 'name' is missing")
		}
		if name == "save-state" {
			set(s.state, key, c.data)
			return nil
		}
		return s.output(key, c.data)
	case "debug", "echo": // shown with ACTIONS_STEP_DEBUG only
	case "notice", "warning", "error", "group", "endgroup":
		s.print("##[" + name + "]" + c.data)
	default:
		return errors.New("disabled, or not known to the twin")
	}
	return nil
}

// output sets an output. Those of a step without an id, and of a post step, are
// dropped (ExecutionContext.cs, SetOutput).
func (s *stage) output(name, value string) error {
	if name == "" {
		return errors.New("name must not be empty")
	}
	if s.id != "" && !s.post {
		set(s.result.outputs, name, value)
	}
	return nil
}

// set sets a value in a map whose keys differ in more than case, and stay as first
// written.
func set(m map[string]string, key, value string) {
	for old := range m {
		if strings.EqualFold(old, key) {
			key = old
		}
	}
	m[key] = value
}

// files obeys what the stage wrote to its files. It does so after a failure and a
// cancel too (ActionRunner.cs, finally). What stands before an error counts.
func (s *stage) files() {
	for _, variable := range slices.Sorted(maps.Keys(commandFiles)) {
		text, err := os.ReadFile(s.path(commandFiles[variable]))
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				s.t.Error(err)
			}
			continue
		}
		var found []pair
		switch variable {
		case "GITHUB_ENV", "GITHUB_STATE", "GITHUB_OUTPUT":
			found, err = pairs(string(text))
		case "GITHUB_STEP_SUMMARY":
			if len(text) > 1<<20 {
				err = errors.New("is larger than 1024k")
				break
			}
			for line := range strings.Lines(string(text)) {
				s.result.summary += s.masks.replace(strings.TrimSuffix(line, "\n")) + "\n"
			}
		default:
			if len(text) > 0 {
				err = errors.New("has no use here")
			}
		}
		for _, p := range found {
			switch variable {
			case "GITHUB_ENV":
				s.env[p.key] = p.value
			case "GITHUB_STATE":
				set(s.state, p.key, p.value)
			case "GITHUB_OUTPUT":
				err = cmp.Or(s.output(p.key, p.value), err)
			}
		}
		if err != nil {
			s.fail(fmt.Errorf("unable to process file command %s: %w", variable, err))
		}
	}
}

type pair struct{ key, value string }

// pairs reads a file of commands, up to an error (FileCommandManager.cs,
// EnvFileKeyValuePairs). Lines end at LF alone.
func pairs(text string) ([]pair, error) {
	var found []pair
	next := func() (line string, ended, ok bool) {
		if text == "" {
			return "", false, false
		}
		line, text, ended = strings.Cut(text, "\n")
		return line, ended, true
	}
	for {
		line, _, ok := next()
		if !ok {
			return found, nil
		}
		if line == "" {
			continue
		}
		equals, heredoc := strings.Index(line, "="), strings.Index(line, "<<")
		if equals >= 0 && (heredoc < 0 || equals < heredoc) {
			found = append(found, pair{line[:equals], line[equals+1:]})
			continue
		}
		if heredoc < 0 {
			return found, errors.New("invalid format")
		}
		key, delimiter := line[:heredoc], line[heredoc+2:]
		if key == "" || delimiter == "" {
			return found, errors.New("name and delimiter must not be empty")
		}
		var lines []string
		for {
			line, ended, ok := next()
			if ok && line == delimiter {
				break
			}
			if !ok {
				return found, errors.New("matching delimiter not found")
			}
			if !ended {
				return found, errors.New("EOF marker missing new line")
			}
			lines = append(lines, line)
		}
		found = append(found, pair{key, strings.Join(lines, "\n")})
	}
}

// command is a workflow command.
type command struct {
	name, data string
	properties map[string]string
}

// registered are the commands that the runner knows.
var registered = map[string]bool{
	"add-mask": true, "add-matcher": true, "add-path": true, "debug": true, "echo": true, "endgroup": true, "error": true, "group": true, "notice": true,
	"remove-matcher": true, "save-state": true, "set-env": true, "set-output": true, "stop-commands": true, "warning": true,
}

var (
	unescapeData     = []string{"%0D", "\r", "%0A", "\n", "%25", "%"}
	unescapeProperty = []string{"%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%"}
	unescapeLegacy   = []string{"%3B", ";", "%0D", "\r", "%0A", "\n", "%5D", "]", "%25", "%"}
)

// parseCommand finds a command in a line: ::name k=v,k=v::data at its beginning, or
// ##[name k=v;k=v]data anywhere (ActionCommand.cs). stopped is the token that resumes
// commands, which counts as one.
func parseCommand(line, stopped string) (command, bool) {
	known := func(name string) bool {
		return registered[strings.ToLower(name)] || stopped != "" && strings.EqualFold(name, stopped)
	}
	if rest, ok := strings.CutPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "::"); ok {
		if info, data, ok := strings.Cut(rest, "::"); ok {
			if name, properties, _ := strings.Cut(info, " "); known(name) {
				return command{name, unescape(data, unescapeData), parseProperties(strings.TrimSpace(properties), ",", unescapeProperty)}, true
			}
		}
	}
	if _, rest, ok := strings.Cut(line, "##["); ok {
		if info, data, ok := strings.Cut(rest, "]"); ok {
			if name, properties, _ := strings.Cut(info, " "); known(name) {
				return command{name, unescape(data, unescapeLegacy), parseProperties(properties, ";", unescapeLegacy)}, true
			}
		}
	}
	return command{}, false
}

func parseProperties(text, separator string, escapes []string) map[string]string {
	properties := map[string]string{}
	for part := range strings.SplitSeq(text, separator) {
		if key, value, ok := strings.Cut(part, "="); ok && key != "" && value != "" {
			properties[strings.ToLower(key)] = unescape(value, escapes)
		}
	}
	return properties
}

// unescape replaces one after the other, as the runner does.
func unescape(text string, escapes []string) string {
	for i := 0; i < len(escapes); i += 2 {
		text = strings.ReplaceAll(text, escapes[i], escapes[i+1])
	}
	return text
}

// inspect is docker's word on a running container of a stage; it fails the test when
// there is none.
func (s *stage) inspect(ctx context.Context) string {
	s.t.Helper()
	id, err := docker(ctx, nil, "inspect", "--format", "{{.Id}}", s.container)
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}
