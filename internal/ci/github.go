package ci

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sethvargo/go-githubactions"

	"github.com/jenkins-token/jenkins-token/internal/file"
	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// stateKey is the one key of the state; the runner gives it to the post step as
// STATE_LEASE. act compares keys by case.
const stateKey = "LEASE"

// github are the runners that speak GitHub's workflow commands: GitHub, GitHub
// Enterprise Server, act, Gitea and Forgejo, which all set GITHUB_ACTIONS
// (docs.github.com, "Variables reference").
func github() kind {
	return kind{
		name:   "github",
		detect: func(s Environment) bool { return OnRunner(s.Lookup) },
		open:   func(s Environment) System { return newGitHub(s, actDir).system() },
	}
}

// GitHub is a runner that speaks GitHub's workflow commands. This file alone
// uses go-githubactions. Its functions panic when they cannot write and open
// files that are not there: guard turns both into errors.
type GitHub struct {
	s      Environment
	action *githubactions.Action
	act    string // see actDir
}

// actDir is where act, Gitea's runner and Forgejo's mount a directory of the job's into
// the container of an action (linux_container_environment_extensions.go, GetActPath).
const actDir = "/var/run/act"

func newGitHub(s Environment, act string) *GitHub {
	g := &GitHub{s: s, act: act}
	g.action = githubactions.New(githubactions.WithWriter(s.out()), githubactions.WithGetenv(g.get))
	return g
}

// get is a variable, and for the files of commands where they are in this container.
func (g *GitHub) get(name string) string {
	switch name {
	case stateFile, outputFile, summaryFile:
		return g.commandFile(name)
	}
	return g.s.get(name)
}

// The variables that name files of commands.
const (
	stateFile   = "GITHUB_STATE"
	outputFile  = "GITHUB_OUTPUT"
	summaryFile = "GITHUB_STEP_SUMMARY"
)

// commandFile is the file of a variable, empty where a workflow command takes its place.
//
// In host mode, where the runner runs steps on its own machine and actions in containers
// all the same, the variable is a path of the machine. act mounts that directory as
// [actDir] (run_context.go, GetBindsAndMounts). Gitea's and Forgejo's runners mount an
// empty volume there, and obey set-output and save-state on standard output.
func (g *GitHub) commandFile(variable string) string {
	path := g.s.get(variable)
	if path == "" || !g.isAct() || mayExist(path) {
		return path
	}
	if mounted := filepath.Join(g.act, "workflow", filepath.Base(path)); mayExist(mounted) {
		return mounted
	}
	if g.isForge() && !mayExist(filepath.Dir(path)) {
		return ""
	}
	return path
}

