package ci

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/sethvargo/go-githubactions"

	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// stateKey is the one key of the state; the runner gives it to the post step as
// STATE_LEASE. act compares keys by case.
const stateKey = "LEASE"

// github is a runner that speaks GitHub's workflow commands. This file alone
// uses go-githubactions, whose functions panic when they cannot write and open
// files that are not there: guard turns both into errors.
type github struct {
	s      Surroundings
	action *githubactions.Action
}

func newGitHub(s Surroundings) *github {
	out := s.Stdout
	if s.Captured {
		// The runner reads commands from both streams (OutputManager.cs).
		out = s.Stderr
	}
	return &github{s, githubactions.New(githubactions.WithWriter(out), githubactions.WithGetenv(s.get))}
}

func (g *github) Name() string { return "github" }

func (g *github) Run() Run {
	host := "github.com"
	if u, err := url.Parse(g.s.get("GITHUB_SERVER_URL")); err == nil && u.Host != "" {
		host = u.Host
	}
	return Run{
		Where: host + "/" + cmp.Or(g.s.get("GITHUB_REPOSITORY"), "unknown"),
		ID:    cmp.Or(g.s.get("GITHUB_RUN_ID"), "0") + "." + cmp.Or(g.s.get("GITHUB_RUN_ATTEMPT"), "1"),
		Job:   cmp.Or(g.s.get("GITHUB_JOB"), "job"),
	}
}

// guard runs f and returns what it panicked with.
func guard(f func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			var ok bool
			if err, ok = v.(error); !ok {
				err = errors.New("cannot write")
			}
		}
	}()
	f()
	return nil
}

// Say cannot fail: a message that nobody can read is no reason to leave a token.
func (g *github) Say(level Level, text string) {
	text = Clean(text)
	_ = guard(func() {
		switch level {
		case Warning:
			g.action.Warningf("%s", text)
		case Notice:
			g.action.Noticef("%s", text)
		default:
			g.action.Infof("%s", text)
		}
	})
}

func (g *github) Fail(message string, hints []string) {
	lines := []string{Clean(message)}
	for _, hint := range hints {
		lines = append(lines, "hint: "+Clean(hint))
	}
	_ = guard(func() { g.action.Errorf("%s", strings.Join(lines, "\n")) })
}

func (g *github) Handover() Handover { return g }

// Open checks the files that the runner made, without creating any: a name that
// leads nowhere means that outputs would be lost.
func (g *github) Open() error {
	for _, channel := range []struct{ name, variable string }{{"state", "GITHUB_STATE"}, {"step output", "GITHUB_OUTPUT"}} {
		path := g.s.get(channel.variable)
		if path == "" {
			continue // runners before 2.297.0; see command
		}
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			return &ChannelError{channel.name, channel.variable, err}
		}
	}
	return nil
}

func (g *github) Mask(text secret.String) error {
	if err := guard(func() { g.action.AddMask(text.Reveal()) }); err != nil {
		return &ChannelError{"mask", "", err}
	}
	return nil
}

func (g *github) Keep(record []byte) error {
	return g.command("state", "GITHUB_STATE", "save-state", stateKey, string(record), func() { g.action.SaveState(stateKey, string(record)) })
}

func (g *github) Kept() (string, bool) {
	record := g.s.get("STATE_" + stateKey)
	return record, record != ""
}

func (g *github) Output(name, value string) error {
	return g.command("step output", "GITHUB_OUTPUT", "set-output", name, value, func() { g.action.SetOutput(name, value) })
}

// command writes a pair to the file of a variable, or, on a runner that has no
// such files (before 2.297.0; GHES before 3.6), as a workflow command. What
// would not stay one line is refused: the file form ends at a fixed delimiter.
func (g *github) command(channel, variable, command, name, value string, write func()) error {
	if strings.ContainsAny(name+value, "\r\n\x00") || strings.Contains(value, "_GitHubActionsFileCommandDelimeter_") {
		return &ChannelError{channel, variable, errors.New("a value is not one line")}
	}
	var err error
	if path := g.s.get(variable); path == "" {
		err = guard(func() {
			g.action.IssueCommand(&githubactions.Command{Name: command, Message: value, Properties: githubactions.CommandProperties{"name": name}})
		})
	} else if _, err = os.Stat(path); err == nil {
		err = guard(write)
	}
	if err != nil {
		return &ChannelError{channel, variable, err}
	}
	return nil
}

func (g *github) Summary(markdown string) error {
	const variable = "GITHUB_STEP_SUMMARY"
	path := g.s.get(variable)
	if path == "" {
		return nil
	}
	_, err := os.Stat(path)
	if err == nil {
		err = guard(func() { g.action.AddStepSummary(markdown) })
	}
	if err != nil {
		return &ChannelError{"summary", variable, err}
	}
	return nil
}

// SideFile stands beside the state file, in a directory that all steps of a job
// share. act and Forgejo do not hand state to the post step of a container
// action (runner/action.go runPostStep).
func (g *github) SideFile() string {
	state := g.s.get("GITHUB_STATE")
	if state == "" || g.s.get("ACT") != "true" && !g.forge() {
		return ""
	}
	step := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, cmp.Or(g.s.get("GITHUB_ACTION"), "step"))
	return filepath.Join(filepath.Dir(state), fmt.Sprintf("jenkins-token-%.80s.jsonl", step))
}

func (g *github) forge() bool {
	return g.s.get("GITEA_ACTIONS") == "true" || g.s.get("FORGEJO_ACTIONS") == "true"
}

// PostUncertain: Gitea's runner before 2.3.0 and Forgejo's of 2025 do not know
// post-entrypoint.
func (g *github) PostUncertain() bool { return g.forge() }

func (g *github) TempDir() string { return cmp.Or(g.s.get("RUNNER_TEMP"), os.TempDir()) }

// EveryRunIsOne: act numbers every run 1.
func (g *github) EveryRunIsOne() bool { return g.s.get("ACT") == "true" }

// Issuer is a system that gives ID tokens of its own.
type Issuer interface {
	IDToken(ctx context.Context, client *http.Client, audience string) (secret.String, error)
}

// errIDToken is all that may be said of an ID token that was not given: the
// library's error repeats the answer.
var errIDToken = errors.New("GitHub gave no ID token for oidc-audience: the job needs permissions: id-token: write")

// IDToken asks GitHub for an ID token and masks it.
func (g *github) IDToken(ctx context.Context, client *http.Client, audience string) (secret.String, error) {
	action := githubactions.New(githubactions.WithWriter(g.s.Stdout), githubactions.WithGetenv(g.s.get), githubactions.WithHTTPClient(client))
	text, err := action.GetIDToken(ctx, audience)
	if err != nil || text == "" || strings.ContainsAny(text, "\r\n\x00 ") {
		return secret.String{}, errIDToken
	}
	token := secret.New(text)
	return token, g.Mask(token)
}
