//go:build e2e

package e2e

import (
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// server is a controller under test: the emulator, or a real one.
type server struct {
	name, url, user, password string
	ca                        []byte
}

func servers(t *testing.T) []server {
	t.Helper()
	emulated := jenkinstest.Start(t, jenkinstest.WithUser(user, password))
	old := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithVersion("2.60.3"))
	all := []server{
		{name: "emulator", url: emulated.URL, user: user, password: password},
		{name: "emulator of 2.60.3", url: old.URL, user: user, password: password},
	}
	if root := os.Getenv("JENKINS_E2E_URL"); root != "" {
		real := server{name: "real", url: root, user: os.Getenv("JENKINS_E2E_USER"), password: os.Getenv("JENKINS_E2E_PASSWORD")}
		if path := os.Getenv("JENKINS_E2E_CA"); path != "" {
			var err error
			if real.ca, err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, real)
	} else {
		t.Log("JENKINS_E2E_URL is not set: the emulator alone is tested")
	}
	return all
}

func (s server) client(t *testing.T) *jenkins.Client {
	t.Helper()
	root, err := url.Parse(strings.TrimRight(s.url, "/"))
	if err != nil {
		t.Fatal(err)
	}
	var options []jenkins.Option
	if s.ca != nil {
		options = append(options, jenkins.WithCA(s.ca))
	}
	c, err := jenkins.New(root, jenkins.Password(s.user, s.password), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// listed returns the uuid of the token of a name on the token page.
func listed(t *testing.T, c *jenkins.Client, name string) string {
	t.Helper()
	uuid := ""
	for token, err := range c.Tokens(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if token.Name == name {
			uuid = token.UUID
		}
	}
	return uuid
}

// named skips the test on a controller from before 2.129, whose accounts have
// one token without a name: TestTheOneTokenAgainstJenkins is for those.
func (s server) named(t *testing.T) {
	t.Helper()
	if s.oneToken(t) {
		t.Skip("accounts of this controller have one token, without a name")
	}
}

func (s server) oneToken(t *testing.T) bool {
	t.Helper()
	c := s.client(t)
	if _, err := c.WhoAmI(t.Context()); err != nil {
		t.Fatal(err)
	}
	return !c.Version().AtLeast(2, 129)
}

func TestTheClientAgainstJenkins(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			s.named(t)
			account := s.client(t)
			name := "e2e " + time.Now().UTC().Format("20060102T150405.000") + ` <b>&"é`
			until := time.Now().Add(time.Hour)
			made, err := account.CreateToken(t.Context(), jenkins.TokenRequest{Name: name, Expires: until})
			if err != nil {
				t.Fatal(err)
			}
			own := account.WithCredential(jenkins.APIToken(s.user, made.Value()))
			who, err := own.WhoAmI(t.Context())
			if err != nil || who.Anonymous || !strings.EqualFold(who.Name, s.user) {
				t.Errorf("who am I: got %+v, %v, want %s", who, err, s.user)
			}
			if v := own.Version(); !v.AtLeast(2, 129) {
				t.Errorf("got version %q, want at least 2.129", v)
			} else if made.Expires.IsZero() == v.AtLeast(2, 548) || !made.Expires.IsZero() && made.Expires.Before(until) {
				t.Errorf("version %s ends the token by %v, want an end after %v from 2.548 on", v, made.Expires, until)
			}
			if got := listed(t, own, name); got != made.UUID {
				t.Errorf("got uuid %q on the page, want %q", got, made.UUID)
			}
			if exists, err := account.RenameToken(t.Context(), made.UUID, name); err != nil || !exists {
				t.Errorf("before the revocation: got %v, %v, want that it exists", exists, err)
			}
			if err := own.RevokeToken(t.Context(), made.UUID); err != nil {
				t.Errorf("revoke: %v", err)
			}
			if exists, err := account.RenameToken(t.Context(), made.UUID, name); err != nil || exists {
				t.Errorf("after the revocation: got %v, %v, want that it does not exist", exists, err)
			}
			_, err = own.WhoAmI(t.Context())
			if failed, ok := errors.AsType[*jenkins.Error](err); !ok || failed.Kind != jenkins.KindRefused {
				t.Errorf("the revoked token: got %v, want it refused", err)
			}
		})
	}
}

