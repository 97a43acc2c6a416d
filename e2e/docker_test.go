//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

const (
	user     = "alice"
	password = "correct horse battery staple"
)

// token finds API tokens, but not in the ids of containers and images.
var token = regexp.MustCompile(`\b11[0-9a-f]{32}\b`)

// controller is an emulated Jenkins on the address under which containers on
// docker's default network reach this machine.
func controller(t *testing.T, options ...jenkinstest.Option) (*jenkinstest.Jenkins, string) {
	t.Helper()
	gateway := bridge(t)
	j, err := jenkinstest.New(append(options, jenkinstest.WithUser(user, password), jenkinstest.WithJob("deploy"))...)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(gateway, "0"))
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = j.Serve(l) }()
	t.Cleanup(j.Close)
	return j, "http://" + l.Addr().String()
}

// bridge is this machine's address on docker's default network.
func bridge(t *testing.T) string {
	t.Helper()
	name, err := docker(t.Context(), nil, "network", "inspect", "--format", `{{index .Options "com.docker.network.bridge.name"}}`, "bridge")
	if err != nil {
		t.Fatal(err)
	}
	device, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatalf("docker's bridge %s: %v", name, err)
	}
	addresses, err := device.Addrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if ip, ok := address.(*net.IPNet); ok && ip.IP.To4() != nil {
			return ip.IP.String()
		}
	}
	t.Fatalf("docker's bridge %s has no address", name)
	return ""
}

// runner calls the action's image as actions/runner does
// (ContainerActionHandler.cs, DockerCommandManager.cs).
type runner struct {
	t     *testing.T
	image string
	dir   string
	env   map[string]string
	state string
}

