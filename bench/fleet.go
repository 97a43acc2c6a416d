package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/command"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// failures is how often the controller answers 500 to a change that it made. Jenkins
// does when changes of one account coincide: 2 to 4 % with few tokens on the account, up
// to 41 % with 500 and more.
const failures = 0.35

// fleet prints what becomes of many jobs that use one account at once.
func (b *bench) fleet(ctx context.Context, w io.Writer) error {
	row(w, "program", "jobs", "tokens before", "jobs that failed", "leftovers", "after a restart", "requests per job")
	row(w, "---", "---", "---", "---", "---", "---", "---")
	for _, p := range b.programs {
		if p.name != product && p.name != recipe {
			continue
		}
		for _, size := range []struct{ jobs, tokens int }{{10, 0}, {200, 0}, {1000, 0}, {200, 500}, {50, 5000}} {
			fmt.Fprintf(b.log, "%s: %d jobs, %d tokens before\n", p.name, size.jobs, size.tokens)
			f, err := b.crowd(ctx, p, size.jobs, size.tokens)
			if err != nil {
				return err
			}
			row(w, p.name, fmt.Sprint(size.jobs), fmt.Sprint(size.tokens), fmt.Sprint(f.failed), fmt.Sprint(f.leftovers), fmt.Sprint(f.restored), fmt.Sprintf("%.1f", f.requests))
		}
	}
	return nil
}

// outcome is what became of the jobs of a fleet.
type outcome struct {
	failed    int // jobs of which create or revoke failed
	leftovers int // their tokens after all revocations
	restored  int // the same after a restart of the controller, which may have lost a change
	requests  float64
}

// crowd lets all jobs create at once and, when the last one has finished, revoke at once.
// Those of jenkins-token run in this process, those of the recipe as 16 processes at a
// time.
func (b *bench) crowd(ctx context.Context, p program, jobs, before int) (outcome, error) {
	var h host
	defer h.close()
	s := jenkinstest.Start(&h, jenkinstest.WithUser(username, password), jenkinstest.WithVersion(version), jenkinstest.WithSeed(1))
	if h.err != nil {
		return outcome{}, h.err
	}
	account := s.AddToken(username, "the account's own").Value
	for i := range before {
		s.AddToken(username, fmt.Sprintf("somebody's token %d", i))
	}
	if err := s.Inject(fmt.Sprintf("create:500-acted@%g", failures), fmt.Sprintf("revoke:500-acted@%g", failures)); err != nil {
		return outcome{}, err
	}
	dir, err := os.MkdirTemp(b.files, "fleet-")
	if err != nil {
		return outcome{}, err
	}
	defer os.RemoveAll(dir)
	run, atOnce := runAction, jobs
	if p.name == recipe {
		run, atOnce = p.runRecipe, 16
	}
	s.Forget()
	errs := make([]error, jobs)
	for _, command := range []string{"create", "revoke"} {
		var wait sync.WaitGroup
		slots := make(chan struct{}, atOnce)
		for i := range jobs {
			wait.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				if errs[i] == nil { // else the job has no token to revoke
					errs[i] = run(ctx, filepath.Join(dir, fmt.Sprint(i)), command, s.URL, account)
				}
			})
		}
		wait.Wait()
	}
	o := outcome{requests: float64(len(s.Requests())) / float64(jobs)}
	for _, err := range errs {
		if err != nil {
			o.failed++
		}
	}
	o.leftovers = len(s.Tokens(username)) - before - 1
	s.Restart()
	o.restored = len(s.Tokens(username)) - before - 1
	return o, ctx.Err()
}

// runRecipe stops at the first response that is not 200.
func (p program) runRecipe(ctx context.Context, lease, name, url, account string) error {
	argv := p.command(name)
	env := []string{"PATH=" + os.Getenv("PATH"), "JENKINS_URL=" + url, "JENKINS_USERNAME=" + username, "JENKINS_API_TOKEN=" + account, "LEASE=" + lease}
	_, err := run(ctx, env, argv[0], argv[1:]...)
	return err
}

func runAction(ctx context.Context, dir, name, url, account string) error {
	return entrypoint(ctx, dir, name, map[string]string{
		"INPUT_URL": url, "INPUT_USERNAME": username, "INPUT_API-TOKEN": account,
		"INPUT_TIMEOUT": "10m", // all jobs share the processors with the controller
	})
}

// entrypoint runs create or revoke as the action, with files of its own in dir
// as a runner gives them. A warning is an error.
func entrypoint(ctx context.Context, dir, name string, inputs map[string]string) error {
	env := maps.Clone(inputs)
	for _, pair := range runner(dir) {
		key, value, _ := strings.Cut(pair, "=")
		env[key] = value
	}
	if name == "create" {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		for _, file := range []string{"output", "state", "summary"} {
			if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
				return err
			}
		}
	} else {
		state, err := os.ReadFile(filepath.Join(dir, "state"))
		if err != nil {
			return err
		}
		// NAME<<DELIMITER, value, DELIMITER: the last value counts.
		lines := strings.Split(strings.TrimSpace(string(state)), "\n")
		env["STATE_LEASE"] = lines[len(lines)-2]
	}
	var out strings.Builder
	program := &command.Program{
		Args:    []string{"/bin/" + name},
		Version: "jenkins-token bench",
		Env:     command.Env{Lookup: func(name string) (string, bool) { text, ok := env[name]; return text, ok }, Hostname: "runner"},
		Streams: command.Streams{In: strings.NewReader(""), Out: &out, Err: &out},
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
	if program.Run(ctx) != 0 || strings.Contains(out.String(), "::warning") {
		return errors.New(out.String())
	}
	return nil
}
