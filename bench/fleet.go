package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/command"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// fleetFigure is what came of many jobs at once on one account.
type fleetFigure struct {
	Client string `json:"client"`
	Jobs   int    `json:"jobs"`
	Tokens int    `json:"tokensBefore"`

	Got    int `json:"got"`
	Failed int `json:"failed"` // jobs whose create or revoke failed
	Left   int `json:"left"`   // tokens of the jobs after all revocations
	// Restart are the tokens that are there once the controller has been restarted:
	// what it had not written when it answered 500 comes back. Known are those of
	// them that a job was given; the secret of the others nobody has.
	Restart int `json:"leftAfterRestart"`
	Known   int `json:"knownAfterRestart"`

	Requests float64 `json:"requestsPerJob"`
	Least    float64 `json:"leastRequestsPerJob"`
	Last     float64 `json:"msToTheLastToken"`
}

// The clients of a fleet, with how the jobs run.
const (
	fleetProduct = "jenkins-token, goroutines around internal/command"
	fleetSweep   = "the same, with sweep"
	fleetShell   = shell + ", processes, 16 at a time"
)

// fleet starts numbers of jobs at once on one account.
func (r *report) fleet(ctx context.Context, t *tools, o options, log io.Writer) error {
	jobs, err := numbers(o.jobs)
	if err != nil {
		return err
	}
	tokens, err := numbers(o.tokens)
	if err != nil {
		return err
	}
	for _, client := range []string{fleetProduct, fleetSweep, fleetShell} {
		if client == fleetShell {
			if _, err := findShell(ctx, t); err != nil {
				r.Skipped[client] = err.Error()
				continue
			}
		}
		for _, before := range tokens {
			least, err := t.crowd(ctx, client, 1, before, 0)
			if err != nil {
				return err
			}
			for _, n := range jobs {
				fmt.Fprintf(log, "fleet: %s: %d jobs, %d tokens: ", client, n, before)
				f, err := t.crowd(ctx, client, n, before, o.rate)
				if err != nil {
					return err
				}
				f.Least = least.Requests
				fmt.Fprintf(log, "%d got, %d failed, %d left, %d after a restart, %d of these known, %.2f requests a job, least %.0f, %.2f s\n",
					f.Got, f.Failed, f.Left, f.Restart, f.Known, f.Requests, f.Least, f.Last/1e3)
				r.Fleet = append(r.Fleet, f)
			}
		}
	}
	for _, n := range []int{10, 100, 1000, 10_000} {
		fmt.Fprintf(log, "sweep of %d tokens\n", n)
		g, err := t.grow(ctx, n)
		if err != nil {
			return err
		}
		r.Growth = append(r.Growth, g)
	}
	return nil
}

// crowd lets jobs create at once and, when the last has its token, revoke at
// once. The controller answers a part of the changes with 500 although it made
// them, as Jenkins does when they meet.
func (t *tools) crowd(ctx context.Context, client string, jobs, before int, rate float64) (fleetFigure, error) {
	var h host
	defer func() {
		for _, f := range h.cleanups {
			f()
		}
	}()
	s := jenkinstest.Start(&h, jenkinstest.WithUser(username, password), jenkinstest.WithVersion(version), jenkinstest.WithSeed(1))
	if h.err != nil {
		return fleetFigure{}, h.err
	}
	account := s.AddToken(username, "the account's own").Value
	for i := range before {
		s.AddToken(username, fmt.Sprintf("somebody's token %d", i))
	}
	if rate > 0 {
		if err := s.Inject(fmt.Sprintf("create:500-acted@%g", rate), fmt.Sprintf("revoke:500-acted@%g", rate)); err != nil {
			return fleetFigure{}, err
		}
	}
	dir, err := os.MkdirTemp(t.files, "fleet-")
	if err != nil {
		return fleetFigure{}, err
	}
	defer os.RemoveAll(dir)

	f := fleetFigure{Client: client, Jobs: jobs, Tokens: before}
	job := t.action
	atOnce := jobs
	if client == fleetShell {
		job, atOnce = t.recipe, 16
	}
	errs := make([]error, jobs)
	all := func(name string, begin time.Time) {
		var wait sync.WaitGroup
		var mu sync.Mutex
		places := make(chan struct{}, atOnce)
		for i := range jobs {
			wait.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				if errs[i] != nil {
					return // a job without a token has none to revoke
				}
				errs[i] = job(ctx, filepath.Join(dir, fmt.Sprint(i)), s.URL, account, name, client == fleetSweep)
				if name == "create" && errs[i] == nil {
					mu.Lock()
					defer mu.Unlock()
					f.Got++
					f.Last = max(f.Last, float64(time.Since(begin).Microseconds())/1e3)
				}
			})
		}
		wait.Wait()
	}
	s.Forget()
	all("create", time.Now())
	all("revoke", time.Now())
	for _, err := range errs {
		if err != nil {
			f.Failed++
		}
	}
	f.Requests = float64(len(s.Requests())) / float64(jobs)
	ours := func() []jenkinstest.Token { return s.Tokens(username)[before+1:] }
	f.Left = len(ours())
	given, err := contents(dir)
	if err != nil {
		return fleetFigure{}, err
	}
	s.Restart()
	for _, token := range ours() {
		f.Restart++
		if strings.Contains(given, token.Value) {
			f.Known++
		}
	}
	return f, ctx.Err()
}

