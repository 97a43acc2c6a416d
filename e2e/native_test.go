//go:build e2e

package e2e

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// machine is act in host mode, with a checkout of the actions and a release on this
// machine: the jobs run on it, without Docker.
type machine struct {
	act, dir   string
	controller *jenkinstest.Server
	downloads  atomic.Int64
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("node is not installed")
	}
	m := &machine{act: findAct(t), dir: t.TempDir(), controller: jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithJob("deploy"))}
	program, err := os.ReadFile(hostProgram(t))
	if err != nil {
		t.Fatal(err)
	}
	release := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		m.downloads.Add(1)
		_, _ = w.Write(program)
	}))
	t.Cleanup(release.Close)
	if err := os.CopyFS(m.dir, os.DirFS("testdata/native")); err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"native", "setup"} {
		if err := os.CopyFS(filepath.Join(m.dir, action), os.DirFS(filepath.Join("..", action))); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{
		"version": "v1.2.3", "url": release.URL, "sha256": map[string]string{runtime.GOOS + "-" + runtime.GOARCH: fmt.Sprintf("%x", sha256.Sum256(program))},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(m.dir, "native/release.json"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	gitInit(t, m.dir)
	return m
}

// run is a run of act for an event.
func (m *machine) run(t *testing.T, event string) *exec.Cmd {
	t.Helper()
	home := t.TempDir() // with the tool cache
	cmd := exec.CommandContext(t.Context(), m.act, event, "--platform", "machine=-self-hosted", "--var", "JENKINS_URL="+m.controller.URL, "--secret", "JENKINS_PASSWORD")
	cmd.Dir = m.dir
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME="+home, "JENKINS_PASSWORD="+password)
	return cmd
}

// TestNativeOnAMachine: on a runner without Docker the token is created, used and
// revoked, in a job that succeeds and in one that fails, and exec works with the program
// that setup puts on PATH.
func TestNativeOnAMachine(t *testing.T) {
	m := newMachine(t)
	out, err := m.run(t, "push").CombinedOutput()
	log := string(out)
	if err == nil || !strings.Contains(log, "Job succeeded") || !strings.Contains(log, "Job failed") {
		t.Errorf("got %v, want a job that succeeds and one that fails", err)
	}
	var built []string
	for _, r := range m.controller.Requests() {
		if strings.HasPrefix(r.Path, "/job/deploy/build") && r.Via == jenkinstest.ViaToken {
			built = append(built, r.Form.Get("from"))
		}
		if _, secret, ok := basic(r.Header.Get("Authorization")); ok && r.Via == jenkinstest.ViaToken && strings.Contains(log, secret) {
			t.Error("the log shows a token")
		}
	}
	if want := []string{"success", "setup"}; !slices.Equal(built, want) {
		t.Errorf("got builds from %v, want %v", built, want)
	}
	if got := strings.Count(log, " is revoked"); got != 3 {
		t.Errorf("got %d tokens revoked in the log, want 3", got)
	}
	if !strings.Contains(log, "the token is ***") {
		t.Error("the runner did not mask the token")
	}
	m.noTokens(t, log)
	if got := m.downloads.Load(); got != 1 {
		t.Errorf("got %d downloads, want one: the others find the program in the tool cache", got)
	}
}

// TestNativeCancelled: the post step revokes the token of a job that was cancelled.
func TestNativeCancelled(t *testing.T) {
	m := newMachine(t)
	cmd := m.run(t, "workflow_dispatch")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	lines := bufio.NewReader(io.TeeReader(pipe, &log))
	for line, err := "", error(nil); !strings.Contains(line, "| the job is running"); {
		if line, err = lines.ReadString('\n'); err != nil {
			t.Fatalf("%v\n%s", err, log.String())
		}
	}
	if got := len(m.controller.Tokens(user)); got != 1 {
		t.Errorf("got %d tokens while the job runs, want 1", got)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, lines); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // act fails after a cancel
	m.noTokens(t, log.String())
}

func (m *machine) noTokens(t *testing.T, log string) {
	t.Helper()
	if got := m.controller.Tokens(user); len(got) != 0 {
		t.Errorf("got %d tokens after the jobs, want none: %v", len(got), got)
	}
	if got := m.controller.RefusedLogins(); got != 0 {
		t.Errorf("got %d refused logins, want none", got)
	}
	if t.Failed() {
		t.Log(log)
	}
}
