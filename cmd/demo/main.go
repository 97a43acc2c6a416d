// Command demo shows the whole life of a token on this machine, against an
// emulated Jenkins, as the log of a runner would show it:
//
//	go run ./cmd/demo
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/command"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// The account that the workflow's author has put into the repository's secrets.
const (
	username = "alice"
	password = "correct horse battery staple"
)

func run(ctx context.Context, out io.Writer) error {
	controller, err := jenkinstest.New(jenkinstest.WithUser(username, password), jenkinstest.WithJob("deploy"))
	if err != nil {
		return err
	}
	defer controller.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = controller.Serve(listener) }()

	dir, err := os.MkdirTemp("", "jenkins-token-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	r := &runner{log: &log{out: out, masks: []string{password}}, dir: dir, url: "http://" + listener.Addr().String()}
	fmt.Fprintf(out, "An emulated Jenkins %s listens on %s. It has one user, %s.\nBelow is what a runner's log would show.\n", jenkinstest.DefaultVersion, r.url, username)

	r.title("step 1: uses: jenkins-token/jenkins-token@v1, with url, username and password")
	if err := r.call(ctx, "create"); err != nil {
		return err
	}
	token := r.outputs["token"]
	if token == "" {
		return errors.New("create gave no output called token")
	}
	r.tokens(controller)

	r.title("step 2: run: curl -X POST $URL/job/deploy/build, with the output token")
	status, err := r.trigger(ctx, token)
	if err != nil {
		return err
	}
	fmt.Fprintf(r.log, "a step that prints the token by mistake: %s\n", token)
	fmt.Fprintf(r.log, "POST /job/deploy/build as %s with %s: %d\n", r.outputs["username"], token, status)
	if status != http.StatusCreated {
		return fmt.Errorf("the build was answered %d, not 201", status)
	}

	r.title("post step: the token is revoked, by itself")
	if err := r.call(ctx, "revoke"); err != nil {
		return err
	}
	r.tokens(controller)

	r.title("afterwards: whoever kept the token")
	if status, err = r.trigger(ctx, token); err != nil {
		return err
	}
	fmt.Fprintf(r.log, "POST /job/deploy/build as %s with %s: %d\n", r.outputs["username"], token, status)
	if status != http.StatusUnauthorized {
		return fmt.Errorf("the revoked token was answered %d, not 401", status)
	}

	fmt.Fprintf(out, "\nWhat Jenkins saw:\n")
	for _, request := range controller.Requests() {
		who := request.User
		if who == "" {
			who = "nobody"
		}
		fmt.Fprintf(r.log, "%s %s: %s by %s, %d\n", request.Method, request.Path, who, request.Via, request.Status)
	}
	return nil
}

// runner does for the program what a runner of GitHub Actions does.
type runner struct {
	log     *log
	dir     string
	url     string
	outputs map[string]string
	state   string
}

func (r *runner) title(text string) { fmt.Fprintf(r.log.out, "\n--- %s\n", text) }

// call runs one of the action's entrypoints.
func (r *runner) call(ctx context.Context, name string) error {
	env := map[string]string{
		"INPUT_URL": r.url, "INPUT_USERNAME": username, "INPUT_PASSWORD": password,
		"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/web",
		"GITHUB_RUN_ID": "17263512", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_JOB": "deploy", "GITHUB_ACTION": "jenkins",
		"STATE_LEASE": r.state,
	}
	for _, file := range []string{"GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"} {
		env[file] = filepath.Join(r.dir, file)
		if err := os.WriteFile(env[file], nil, 0o600); err != nil {
			return err
		}
	}
	program := &command.Program{
		Args:    []string{"/bin/" + name},
		Version: "jenkins-token demo",
		Env:     command.Env{Lookup: func(name string) (string, bool) { text, ok := env[name]; return text, ok }, Hostname: "runner"},
		Streams: command.Streams{In: strings.NewReader(""), Out: r.log, Err: r.log},
		Files:   command.Files{Read: os.ReadFile, Executable: os.Executable},
		Clock: command.Clock{Now: time.Now, Pause: func(ctx context.Context, d time.Duration) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(d):
				return nil
			}
		}},
		Random: rand.Reader,
	}
	if code := program.Run(ctx); code != 0 {
		return fmt.Errorf("%s ended with code %d", name, code)
	}
	state, err := pairs(env["GITHUB_STATE"])
	if err != nil {
		return err
	}
	outputs, err := pairs(env["GITHUB_OUTPUT"])
	if err != nil {
		return err
	}
	if name == "create" {
		r.state, r.outputs = state["LEASE"], outputs
	}
	return nil
}

// pairs reads a file of workflow commands: NAME<<DELIMITER, value, DELIMITER.
func pairs(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	lines := strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	for i := 0; i+1 < len(lines); i++ {
		if name, _, ok := strings.Cut(lines[i], "<<"); ok {
			found[name] = lines[i+1]
			i += 2
		}
	}
	return found, nil
}

// trigger is the build step: it starts a job with the token alone.
func (r *runner) trigger(ctx context.Context, token string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.outputs["url"]+"/job/deploy/build", nil)
	if err != nil {
		return 0, err
	}
	request.SetBasicAuth(r.outputs["username"], token)
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

func (r *runner) tokens(controller *jenkinstest.Jenkins) {
	tokens := controller.Tokens(username)
	fmt.Fprintf(r.log, "(tokens of %s in Jenkins now: %d)\n", username, len(tokens))
}

// log is the log of a runner: it obeys ::add-mask:: and hides what was masked.
type log struct {
	out   io.Writer
	masks []string
	line  string
}

// Write implements io.Writer.
func (l *log) Write(p []byte) (int, error) {
	l.line += string(p)
	for {
		line, rest, ok := strings.Cut(l.line, "\n")
		if !ok {
			return len(p), nil
		}
		l.line = rest
		line = strings.TrimSuffix(line, "\r") // of Windows
		if mask, ok := strings.CutPrefix(line, "::add-mask::"); ok {
			l.masks = append(l.masks, mask)
			line = "::add-mask::***"
		}
		for _, mask := range l.masks {
			line = strings.ReplaceAll(line, mask, "***")
		}
		if _, err := fmt.Fprintln(l.out, line); err != nil {
			return 0, err
		}
	}
}
