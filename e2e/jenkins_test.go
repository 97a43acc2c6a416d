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
	all := []server{{name: "emulator", url: emulated.URL, user: user, password: password}}
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
	err := c.Tokens(t.Context(), 32<<20, func(token jenkins.ListedToken) bool {
		if token.Name == name {
			uuid = token.UUID
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return uuid
}

func TestTheClientAgainstJenkins(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			account := s.client(t)
			name := "e2e " + time.Now().UTC().Format("20060102T150405.000") + ` <b>&"é`
			made, err := account.CreateToken(t.Context(), name, 1)
			if err != nil {
				t.Fatal(err)
			}
			own := account.With(jenkins.APIToken(s.user, made.Value()))
			who, err := own.WhoAmI(t.Context())
			if err != nil || who.Anonymous || !strings.EqualFold(who.Name, s.user) {
				t.Errorf("who am I: got %+v, %v, want %s", who, err, s.user)
			}
			if v := own.Version(); !v.AtLeast(2, 129) {
				t.Errorf("got version %q, want at least 2.129", v)
			}
			if got := listed(t, own, name); got != made.UUID {
				t.Errorf("got uuid %q on the page, want %q", got, made.UUID)
			}
			if exists, err := account.TokenExists(t.Context(), made.UUID, name); err != nil || !exists {
				t.Errorf("before the revocation: got %v, %v, want that it exists", exists, err)
			}
			if err := own.RevokeToken(t.Context(), made.UUID); err != nil {
				t.Errorf("revoke: %v", err)
			}
			if exists, err := account.TokenExists(t.Context(), made.UUID, name); err != nil || exists {
				t.Errorf("after the revocation: got %v, %v, want that it does not exist", exists, err)
			}
			_, err = own.WhoAmI(t.Context())
			if failed, ok := errors.AsType[*jenkins.Error](err); !ok || failed.Kind != jenkins.KindRefused {
				t.Errorf("the revoked token: got %v, want it refused", err)
			}
		})
	}
}

func TestTheEntrypointsAgainstJenkins(t *testing.T) {
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
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			files := t.TempDir()
			env := []string{
				"INPUT_URL=" + s.url, "INPUT_USERNAME=" + s.user, "INPUT_PASSWORD=" + s.password, "INPUT_CA-CERTIFICATE=" + string(s.ca), "INPUT_ALLOW-HTTP=true",
				"GITHUB_ACTIONS=true", "GITHUB_SERVER_URL=https://github.com", "GITHUB_REPOSITORY=acme/web", "GITHUB_RUN_ID=1", "GITHUB_JOB=e2e",
			}
			for _, name := range []string{"GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"} {
				path := filepath.Join(files, name)
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				env = append(env, name+"="+path)
			}
			r := &runner{t: t, dir: files}
			if err := os.Symlink(".", filepath.Join(files, "file_commands")); err != nil {
				t.Fatal(err)
			}
			create := exec.Command(filepath.Join(dir, "create"))
			create.Env = env
			if out, err := create.CombinedOutput(); err != nil {
				t.Fatalf("create: %v\n%s", err, out)
			}
			name := r.pair("GITHUB_OUTPUT", "token-name")
			if uuid := r.pair("GITHUB_OUTPUT", "token-uuid"); uuid == "" || listed(t, s.client(t), name) != uuid {
				t.Errorf("the token of the outputs is not on the page")
			}
			revoke := exec.Command(filepath.Join(dir, "revoke"))
			revoke.Env = append(env, "STATE_LEASE="+r.pair("GITHUB_STATE", "LEASE"))
			out, err := revoke.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "is revoked") {
				t.Errorf("revoke: %v\n%s", err, out)
			}
			if uuid := listed(t, s.client(t), name); uuid != "" {
				t.Error("the token is still on the page after revoke")
			}
		})
	}
}