// contents is what the jobs were given: the text of all files below dir.
func contents(dir string) (string, error) {
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all.Write(content)
		return err
	})
	return all.String(), err
}

// action runs an entrypoint of the action in this process.
func (t *tools) action(ctx context.Context, dir, url, account, name string, sweep bool) error {
	return entrypoint(ctx, dir, name, map[string]string{
		"INPUT_URL": url, "INPUT_USERNAME": username, "INPUT_API-TOKEN": account,
		"INPUT_TIMEOUT": "10m", "INPUT_SWEEP": fmt.Sprint(sweep), // all jobs share two cores with the controller
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

// recipe runs the shell recipe, which stops at the first answer that is not 200.
func (t *tools) recipe(ctx context.Context, lease, url, account, name string, _ bool) error {
	env := []string{"PATH=" + os.Getenv("PATH"), "JENKINS_URL=" + url, "JENKINS_USERNAME=" + username, "JENKINS_API_TOKEN=" + account, "LEASE=" + lease}
	_, err := run(ctx, env, "/bin/sh", t.script("recipe.sh"), name)
	return err
}

// growthFigure is a sweep of an account with a number of our tokens.
type growthFigure struct {
	Tokens   int     `json:"tokens"`
	PageKB   float64 `json:"pageKB"`
	Read     span    `json:"dryRunMs"`
	ReadMiB  float64 `json:"dryRunPeakMiB"`
	Sweep    float64 `json:"sweepMs"`
	SweepMiB float64 `json:"sweepPeakMiB"`
}

// grow reads, and then sweeps, an account whose tokens are all ours and over.
func (t *tools) grow(ctx context.Context, tokens int) (growthFigure, error) {
	var h host
	defer func() {
		for _, f := range h.cleanups {
			f()
		}
	}()
	s := jenkinstest.Start(&h, jenkinstest.WithUser(username, password), jenkinstest.WithVersion(version))
	if h.err != nil {
		return growthFigure{}, h.err
	}
	account := s.AddToken(username, "the account's own").Value
	for i := range tokens {
		s.AddToken(username, fmt.Sprintf("jenkins-token:github.com/acme/web:%d.1:deploy:%08d:until-20200101T000000Z", i, i))
	}
	u := strings.TrimPrefix(s.URL, "http://")
	p, err := newProxy("127.0.0.1", u, 0)
	if err != nil {
		return growthFigure{}, err
	}
	defer p.close()
	env := []string{"JENKINS_URL=http://127.0.0.1:" + p.port(), "JENKINS_USERNAME=" + username, "JENKINS_API_TOKEN=" + account, "JENKINS_TOKEN_TIMEOUT=10m"}
	g := growthFigure{Tokens: tokens}
	var reads []float64
	bytes := p.bytes.Load()
	const runs = 5
	for range runs {
		m, err := t.time(ctx, env, []string{t.product, "sweep", "--dry-run"})
		if err != nil {
			return growthFigure{}, err
		}
		reads, g.ReadMiB = append(reads, m.ms), max(g.ReadMiB, m.mib)
	}
	p.settle()
	g.PageKB = float64(p.bytes.Load()-bytes) / runs / 1e3
	g.Read = spanOf(reads)
	if tokens > 1000 {
		return g, nil // the emulator copies the account at each change: its time, not ours
	}
	m, err := t.time(ctx, env, []string{t.product, "sweep"})
	if err != nil {
		return growthFigure{}, err
	}
	g.Sweep, g.SweepMiB = m.ms, m.mib
	if left := len(s.Tokens(username)) - 1; left != 0 {
		return growthFigure{}, fmt.Errorf("sweep left %d of %d tokens", left, tokens)
	}
	return g, nil
}

func (r *report) writeFleet(w io.Writer) {
	for i, f := range r.Fleet {
		if i == 0 || f.Client != r.Fleet[i-1].Client {
			fmt.Fprintf(w, "\nJobs at once, %s:\n\n", f.Client)
			table(w, "jobs", "tokens before", "got", "failed", "left", "after a restart", "of these known to a job", "requests a job", "× the least", "s to the last token")
		}
		row(w, fmt.Sprint(f.Jobs), fmt.Sprint(f.Tokens), fmt.Sprint(f.Got), fmt.Sprint(f.Failed), fmt.Sprint(f.Left), fmt.Sprint(f.Restart), fmt.Sprint(f.Known),
			fmt.Sprintf("%.2f", f.Requests), times(f.Requests/f.Least), fmt.Sprintf("%.2f", f.Last/1e3))
	}
	for i, g := range r.Growth {
		if i == 0 {
			fmt.Fprintf(w, "\nSweep of an account whose tokens are all ours and over, %s/%s:\n\n", runtime.GOOS, runtime.GOARCH)
			table(w, "tokens", "kB read", "dry run ms", "µs a token", "peak MiB", "sweep ms", "µs a token", "peak MiB")
		}
		each := func(ms float64) string { return fmt.Sprintf("%.0f", ms*1e3/float64(g.Tokens)) }
		row(w, fmt.Sprint(g.Tokens), fmt.Sprintf("%.0f", g.PageKB), g.Read.String(), each(g.Read.Median), fmt.Sprintf("%.1f", g.ReadMiB),
			swept(g, "%.0f", g.Sweep), swept(g, "%.0f", g.Sweep*1e3/float64(g.Tokens)), swept(g, "%.1f", g.SweepMiB))
	}
}

// swept is a figure of a sweep that was made.
func swept(g growthFigure, format string, value float64) string {
	if g.Sweep == 0 {
		return "–"
	}
	return fmt.Sprintf(format, value)
}

// judgeFleet compares with the targets: none failed, none left, and at most 2.2
// times the least requests where the jobs do not sweep.
func (r *report) judgeFleet() {
	ours := slices.DeleteFunc(slices.Clone(r.Fleet), func(f fleetFigure) bool { return f.Client == fleetShell })
	if len(ours) == 0 {
		return
	}
	failed, left, most := 0, 0, 0.0
	for _, f := range ours {
		failed, left = failed+f.Failed, left+f.Left+f.Known
		// Of a few jobs the requests are chance.
		if f.Client == fleetProduct && f.Jobs >= 50 {
			most = max(most, f.Requests/f.Least)
		}
	}
	r.Targets["jobs failed, of all sizes"] = verdict{"0", fmt.Sprint(failed), failed == 0}
	r.Targets["tokens left, of all sizes, and known ones after a restart"] = verdict{"0", fmt.Sprint(left), left == 0}
	r.Targets["requests a job, without sweep, 50 jobs and more"] = verdict{"≤ 2.2 × the least", fmt.Sprintf("%.2f ×", most), most > 0 && most <= 2.2}
}
