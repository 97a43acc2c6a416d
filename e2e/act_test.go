//go:build e2e

package e2e

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// TestAWorkflowUnderAct runs the workflow of examples/act as a reader would. act
// hands no state to the post step, which has to revoke the token all the same.
func TestAWorkflowUnderAct(t *testing.T) {
	act := findAct(t)
	_, dir := action(t)
	job := jobImage(t)
	j := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithJob("deploy"))

	gitInit(t, dir)
	before := actImages(t)
	cmd := exec.CommandContext(t.Context(), "sh", "examples/act/run.sh", "--platform", "ubuntu-latest="+job, "--pull=false")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "ACT="+act, "JENKINS_URL="+j.URL, "JENKINS_PASSWORD="+password)
	out, err := cmd.CombinedOutput()
	t.Cleanup(func() {
		for id := range actImages(t) {
			if !before[id] && id != shared.image {
				_ = exec.Command("docker", "image", "rm", "--force", id).Run()
			}
		}
	})
	log := string(out)
	if err != nil {
		t.Fatalf("act: %v\n%s", err, log)
	}
	for _, want := range []string{"Jenkins answered 201", "the token is ***", "is revoked"} {
		if !strings.Contains(log, want) {
			t.Errorf("got no %q in the log:\n%s", want, log)
		}
	}
	if found := token.FindString(log); found != "" {
		t.Errorf("the log shows the token %s:\n%s", found, log)
	}
	if got := len(j.Tokens(user)); got != 0 {
		t.Errorf("got %d tokens after the job, want none", got)
	}
	if got := j.RefusedLogins(); got != 0 {
		t.Errorf("got %d refused logins, want none", got)
	}
}

// findAct is the path of act.
func findAct(t *testing.T) string {
	t.Helper()
	act, err := exec.LookPath(cmp.Or(os.Getenv("ACT"), "act"))
	if err != nil {
		t.Fatalf("%v (go build -modfile=tools/go.mod github.com/nektos/act, and set ACT to its path)", err)
	}
	if act, err = filepath.Abs(act); err != nil {
		t.Fatal(err)
	}
	return act
}

// gitInit makes a repository of a directory: act asks git where it is.
func gitInit(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command("git", "init", "--quiet")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git init: %v\n%s", err, out)
	}
}

// actImages are the images that act has built for actions.
func actImages(t *testing.T) map[string]bool {
	t.Helper()
	out, err := exec.Command("docker", "image", "ls", "--no-trunc", "--quiet", "--filter", "reference=act-*").Output()
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for id := range strings.FieldsSeq(string(out)) {
		ids[id] = true
	}
	return ids
}