// entrypoints builds the program under the names of the action.
func entrypoints(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "jenkins-token"), "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, name := range []string{"create", "revoke"} {
		if err := os.Symlink("jenkins-token", filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// job is a job on a runner, without its container.
type job struct {
	t     *testing.T
	dir   string
	files string
	env   []string
}

func newJob(t *testing.T, dir string, s server, inputs ...string) *job {
	t.Helper()
	files := t.TempDir()
	env := append([]string{
		"INPUT_URL=" + s.url, "INPUT_USERNAME=" + s.user, "INPUT_PASSWORD=" + s.password, "INPUT_CA-CERTIFICATE=" + string(s.ca), "INPUT_ALLOW-HTTP=true",
		"GITHUB_ACTIONS=true", "GITHUB_SERVER_URL=https://github.com", "GITHUB_REPOSITORY=acme/web", "GITHUB_RUN_ID=1", "GITHUB_JOB=e2e",
	}, inputs...)
	for _, name := range []string{"GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"} {
		path := filepath.Join(files, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+path)
	}
	return &job{t: t, dir: dir, files: files, env: env}
}

// pair is the value of a key in a file of commands.
func (j *job) pair(file, key string) string {
	j.t.Helper()
	text, err := os.ReadFile(filepath.Join(j.files, file))
	if err != nil {
		j.t.Fatal(err)
	}
	found, err := pairs(string(text))
	if err != nil {
		j.t.Fatal(err)
	}
	value := ""
	for _, p := range found {
		if p.key == key {
			value = p.value
		}
	}
	return value
}

// call runs an entrypoint and returns what it printed.
func (j *job) call(name string) (string, error) {
	cmd := exec.Command(filepath.Join(j.dir, name))
	cmd.Env = append(j.env, "STATE_LEASE="+j.pair("GITHUB_STATE", "LEASE"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestTheEntrypointsAgainstJenkins(t *testing.T) {
	dir := entrypoints(t)
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			s.named(t)
			j := newJob(t, dir, s)
			if out, err := j.call("create"); err != nil {
				t.Fatalf("create: %v\n%s", err, out)
			}
			name := j.pair("GITHUB_OUTPUT", "token-name")
			if uuid := j.pair("GITHUB_OUTPUT", "token-uuid"); uuid == "" || listed(t, s.client(t), name) != uuid {
				t.Errorf("the token of the outputs is not on the page")
			}
			if out, err := j.call("revoke"); err != nil || !strings.Contains(out, "is revoked") {
				t.Errorf("revoke: %v\n%s", err, out)
			}
			if uuid := listed(t, s.client(t), name); uuid != "" {
				t.Error("the token is still on the page after revoke")
			}
		})
	}
}

// TestTheOneTokenAgainstJenkins: before 2.129 an account has one token, which
// everything that uses the account shares.
func TestTheOneTokenAgainstJenkins(t *testing.T) {
	dir := entrypoints(t)
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			if !s.oneToken(t) {
				t.Skip("accounts of this controller have named tokens")
			}
			if out, err := newJob(t, dir, s).call("create"); err == nil || !strings.Contains(out, "legacy: read") {
				t.Errorf("without legacy: got %v, want a refusal that names the setting\n%s", err, out)
			}
			j := newJob(t, dir, s, "INPUT_LEGACY=read")
			if out, err := j.call("create"); err != nil {
				t.Fatalf("create: %v\n%s", err, out)
			}
			own := s.client(t).WithCredential(jenkins.APIToken(s.user, j.pair("GITHUB_OUTPUT", "token")))
			good := func(after string) {
				if who, err := own.WhoAmI(t.Context()); err != nil || who.Anonymous {
					t.Errorf("after %s: got %+v, %v, want that the token is good", after, who, err)
				}
			}
			good("create")
			if out, err := j.call("revoke"); err != nil {
				t.Errorf("revoke: %v\n%s", err, out)
			}
			good("revoke")
		})
	}
}
