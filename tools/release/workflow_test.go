package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// step returns the script of a step of the release workflow.
func step(t *testing.T, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(string(read(t, repository, ".github/workflows/release.yml")), "- name: "+name+"\n")
	_, rest, ok2 := strings.Cut(rest, "        run: |\n")
	if !ok || !ok2 {
		t.Fatalf("the workflow has no step %q", name)
	}
	const indent = "          "
	var script strings.Builder
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, indent) {
			break
		}
		script.WriteString(strings.TrimPrefix(line, indent))
	}
	return script.String()
}

// TestTheTagOfARelease runs the step that makes commit B and its tags on a clone
// whose origin is a directory.
func TestTheTagOfARelease(t *testing.T) {
	dir, origin, temp := copyRepository(t), t.TempDir(), t.TempDir()
	changelog := "# Changelog\n\n## [1.2.3] - 2026-11-24\n\n- a thing\n"
	if err := os.WriteFile(filepath.Join(dir, "CHANGELOG.md"), []byte(changelog), 0o644); err != nil {
		t.Fatal(err)
	}
	sh(t, dir, `git init --quiet --initial-branch main && git add --all && git -c user.name=a -c user.email=a@example.com commit --quiet --message A
		git tag v1.2.2 && git tag v1 && git tag v0.9.0
		git init --quiet --bare "$ORIGIN" && git remote add origin "$ORIGIN" && git push --quiet origin main --tags`, "ORIGIN="+origin)
	image := "ghcr.io/jenkins-token/jenkins-token@sha256:" + strings.Repeat("0a", 32)
	dist := releasePrograms(t)
	if err := checksums(dist); err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(read(t, dist, checksumFile)))
	// As the runner calls a step without a shell of its own.
	run := func() (string, error) {
		cmd := exec.Command("bash", "-e", "-c", step(t, "commit B and its tags"))
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "VERSION=v1.2.3", "REFERENCE="+image, "TOKEN=secret", "RUNNER_TEMP="+temp,
			"DIST="+dist, "CHECKSUMS="+sum, "GITHUB_SHA=A", "GITHUB_OUTPUT="+filepath.Join(temp, "output"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, test := range map[string]struct{ script, want string }{
		"what changed":        {"git diff --numstat main v1.2.3", "1\t1\taction.yml\n10\t3\tnative/release.json\n1\t1\trevoke/action.yml\n1\t1\tsweep/action.yml\n"},
		"the commit before":   {"git rev-parse v1.2.3~1 | git name-rev --stdin --name-only --refs=refs/heads/main", "main\n"},
		"what v1 stands for":  {"git rev-parse v1 v1.2.3 | uniq | wc -l", "1\n"},
		"tags of the origin":  {"git tag", "v0.9.0\nv1\nv1.2.2\nv1.2.3\n"},
		"the image of action": {"git show v1.2.3:action.yml | grep -c 'docker://" + image + "$'", "1\n"},
	} {
		if got := sh(t, origin, test.script); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	if got, want := string(read(t, temp, "output")), "moving=1.2 1\n"; got != want {
		t.Errorf("got output %q, want %q", got, want)
	}
	if got := string(read(t, temp, "notes.md")); !strings.HasPrefix(got, "- a thing\n") || !strings.Contains(got, image) {
		t.Errorf("got notes %q", got)
	}
	if out, err := run(); err == nil {
		t.Errorf("a version could be tagged twice:\n%s", out)
	}
}
