package command_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/command"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

const bot = "deploy-bot"

// ours is the job that may log in.
var ours = claims{
	Subject: "repo:acme/web:environment:production", Repository: "acme/web", RepositoryID: "4711", Ref: "refs/heads/main", Environment: "production",
}

// oidcWorld is a controller behind a gateway, and a job of GitHub's that asks an
// issuer for ID tokens.
type oidcWorld struct {
	t       *testing.T
	jenkins *jenkinstest.Server
	issuer  *issuer
	gateway *gateway
	dir     string
	env     map[string]string
	out     strings.Builder

	mu      sync.Mutex
	start   time.Time
	advance time.Duration
}

func newOIDCWorld(t *testing.T, job claims) *oidcWorld {
	t.Helper()
	w := &oidcWorld{t: t, dir: t.TempDir(), start: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	w.jenkins = jenkinstest.Start(t, jenkinstest.WithUser(bot, "nobody knows it"), jenkinstest.WithUser("somebody", "else"), jenkinstest.WithTrustedHeader(userHeader), jenkinstest.WithClock(w.now))
	w.issuer = newIssuer(t, w.now, job)
	want := ours
	want.Audience, want.Subject = "https://ci.example.com", ""
	w.gateway = &gateway{issuer: w.issuer.URL, want: want, user: bot, now: w.now, basic: true}
	newGateway(t, w.jenkins.URL, w.gateway)
	w.env = map[string]string{
		"INPUT_URL": w.gateway.URL, "INPUT_OIDC-AUDIENCE": "https://ci.example.com",
		"ACTIONS_ID_TOKEN_REQUEST_URL": w.issuer.URL + "/token", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": requestToken,
		"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/web", "GITHUB_RUN_ID": "1", "GITHUB_JOB": "deploy",
	}
	for _, name := range []string{"GITHUB_STATE", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		w.env[name] = filepath.Join(w.dir, name)
		if err := os.WriteFile(w.env[name], nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// now is the clock of everybody here.
func (w *oidcWorld) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.start.Add(w.advance)
}

func (w *oidcWorld) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance += d
}

// run runs an entrypoint of the action and returns what it printed and its exit
// code. What create kept is handed to revoke.
func (w *oidcWorld) run(name string) (string, int) {
	w.t.Helper()
	return w.runArgs("/bin/" + name)
}

func (w *oidcWorld) runArgs(args ...string) (string, int) {
	w.t.Helper()
	var out bytes.Buffer
	p := &command.Program{
		Args:    args,
		Version: "jenkins-token v0.0.0",
		Env:     command.Env{Lookup: func(name string) (string, bool) { text, ok := w.env[name]; return text, ok }},
		Streams: command.Streams{In: strings.NewReader(""), Out: &out, Err: &out},
		Files:   command.Files{Read: os.ReadFile, Exists: func(string) bool { return false }, Executable: os.Executable},
		Clock:   command.Clock{Now: w.now, Pause: func(ctx context.Context, d time.Duration) error { w.pass(d); return ctx.Err() }},
		Random:  rand.Reader,
	}
	code := p.Run(w.t.Context())
	w.out.WriteString(unixLines(out.String()))
	w.env["STATE_LEASE"] = w.pair("GITHUB_STATE", "LEASE")
	return unixLines(out.String()), code
}

// pair reads the last value of a key from a file of the runner.
func (w *oidcWorld) pair(file, key string) string {
	w.t.Helper()
	text, err := os.ReadFile(w.env[file])
	if err != nil {
		w.t.Fatal(err)
	}
	value := ""
	lines := strings.Split(unixLines(string(text)), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, key+"<<") && i+1 < len(lines) {
			value = lines[i+1]
		}
	}
	return value
}

// shown checks that ID tokens are masked before anything else could print them,
// and are in no other line, file or request to Jenkins.
func (w *oidcWorld) shown() {
	w.t.Helper()
	texts := w.out.String()
	for _, token := range w.issuer.tokens() {
		mask := "::add-mask::" + token + "\n"
		if strings.Count(texts, mask) != 1 {
			w.t.Errorf("an ID token is masked %d times, want once", strings.Count(texts, mask))
		}
		texts = strings.Replace(texts, mask, "", 1)
	}
	for _, name := range []string{"GITHUB_STATE", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		text, err := os.ReadFile(w.env[name])
		if err != nil {
			w.t.Fatal(err)
		}
		texts += string(text)
	}
	for _, token := range w.issuer.tokens() {
		_, signature, _ := strings.Cut(token, ".")
		if strings.Contains(texts, signature) {
			w.t.Errorf("an ID token is shown:\n%s", texts)
		}
	}
	if strings.Contains(texts, requestToken) {
		w.t.Error("the right to ask for ID tokens is shown")
	}
}

func TestOIDCFromCreateToPost(t *testing.T) {
	t.Parallel()
	w := newOIDCWorld(t, ours)
	if out, code := w.run("create"); code != 0 {
		t.Fatalf("create: got exit code %d\n%s", code, out)
	}
	if got := w.pair("GITHUB_OUTPUT", "username"); got != bot {
		t.Errorf("got username %q, want the one that Jenkins gave, %q", got, bot)
	}
	if got := len(w.jenkins.Tokens(bot)); got != 1 {
		t.Errorf("got %d tokens after create, want 1", got)
	}
	w.pass(time.Hour)
	out, code := w.run("revoke")
	if code != 0 || !strings.Contains(out, " is revoked") {
		t.Errorf("revoke: got exit code %d\n%s", code, out)
	}
	if got := len(w.jenkins.Tokens(bot)); got != 0 {
		t.Errorf("got %d tokens after the post step, want none", got)
	}
	if got := len(w.issuer.tokens()); got != 1 {
		t.Errorf("got %d ID tokens, want 1: the post step has the token itself", got)
	}
	w.shown()
}

func TestOIDCPostWithoutTheToken(t *testing.T) {
	t.Parallel()
	w := newOIDCWorld(t, ours)
	w.env["ACT"] = "true" // hands on no state; the side file holds no token
	if out, code := w.run("create"); code != 0 {
		t.Fatalf("create: got exit code %d\n%s", code, out)
	}
	delete(w.env, "STATE_LEASE")
	w.pass(time.Hour)
	state := w.env["GITHUB_STATE"]
	if err := os.WriteFile(state, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := w.run("revoke"); code != 0 || !strings.Contains(out, " is revoked") {
		t.Errorf("revoke: got exit code %d\n%s", code, out)
	}
	if got := len(w.jenkins.Tokens(bot)); got != 0 {
		t.Errorf("got %d tokens after the post step, want none", got)
	}
	if got := len(w.issuer.tokens()); got != 2 {
		t.Errorf("got %d ID tokens, want a fresh one in the post step", got)
	}
	w.shown()
}

// TestOIDCTakesAFreshTokenToUndo has the first ID token end while the new Jenkins
// token is tried, which a gateway keeps from logging in.
func TestOIDCTakesAFreshTokenToUndo(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		basic bool
		want  string
	}{
		{"the gateway lets no Basic login through", false, "401, but not from Jenkins"},
		{"the gateway replaces the login", true, "the new token logs in as another user"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newOIDCWorld(t, ours)
			w.gateway.basic = row.basic
			once := sync.OnceFunc(func() { w.pass(6 * time.Minute) })
			w.gateway.onLogin = func(r *http.Request) {
				once()
				r.Header.Del("Authorization")
				r.Header.Set(userHeader, "somebody")
			}
			out, code := w.run("create")
			if code != 1 || !strings.Contains(out, row.want) {
				t.Errorf("got exit code %d, want 1 and %q\n%s", code, row.want, out)
			}
			if got := w.jenkins.Tokens(bot); len(got) != 0 {
				t.Errorf("got %d tokens, want none", len(got))
			}
			used := slices.Compact(slices.Clone(w.gateway.seen))
			if len(used) != 2 || w.gateway.refused != 0 {
				t.Errorf("got %d ID tokens accepted and %d refused, want a second one for the revocation", len(used), w.gateway.refused)
			}
			if got := w.pair("GITHUB_OUTPUT", "token"); got != "" {
				t.Error("a token was handed on")
			}
			w.shown()
		})
	}
}