// mayExist is false only where it is certain that there is nothing.
func mayExist(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// sharedDir is a directory that all steps of a job share; empty on runners before 2.297.0.
func (g *GitHub) sharedDir() string {
	state := g.s.get(stateFile)
	switch path := g.commandFile(stateFile); {
	case path != "":
		return filepath.Dir(path)
	case state != "" && mayExist(g.act):
		return g.act
	case state != "":
		return filepath.Dir(state)
	}
	return ""
}

// system is the runner as a CI system. The runner empties the directory for temporary
// files after a job.
func (g *GitHub) system() System {
	return System{
		Name: "github", KillGrace: killGrace("github"), Log: g,
		Run: Run{
			Project: cmp.Or(g.s.host("GITHUB_SERVER_URL"), "github.com") + "/" + cmp.Or(g.s.get("GITHUB_REPOSITORY"), "unknown"),
			ID:      cmp.Or(g.s.get("GITHUB_RUN_ID"), "0") + "." + cmp.Or(g.s.get("GITHUB_RUN_ATTEMPT"), "1"),
			Job:     cmp.Or(g.s.get("GITHUB_JOB"), "job"),
		},
		Files: Files{Private: cmp.Or(g.s.get("RUNNER_TEMP"), os.TempDir())},
		Mask:  g.Mask, Outputs: g, Summary: g.Summary, IDToken: g.IDToken, Runner: g,
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

// Say cannot fail: a message that cannot be written must not leave a token behind.
func (g *GitHub) Say(level Level, lines ...string) {
	text := cleanLines(lines...)
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

// Fail implements [Log].
func (g *GitHub) Fail(lines, hints []string) {
	text := []string{cleanLines(lines...)}
	for _, hint := range hints {
		text = append(text, "hint: "+Clean(hint))
	}
	_ = guard(func() { g.action.Errorf("%s", strings.Join(text, "\n")) })
}

// Open checks the files that the runner made, without creating any: a name that
// leads nowhere means that outputs would be lost.
func (g *GitHub) Open() error {
	for _, channel := range []struct{ name, variable string }{{"state", stateFile}, {"step output", outputFile}} {
		path := g.commandFile(channel.variable)
		if path == "" {
			continue // see command
		}
		if err := appendable(path); err != nil {
			failed := &ChannelError{Channel: channel.name, Variable: channel.variable, Err: err}
			if g.isAct() && !mayExist(filepath.Dir(path)) {
				failed.Hint = "the runner runs this job on its own machine (host mode), and its files are not mounted into the container of the action: use an image for the job (act -P ubuntu-latest=IMAGE)"
			}
			return failed
		}
	}
	return nil
}

// appendable reports why a file cannot be appended to, nil when it can. The library
// would make one that is not there, and wait for the reader of a named pipe.
func appendable(path string) error {
	f, err := file.Append(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// Mask masks the texts in the log from now on.
func (g *GitHub) Mask(texts ...secret.String) error {
	if g.s.Unmasked {
		return nil
	}
	for _, text := range texts {
		if err := guard(func() { g.action.AddMask(text.Reveal()) }); err != nil {
			return &ChannelError{Channel: "mask", Err: err}
		}
	}
	return nil
}

// SaveState stores the lease for the post step, instead of an earlier one.
func (g *GitHub) SaveState(lease []byte) error {
	return g.command("state", stateFile, "save-state", stateKey, string(lease), func() { g.action.SaveState(stateKey, string(lease)) })
}

// SavedState returns what SaveState stored, in the post step.
func (g *GitHub) SavedState() (string, bool) {
	lease := g.s.get("STATE_" + stateKey)
	return lease, lease != ""
}

// Output sets a step output of one line.
func (g *GitHub) Output(name, value string) error {
	return g.command("step output", outputFile, "set-output", name, value, func() { g.action.SetOutput(name, value) })
}

// command writes a pair to the file of a variable, or, on a runner that has no
// such files (before 2.297.0; GHES before 3.6; see commandFile), as a workflow command. What
// would not stay one line is refused: the file form ends at a fixed delimiter.
func (g *GitHub) command(channel, variable, command, name, value string, write func()) error {
	if strings.ContainsAny(name+value, "\r\n\x00") || strings.Contains(value, "_GitHubActionsFileCommandDelimeter_") {
		return &ChannelError{Channel: channel, Variable: variable, Err: errors.New("a value is not one line")}
	}
	var err error
	if path := g.commandFile(variable); path == "" {
		err = guard(func() {
			g.action.IssueCommand(&githubactions.Command{Name: command, Message: value, Properties: githubactions.CommandProperties{"name": name}})
		})
	} else if err = appendable(path); err == nil {
		err = guard(write)
	}
	if err != nil {
		return &ChannelError{Channel: channel, Variable: variable, Err: err}
	}
	return nil
}

// Summary adds Markdown to the page of the run.
func (g *GitHub) Summary(markdown string) error {
	const variable = summaryFile
	path := g.commandFile(variable)
	if path == "" {
		return nil
	}
	err := appendable(path)
	if err == nil {
		err = guard(func() { g.action.AddStepSummary(markdown) })
	}
	if err != nil {
		return &ChannelError{Channel: "summary", Variable: variable, Err: err}
	}
	return nil
}

// StateFile is the runner state file, which stands in for the state where the runner
// does not pass it to a post step; empty elsewhere. It stands in a directory that all steps of a
// job share, beside the state file. act and Forgejo do not hand state to the post step of a container
// action (runner/action.go runPostStep).
func (g *GitHub) StateFile() string {
	dir := g.sharedDir()
	if dir == "" || !g.isAct() {
		return ""
	}
	step := fileName(cmp.Or(g.s.get("GITHUB_ACTION"), "step"))
	return filepath.Join(dir, fmt.Sprintf("jenkins-token-%.80s.jsonl", step))
}

// MarksFile is a file in which the steps of a job tell each other what they have done;
// empty on runners before 2.297.0. It stands in a directory that all steps of a job
// share, beside the state file.
func (g *GitHub) MarksFile() string {
	dir := g.sharedDir()
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "jenkins-token-marks.txt")
}

// isAct reports whether the runner is act, or made from it.
func (g *GitHub) isAct() bool { return g.s.get("ACT") == "true" || g.isForge() }

// isForge reports whether the runner is Gitea's or Forgejo's.
func (g *GitHub) isForge() bool {
	return g.s.get("GITEA_ACTIONS") == "true" || g.s.get("FORGEJO_ACTIONS") == "true"
}

// PostUncertain reports whether this runner may not run the post step of a container
// action: Gitea's before 2.3.0 and Forgejo's of 2025 do not know post-entrypoint. Their
// daemons name their versions; Forgejo's sets Gitea's variables too, with its own
// numbers, and no number of it is known to run post steps.
func (g *GitHub) PostUncertain() bool {
	if g.s.get("FORGEJO_ACTIONS") == "true" {
		return true
	}
	return g.s.get("GITEA_ACTIONS") == "true" && !atLeast(g.s.get("GITEA_ACTIONS_RUNNER_VERSION"), 2, 3)
}

// atLeast reports whether a version such as v2.3.0 is not before another. What is not a
// version is before all.
func atLeast(text string, major, minor int) bool {
	parts := strings.SplitN(strings.TrimPrefix(text, "v"), ".", 3)
	if len(parts) < 2 {
		return false
	}
	first, err := strconv.Atoi(parts[0])
	second, err2 := strconv.Atoi(parts[1])
	return err == nil && err2 == nil && (first > major || first == major && second >= minor)
}

// OutputsDropped reports whether the runner drops the outputs of this step: of a step
// without an id, which it gives a name that begins with two underscores
// (ExecutionContext.cs, SetOutput).
func (g *GitHub) OutputsDropped() bool { return strings.HasPrefix(g.s.get("GITHUB_ACTION"), "__") }

// EveryRunIsOne reports whether all runs have the same number here: act numbers
// every run 1.
func (g *GitHub) EveryRunIsOne() bool { return g.s.get("ACT") == "true" }

// IDTokenError is an ID token that was not given. It is all that may be said of
// it: the library's error repeats the answer.
type IDTokenError struct {
	Unoffered bool  // the runner gave the job no address to ask at
	Status    int   // of the endpoint's answer, 0 without one
	Err       error // of the connection
}

// Error implements error.
func (e *IDTokenError) Error() string {
	if e.Unoffered {
		return "oidc-audience: this job may not ask GitHub for an ID token"
	}
	text := "oidc-audience: GitHub gave no ID token"
	switch {
	case e.Status >= 300 && e.Status < 400:
		return text + ": the endpoint answered " + strconv.Itoa(e.Status) + ", a redirect, which is not followed"
	case e.Status != 0 && e.Status != http.StatusOK:
		return text + ": the endpoint answered " + strconv.Itoa(e.Status)
	case e.Status != 0:
		return text + ": the answer of the endpoint holds none"
	}
	return text + ": " + e.connection()
}

// connection says what is wrong with the connection, in our words: the system's
// repeat what a certificate says.
func (e *IDTokenError) connection() string {
	var timeout net.Error
	switch {
	case errors.As(e.Err, new(x509.UnknownAuthorityError)):
		return "the certificate of the endpoint is signed by an unknown authority"
	case errors.As(e.Err, new(*tls.CertificateVerificationError)):
		return "the certificate of the endpoint is not valid"
	case errors.As(e.Err, new(*net.DNSError)):
		return "the name of the endpoint's host is not known"
	case errors.As(e.Err, &timeout) && timeout.Timeout():
		return "the endpoint did not answer in time"
	}
	return "no connection to the endpoint"
}

// Unwrap returns the cause in the connection.
func (e *IDTokenError) Unwrap() error { return e.Err }

// watched notes how a request ended: the library's error repeats the answer.
type watched struct {
	way    http.RoundTripper
	status int
	err    error
}

// RoundTrip implements [http.RoundTripper].
func (w *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := w.way.RoundTrip(r)
	w.err = err
	if err == nil {
		w.status = answer.StatusCode
	}
	return answer, err
}

// IDToken asks GitHub for an ID token and masks it. A redirect is not followed: the
// request carries the runner's own token.
func (g *GitHub) IDToken(ctx context.Context, way http.RoundTripper, audience string) (secret.String, error) {
	if g.s.get("ACTIONS_ID_TOKEN_REQUEST_URL") == "" || g.s.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN") == "" {
		return secret.String{}, &IDTokenError{Unoffered: true}
	}
	seen := &watched{way: way}
	client := &http.Client{Transport: seen, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	action := githubactions.New(githubactions.WithWriter(g.s.Stdout), githubactions.WithGetenv(g.s.get), githubactions.WithHTTPClient(client))
	text, err := action.GetIDToken(ctx, audience)
	if err != nil || text == "" || strings.ContainsAny(text, "\r\n\x00 ") {
		return secret.String{}, &IDTokenError{Status: seen.status, Err: seen.err}
	}
	token := secret.New(text)
	return token, g.Mask(token)
}