func newRunner(t *testing.T, url string) *runner {
	t.Helper()
	image, _ := action(t)
	r := &runner{t: t, image: image, dir: t.TempDir(), env: map[string]string{
		"INPUT_URL": url, "INPUT_USERNAME": user, "INPUT_PASSWORD": password, "INPUT_ALLOW-HTTP": "true",
		"INPUT_API-TOKEN": "", "INPUT_TTL": "24h", "INPUT_REVOKE": "true", "INPUT_SWEEP": "true",
		"HOME": "/github/home", "GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/web",
		"GITHUB_RUN_ID": "17263512", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_JOB": "deploy", "GITHUB_ACTION": "__self",
		"GITHUB_OUTPUT": "/github/file_commands/set_output_1", "GITHUB_STATE": "/github/file_commands/save_state_1",
		"GITHUB_STEP_SUMMARY": "/github/file_commands/step_summary_1", "RUNNER_TEMP": "/github/runner_temp",
	}}
	for _, dir := range []string{"runner_temp", "home", "workflow", "file_commands", "workspace"} {
		if err := os.Mkdir(filepath.Join(r.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *runner) command(name string) *exec.Cmd {
	args := []string{"run", "--name", fmt.Sprintf("jenkins-token-e2e-%d", time.Now().UnixNano()), "--workdir", "/github/workspace", "--rm"}
	env := os.Environ()
	for key, value := range r.env {
		args = append(args, "-e", key)
		env = append(env, key+"="+value)
	}
	if r.state != "" {
		args = append(args, "-e", "STATE_LEASE")
		env = append(env, "STATE_LEASE="+r.state)
	}
	for _, dir := range []string{"runner_temp", "home", "workflow", "file_commands", "workspace"} {
		args = append(args, "-v", filepath.Join(r.dir, dir)+":/github/"+dir)
	}
	for _, file := range []string{"set_output_1", "save_state_1", "step_summary_1"} {
		if err := os.WriteFile(filepath.Join(r.dir, "file_commands", file), nil, 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
	cmd := exec.Command("docker", append(args, "--entrypoint", "/bin/"+name, r.image)...)
	cmd.Env = env
	return cmd
}

// call runs an entrypoint and returns what it printed and its exit code.
func (r *runner) call(name string) (string, int) {
	r.t.Helper()
	cmd := r.command(name)
	out, err := cmd.CombinedOutput()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		r.t.Fatal(err)
	}
	if name == "create" {
		r.state = r.pair("save_state_1", "LEASE")
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// pair reads the last value of a key from a file of workflow commands.
func (r *runner) pair(file, key string) string {
	text, err := os.ReadFile(filepath.Join(r.dir, "file_commands", file))
	if err != nil {
		r.t.Fatal(err)
	}
	value := ""
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, key+"<<") && i+1 < len(lines) {
			value = lines[i+1]
		}
	}
	return value
}

func TestTheImageAsTheRunnerCallsIt(t *testing.T) {
	j, url := controller(t)
	r := newRunner(t, url)
	out, code := r.call("create")
	if code != 0 {
		t.Fatalf("create: got exit code %d, want 0\n%s", code, out)
	}
	made := r.pair("set_output_1", "token")
	if !token.MatchString(made) || !strings.Contains(out, "::add-mask::"+made+"\n") {
		t.Errorf("got output %q, want a token that is masked in:\n%s", made, out)
	}
	if got := len(j.Tokens(user)); got != 1 {
		t.Errorf("got %d tokens after create, want 1", got)
	}
	if out, code = r.call("revoke"); code != 0 {
		t.Errorf("revoke: got exit code %d, want 0\n%s", code, out)
	}
	if got := len(j.Tokens(user)); got != 0 {
		t.Errorf("got %d tokens after revoke, want none\n%s", got, out)
	}
	if strings.Contains(out, made) {
		t.Errorf("revoke printed the token:\n%s", out)
	}
}

func TestASignalWhileTheAnswerIsOnItsWay(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			j, url := controller(t)
			if err := j.Inject("create:delay=2s"); err != nil {
				t.Fatal(err)
			}
			r := newRunner(t, url)
			cmd := r.command("create")
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() { _ = cmd.Wait(); close(ended) }()
			awaitToken(t, j, ended)
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			<-ended
			if got, want := cmd.ProcessState.ExitCode(), 128+int(signal); got != want {
				t.Errorf("got exit code %d, want %d\n%s", got, want, out.String())
			}
			if got := len(j.Tokens(user)); got != 0 {
				t.Errorf("got %d tokens after the signal, want none\n%s", got, out.String())
			}
			if got := r.pair("set_output_1", "token"); got != "" {
				t.Error("a token was handed on after the signal")
			}
		})
	}
}

// awaitToken returns when the controller has made a token, or the program ended
// without one. The program is another process, so there is nothing to wait for
// but the controller's state.
func awaitToken(t *testing.T, j *jenkinstest.Jenkins, ended <-chan struct{}) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for len(j.Tokens(user)) == 0 {
		select {
		case <-ended:
			return
		case <-t.Context().Done():
			return
		case <-tick.C:
		}
	}
}

func TestTheImageHoldsOneProgramUnderItsNames(t *testing.T) {
	image, _ := action(t)
	container, err := docker(t.Context(), nil, "create", image)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = exec.Command("docker", "rm", container).Run() }()
	out, err := exec.Command("sh", "-c", "docker export "+container+" | tar -t").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"bin/jenkins-token", "bin/create", "bin/revoke", "bin/sweep", "etc/ssl/cert.pem"} {
		if !strings.Contains("\n"+string(out), "\n"+want+"\n") {
			t.Errorf("got no %s in the image", want)
		}
	}
	size, err := docker(t.Context(), nil, "image", "inspect", "--format", "{{.Size}}", image)
	if err != nil {
		t.Fatal(err)
	}
	var budget struct{ ImageBytes int }
	text, err := os.ReadFile("../bench/budget.json")
	if err == nil {
		err = json.Unmarshal(text, &budget)
	}
	if err != nil {
		t.Fatal(err)
	}
	if bytes, err := strconv.Atoi(size); err != nil || bytes > budget.ImageBytes {
		t.Errorf("got an image of %s bytes, want at most %d (bench/budget.json)", size, budget.ImageBytes)
	}
	t.Logf("image: %s bytes", size)
}