func TestOIDCRefused(t *testing.T) {
	t.Parallel()
	job := func(change func(*claims)) claims {
		c := ours
		change(&c)
		return c
	}
	for _, row := range []struct {
		name     string
		job      claims
		audience string
		unset    string
		want     []string
		asked    int
	}{
		{name: "another audience", job: ours, audience: "https://other.example", asked: 1},
		{name: "a stranger's repository", job: job(func(c *claims) { c.Repository, c.RepositoryID = "mallory/web", "1" }), asked: 1},
		{name: "a repository that took the name", job: job(func(c *claims) { c.RepositoryID = "1" }), asked: 1},
		{name: "another branch", job: job(func(c *claims) { c.Ref = "refs/heads/feature" }), asked: 1},
		{name: "a pull request", job: job(func(c *claims) { c.Ref = "refs/pull/1/merge"; c.Environment = "" }), asked: 1},
		{name: "another environment", job: job(func(c *claims) { c.Environment = "staging" }), asked: 1},
		{name: "an old token", job: job(func(c *claims) { c.age = time.Hour }), asked: 1},
		{name: "a token of another key", job: job(func(c *claims) { c.forged = true }), asked: 1},
		{name: "no permission", job: ours, unset: "ACTIONS_ID_TOKEN_REQUEST_URL", want: []string{"may not ask GitHub for an ID token", "hint: the job needs permissions: id-token: write"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newOIDCWorld(t, row.job)
			if row.audience != "" {
				w.env["INPUT_OIDC-AUDIENCE"] = row.audience
			}
			delete(w.env, row.unset)
			out, code := w.run("create")
			if code != 1 {
				t.Errorf("got exit code %d, want 1", code)
			}
			if row.want == nil {
				row.want = []string{"401, but not from Jenkins", "hint: the gateway did not take the bearer token"}
			}
			for _, want := range row.want {
				if !strings.Contains(out, want) {
					t.Errorf("got no %q in\n%s", want, out)
				}
			}
			if got := len(w.jenkins.Requests()); got != 0 {
				t.Errorf("got %d requests that reached the controller, want none", got)
			}
			if got := len(w.issuer.tokens()); got != row.asked {
				t.Errorf("got %d ID tokens asked for, want %d", got, row.asked)
			}
			w.shown()
		})
	}
}

