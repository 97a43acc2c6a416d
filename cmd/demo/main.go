// Command demo shows the whole life of a token on this machine, against an
// emulated Jenkins, as the log of a runner shows it:
//
//	go run ./cmd/demo
//
// With --pictures DIR it writes the pictures of the documentation instead, made from the
// same output with a fixed clock and fixed random numbers:
//
//	go run ./cmd/demo --pictures docs/pictures
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
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
	pictures := flag.String("pictures", "", "directory to write the pictures of the documentation to")
	flag.Parse()
	err := errors.New("demo takes no arguments")
	switch {
	case flag.NArg() > 0:
	case *pictures != "":
		err = writePictures(ctx, *pictures)
	default:
		err = run(ctx, os.Stdout, stage{now: time.Now, random: rand.Reader})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// The account whose password is in the secrets of the repository.
const (
	username = "alice"
	password = "correct horse battery staple"
)

// stage is what the demo depends on besides its own text.
type stage struct {
	now    func() time.Time
	random io.Reader
	// url is the address of Jenkins that is shown; empty is the one it really has.
	url     string
	options []jenkinstest.Option
	// page gets the account's page with the list of tokens while the token is on it.
	page func(html string)
}

// run plays a job in six steps.
func run(ctx context.Context, out io.Writer, on stage) error {
	controller, err := jenkinstest.New(append(on.options, jenkinstest.WithVersion("2.568"), jenkinstest.WithUser(username, password), jenkinstest.WithJob("deploy"))...)
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

	r := &runner{stage: on, log: &log{out: out, masks: []string{password}}, dir: dir, address: listener.Addr().String()}
	if r.url == "" {
		r.url = "http://" + r.address
	}
	r.say("An emulated Jenkins %s listens on %s. It has one user, %s.", "2.568", r.url, username)
	r.say("Lines with a bar are output: of the job in its log, and of Jenkins.")
	return r.play(ctx, controller)
}

// play is the job.
func (r *runner) play(ctx context.Context, controller *jenkinstest.Jenkins) error {
	r.title("1. The job creates a token", "uses: jenkins-token/jenkins-token@v1, with url, username and password")
	if err := r.call(ctx, "create"); err != nil {
		return err
	}
	token := r.outputs["token"]
	if token == "" {
		return errors.New("create set no output called token")
	}
	r.say("The action also printed %d lines ::add-mask::TEXT. A runner does not show them, and replaces each TEXT by ***:", r.log.masked)
	r.say("the token, its last 32 characters, which Jenkins accepts alone, and both in base64, as a login sends them.")

	r.title("2. Jenkins lists the token", "the account's page in Jenkins")
	tokens := controller.Tokens(username)
	for _, one := range tokens {
		r.say("| %s", one.Name)
	}
	r.say("The name says which run and job created the token, and when it expires.")
	if r.page != nil {
		html, err := r.get(ctx, "/user/"+username+"/security/")
		if err != nil {
			return err
		}
		r.page(html)
	}

	r.title("3. A step uses the token", "run: curl … --request POST $URL/job/deploy/build")
	status, err := r.trigger(ctx, token)
	if err != nil {
		return err
	}
	fmt.Fprintf(r.log, "| POST /job/deploy/build as %s with %s: %d\n", r.outputs["username"], token, status)
	fmt.Fprintf(r.log, "| a step that prints the token by mistake: %s\n", token)
	if status != http.StatusCreated {
		return fmt.Errorf("the build was answered %d, not 201", status)
	}

	r.title("4. The job ends, and the post step revokes the token", "post step of jenkins-token")
	if err := r.call(ctx, "revoke"); err != nil {
		return err
	}
	r.say("The token revoked itself: the password was not needed. %s has %d tokens now.", username, len(controller.Tokens(username)))

	r.title("5. Somebody who kept the token tries it", "")
	if status, err = r.trigger(ctx, token); err != nil {
		return err
	}
	fmt.Fprintf(r.log, "| POST /job/deploy/build as %s with %s: %d\n", r.outputs["username"], token, status)
	if status != http.StatusUnauthorized {
		return fmt.Errorf("the revoked token was answered %d, not 401", status)
	}

	r.title("6. What Jenkins saw", "")
	for _, request := range controller.Requests() {
		fmt.Fprintf(r.log, "| %d  %-4s %-72s %s\n", request.Status, request.Method, request.Path, r.who(request))
	}
	r.say("The password was sent three times: for the account's id, for a crumb, and to create the token.")
	return nil
}

// who says how a request was authenticated.
func (r *runner) who(request jenkinstest.Request) string {
	switch {
	case request.Status == http.StatusUnauthorized:
		return "the revoked token, refused"
	case request.User == "":
		return "nobody"
	}
	return request.User + ", by " + string(request.Via)
}

// runner does for the program what a runner of GitHub Actions does.
type runner struct {
	stage
	log     *log
	dir     string
	address string // on which Jenkins listens
	outputs map[string]string
	state   string
}

func (r *runner) say(format string, args ...any) { fmt.Fprintf(r.log.out, format+"\n", args...) }

// title begins a step; where says what of the job it is.
func (r *runner) title(text, where string) {
	r.say("\n%s", text)
	if where != "" {
		r.say("| %s", where)
	}
}

// dial connects to the emulated Jenkins, whatever address is shown.
func (r *runner) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, r.address)
}

// do sends a request to Jenkins and returns its answer.
func (r *runner) do(request *http.Request) (*http.Response, error) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: r.dial, DisableKeepAlives: true}}
	return client.Do(request)
}

// get is a page of Jenkins, as the account sees it.
func (r *runner) get(ctx context.Context, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+path, nil)
	if err != nil {
		return "", err
	}
	request.SetBasicAuth(username, password)
	response, err := r.do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	page, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return string(page), err
}

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
		Clock: command.Clock{Now: r.now, Pause: func(ctx context.Context, d time.Duration) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(d):
				return nil
			}
		}},
		Random: r.random,
		Dial:   r.dial,
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
	answer, err := r.do(request)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

// log is the log of a runner: it does not show ::add-mask::, and replaces what it masks.
type log struct {
	out    io.Writer
	masks  []string
	masked int // texts that the program had masked
	line   string
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
			l.masked++
			continue
		}
		for _, mask := range l.masks {
			line = strings.ReplaceAll(line, mask, "***")
		}
		if !strings.HasPrefix(line, "| ") {
			line = "| " + line
		}
		if _, err := fmt.Fprintln(l.out, line); err != nil {
			return 0, err
		}
	}
}
