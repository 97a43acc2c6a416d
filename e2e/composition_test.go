//go:build e2e

package e2e

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// TestTheActionWhereverAWorkflowCanPutIt runs testdata/workflows: inside a
// composite action and a composite of a composite, in a reusable workflow, in a
// job with container:, with Jenkins as a service of the job, twice in one job, and
// in a matrix of ten. The action is its action.yml with the image built once,
// where act would build it twice a job.
func TestTheActionWhereverAWorkflowCanPutIt(t *testing.T) {
	act := findAct(t)
	job := jobImage(t)
	emulatorImage(t)
	j := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithJob("deploy"))

	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/workflows")); err != nil {
		t.Fatal(err)
	}
	writeAction(t, filepath.Join(dir, "action"))
	gitInit(t, dir)
	cmd := exec.CommandContext(t.Context(), act, "push", "--bind", "--rm", "--container-daemon-socket", "-", "--pull=false",
		"--platform", "ubuntu-latest="+job, "--var", "JENKINS_URL="+j.URL, "--secret", "JENKINS_PASSWORD")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "JENKINS_PASSWORD="+password)
	out, err := cmd.CombinedOutput()
	log := string(out)
	if err != nil {
		t.Fatalf("act: %v\n%s", err, log)
	}

	places := []string{"composite", "nested", "reusable", "container", "first", "second"}
	for part := range 10 {
		places = append(places, fmt.Sprintf("part-%d", part))
	}
	var made, built []string
	for _, r := range j.Requests() {
		if strings.HasSuffix(r.Path, "/generateNewToken") && r.Status == 200 {
			made = append(made, strings.Split(r.Form.Get("newTokenName"), ":")[3])
		}
		if path, err := url.Parse(r.Path); err == nil && path.Path == "/job/deploy/build" && r.Via == jenkinstest.ViaToken {
			built = append(built, r.Form.Get("from"))
		}
		// Every token was shown to the controller, which so knows what the log may
		// not hold.
		if _, secret, ok := basic(r.Header.Get("Authorization")); ok && r.Via == jenkinstest.ViaToken && strings.Contains(log, secret) {
			t.Errorf("the log shows the token %s", secret)
		}
	}
	slices.Sort(places)
	slices.Sort(made)
	slices.Sort(built)
	if !slices.Equal(made, places) {
		t.Errorf("got tokens for %v, want one for each of %v", made, places)
	}
	if !slices.Equal(built, places) {
		t.Errorf("got builds from %v, want one from each of %v", built, places)
	}
	// The service's controller is gone with its job; what it said is in the log.
	for _, place := range append(places, "service") {
		if want := "the token of " + place + " is ***\n"; strings.Count(log, want) != 1 {
			t.Errorf("got %d lines %q in the log, want 1", strings.Count(log, want), want)
		}
		if got := strings.Count(log, ":"+place+":"); got < 2 {
			t.Errorf("got %d mentions of the token of %s, want it ready and revoked", got, place)
		}
	}
	if got, want := strings.Count(log, " is revoked\n"), len(places)+1; got != want {
		t.Errorf("got %d tokens revoked in the log, want %d", got, want)
	}
	if found := token.FindString(log); found != "" {
		t.Errorf("the log shows the token %s", found)
	}
	if got := j.Tokens(user); len(got) != 0 {
		t.Errorf("got %d tokens after the jobs, want none: %v", len(got), got)
	}
	if got := j.RefusedLogins(); got != 0 {
		t.Errorf("got %d refused logins, want none", got)
	}
	if t.Failed() {
		t.Log(log)
	}
}

// writeAction writes the action's action.yml with the image that was built in
// place of the Dockerfile.
func writeAction(t *testing.T, dir string) {
	t.Helper()
	const tag = "jenkins-token-e2e-action:1"
	id, _ := action(t)
	if _, err := docker(t.Context(), nil, "tag", id, tag); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	before, after, ok := strings.Cut(string(text), "  image: Dockerfile\n")
	if !ok {
		t.Fatal("action.yml does not build its Dockerfile")
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "action.yml"), []byte(before+"  image: docker://"+tag+"\n"+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// basic reads a Basic header.
func basic(header string) (name, secret string, ok bool) {
	text, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(header, "Basic "))
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(text), ":")
}

// emulatorImage makes an image of cmd/jenkins-emulator, for services:.
func emulatorImage(t *testing.T) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "jenkins-emulator")
	build := exec.Command("go", "build", "-o", binary, "../cmd/jenkins-emulator")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	entrypoint := fmt.Sprintf(`ENTRYPOINT ["/jenkins-emulator", "--addr", "0.0.0.0:8080", "--user", %q, "--job", "deploy"]`, user+":"+password)
	id, err := importImage(t.Context(), "jenkins-token-e2e-emulator:1", []string{entrypoint, "EXPOSE 8080"}, func(w *root) error {
		return w.file(binary, "/jenkins-emulator")
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "image", "rm", "--force", id).Run() })
}