func TestOIDCDoctor(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, unset string
		code        int
		want        string
	}{
		{"it works", "", 0, `login         "deploy-bot" by bearer token`},
		{"no permission", "ACTIONS_ID_TOKEN_REQUEST_URL", 1, "fail     login         oidc-audience: this job may not ask GitHub for an ID token"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newOIDCWorld(t, ours)
			w.env["JENKINS_URL"], w.env["JENKINS_TOKEN_OIDC_AUDIENCE"] = w.gateway.URL, w.env["INPUT_OIDC-AUDIENCE"]
			for _, name := range []string{"INPUT_URL", "INPUT_OIDC-AUDIENCE", row.unset} {
				delete(w.env, name)
			}
			out, code := w.runArgs("/bin/jenkins-token", "doctor", "--write")
			if code != row.code || !strings.Contains(out, row.want) {
				t.Errorf("got exit code %d, want %d and %q in\n%s", code, row.code, row.want, out)
			}
			if got := len(w.jenkins.Tokens(bot)); got != 0 {
				t.Errorf("got %d tokens afterwards, want none", got)
			}
			w.shown()
		})
	}
}

// TestBearerTokenOfAnotherCI gives the ID token as bearer-token. It is over when
// the token is revoked, which does not need it.
func TestBearerTokenOfAnotherCI(t *testing.T) {
	t.Parallel()
	w := newOIDCWorld(t, ours)
	w.env = map[string]string{
		"GITHUB_STATE": w.env["GITHUB_STATE"], "GITHUB_OUTPUT": w.env["GITHUB_OUTPUT"], "GITHUB_STEP_SUMMARY": w.env["GITHUB_STEP_SUMMARY"],
		"JENKINS_URL": w.gateway.URL, "JENKINS_TOKEN_BEARER_TOKEN": w.issuer.token("https://ci.example.com"),
	}
	file := filepath.Join(w.dir, "lease.json")
	if out, code := w.runArgs("/bin/jenkins-token", "create", "--ci", "plain", "--lease", file); code != 0 {
		t.Fatalf("create: got exit code %d\n%s", code, out)
	}
	if got := len(w.jenkins.Tokens(bot)); got != 1 {
		t.Errorf("got %d tokens after create, want 1", got)
	}
	w.pass(time.Hour)
	if out, code := w.runArgs("/bin/jenkins-token", "revoke", "--ci", "plain", "--lease", file); code != 0 || !strings.Contains(out, " is revoked") {
		t.Errorf("revoke: got exit code %d\n%s", code, out)
	}
	if got := len(w.jenkins.Tokens(bot)); got != 0 || w.gateway.refused != 0 {
		t.Errorf("got %d tokens and %d refused ID tokens afterwards, want none", got, w.gateway.refused)
	}
	_, signature, _ := strings.Cut(w.issuer.tokens()[0], ".")
	if strings.Contains(w.out.String(), signature) {
		t.Errorf("the bearer token is shown:\n%s", w.out.String())
	}
}

func TestOIDCNobodyBringsTheHeader(t *testing.T) {
	t.Parallel()
	w := newOIDCWorld(t, ours)
	if got := answerTo(t, w.gateway.URL); got != 403 {
		t.Errorf("got %d for a visitor who names a user, want 403", got)
	}
}

// answerTo is the answer to a visitor who says that he is the user.
func answerTo(t *testing.T, root string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", root+"/me/api/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(userHeader, bot)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}
